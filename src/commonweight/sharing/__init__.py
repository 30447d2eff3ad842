"""Sharing plans (who uses which weights) and partitions (who is trained with whom)."""

from commonweight.sharing.clustering import balanced_groups, run_bounds
from commonweight.sharing.partition import Partition, at_random, by_affinity, similar, singletons
from commonweight.sharing.plan import (
    HEAD,
    STEM,
    TAIL,
    Kind,
    Place,
    SharingPlan,
    Site,
    share_all,
    share_all_but,
    share_none,
    share_prefix,
    sites,
)

__all__ = [
    "HEAD",
    "STEM",
    "TAIL",
    "Kind",
    "Partition",
    "Place",
    "SharingPlan",
    "Site",
    "at_random",
    "balanced_groups",
    "by_affinity",
    "run_bounds",
    "share_all",
    "share_all_but",
    "share_none",
    "share_prefix",
    "similar",
    "singletons",
    "sites",
]
