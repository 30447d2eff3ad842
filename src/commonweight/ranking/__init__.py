"""Metrics on plain arrays of accuracies: how far ranks of children agree with each other and with ground truth.

A rank is a vector of accuracies [child], higher is better; tau takes ties as ties (tau-b), and where a strict order is
needed (`ranks`, `top_n_rank`) ties go to the lower child index. Nothing here knows of networks, files or records, and
randomness comes in as a `numpy.random.Generator`.
"""

from commonweight.ranking.baseline import random_ranks
from commonweight.ranking.intervals import Interval, mean_interval, s_tau_interval
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

__all__ = [
    "Interval",
    "MeanStd",
    "STau",
    "gt_tau",
    "last_k",
    "mean_interval",
    "random_ranks",
    "ranks",
    "s_tau",
    "s_tau_interval",
    "tau",
    "tau_between",
    "tau_matrix",
    "top_n_rank",
]
