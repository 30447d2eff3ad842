"""Metrics on plain arrays of accuracies: how far ranks of children agree with each other and with ground truth.

A rank is a vector of accuracies [child], higher is better. Tau takes ties as ties (tau-b), `top_n_rank` the mean over all
orders of the tied children, and where a strict order is needed (`ranks`) they go to the lower child index. A record is
accuracies and trained, both [..., moment, child]. Nothing here knows of networks or files, and randomness comes in as a
`numpy.random.Generator`.
"""

from commonweight.ranking.baseline import random_ranks
from commonweight.ranking.curves import trained_mask
from commonweight.ranking.interference import (
    HelpAndHarm,
    curve_correlation,
    help_and_harm,
    interference,
    mean_after,
    mutual_help,
    since_trained,
)
from commonweight.ranking.intervals import (
    Interval,
    difference_interval,
    jackknife_interval,
    mean_interval,
    paired_difference_interval,
    s_tau_difference_interval,
    s_tau_interval,
    s_tau_paired_difference_interval,
    s_tau_share_interval,
    share_interval,
    within_between_interval,
)
from commonweight.ranking.metrics import (
    MeanStd,
    STau,
    gt_tau,
    last_k,
    ranks,
    s_tau,
    tau,
    tau_between,
    tau_matrix,
    top_n_rank,
)
from commonweight.ranking.null import STauNull, s_tau_null
from commonweight.ranking.periodicity import autocorrelation, autocorrelations, trained_is_best, trained_rank
from commonweight.ranking.populations import (
    gt_tau_of_best,
    mean_of_others,
    own_gt_tau,
    sampling_deviation,
    truly_best,
)
from commonweight.ranking.pruning import keep, mean_rank, survival, survival_intervals
from commonweight.ranking.readings import (
    Reading,
    just_trained,
    last,
    max_of_last,
    mean_of_last,
    median_of_last,
    readings,
)
from commonweight.ranking.sampling_error import tau_sampling_deviation

__all__ = [
    "HelpAndHarm",
    "Interval",
    "MeanStd",
    "Reading",
    "STau",
    "STauNull",
    "autocorrelation",
    "autocorrelations",
    "curve_correlation",
    "difference_interval",
    "gt_tau",
    "gt_tau_of_best",
    "help_and_harm",
    "interference",
    "jackknife_interval",
    "just_trained",
    "keep",
    "last",
    "last_k",
    "max_of_last",
    "mean_after",
    "mean_interval",
    "mean_of_last",
    "mean_of_others",
    "mean_rank",
    "median_of_last",
    "mutual_help",
    "own_gt_tau",
    "paired_difference_interval",
    "random_ranks",
    "ranks",
    "readings",
    "s_tau",
    "s_tau_difference_interval",
    "s_tau_interval",
    "s_tau_null",
    "s_tau_paired_difference_interval",
    "s_tau_share_interval",
    "sampling_deviation",
    "share_interval",
    "since_trained",
    "survival",
    "survival_intervals",
    "tau",
    "tau_between",
    "tau_matrix",
    "tau_sampling_deviation",
    "top_n_rank",
    "trained_is_best",
    "trained_mask",
    "trained_rank",
    "truly_best",
    "within_between_interval",
]
