"""Claim 11, which is ours: what of the paper's instability is in batch norm's statistics, and what in the weights."""

from collections.abc import Mapping

import numpy as np

from commonweight.paper.claims.comparisons import paired_s_tau
from commonweight.paper.claims.definition import claim
from commonweight.paper.claims.verdict import Check, above
from commonweight.paper.estimates import estimated_share
from commonweight.paper.evidence import report_stream
from commonweight.paper.experiments import SEEDS, TRUTH
from commonweight.paper.hidden import AS_TRAINED, OF_THE_BATCH, under_statistics
from commonweight.study.setting import Setting

MOST = 0.5  # of the gap between super-nets and ground truth


@claim(
    11,
    "Most of the super-nets' instability is in batch norm's running statistics, not in the weights: the validation batch's "
    "own statistics close most of the gap between the super-nets' S-Tau and ground truth's.",
    None,
    under_statistics(SEEDS),
    TRUTH.last(),
    shown=("instability", "hidden-choices"),
)
def statistics_are_unstable(seeds: Mapping[str, np.ndarray], alone: np.ndarray, setting: Setting) -> tuple[Check, ...]:
    """What statistics of the validation batch add to S-Tau, and how much of the gap to ground truth's that closes."""
    stream, trained, of_the_batch = report_stream(setting), seeds[AS_TRAINED], seeds[OF_THE_BATCH]
    n = len(trained)
    return (
        above(
            f"S-Tau of different seeds, statistics {OF_THE_BATCH} − {AS_TRAINED}",
            paired_s_tau(stream, of_the_batch, trained),
            n,
        ),
        above(
            f"Share of the gap from S-Tau {AS_TRAINED} to ground truth's that statistics {OF_THE_BATCH} close",
            estimated_share(of_the_batch, trained, alone, stream),
            n,
            MOST,
        ),
    )
