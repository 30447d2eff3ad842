"""Made-up records of the catalogue's experiments, and the paper's numbers a second time, in plain Python and SciPy."""

import math
from itertools import chain, combinations, permutations, product

import numpy as np
from scipy.stats import kendalltau
from tiny import tiny_study

from commonweight.paper.artefacts import catalogue
from commonweight.paper.evidence import Evidence
from commonweight.study.jobs import FinalAccuracy, FoundSpec
from commonweight.study.load import load_study
from commonweight.study.setting import Measured, Setting

PER_EPOCH = 2  # mini-batches of an epoch of `tiny_setting`: 128 images in batches of 64


def tiny_setting(**overrides):
    """8 children, 4 cells and 8 epochs of 2 mini-batches: two rounds of all children, one of them up to half-way."""
    return Setting(tiny_study(**({"training__epochs": 8, "net__cells": 4} | overrides)), "f" * 64, (7, 7), 128, 20, 30)


def paper_setting(**overrides):
    """The shipped study with the paper's own settings, as if CIFAR-10 had been read."""
    sets = {key.replace("__", "."): value for key, value in overrides.items()}
    return Setting(load_study("paper", {"data.path": "/cifar"} | sets), "f" * 64, (32, 32), 50_000, 10_000, 10_000)


def made_up(setting, *names, seed=0):
    """Evidence of these experiments: accuracies around each child's own quality, in whole images, so that some tie."""
    rng, make = np.random.default_rng(seed), catalogue(setting)
    return Evidence(setting, {name: _measured(make[name](), setting, rng) for name in dict.fromkeys(names)})


def _measured(experiment, setting, rng):
    children = len(setting.children)
    job = min(experiment.jobs, key=lambda job: job.sweeps)
    step = np.array(sorted(job.moments.steps(job.mini_batches, job.batches_per_epoch)))
    instances = len(experiment.instances)

    def accuracies(*shape):
        quality = 10 + 5 * np.sin(np.arange(children))
        return np.clip(np.round(quality + rng.normal(0, 2, (*shape, children))), 0, 20) / 20

    trained = np.zeros((instances, len(step), children), dtype=bool)
    for number, parts in enumerate(experiment.instances):
        for part in parts:
            found = isinstance(part.job.children, FoundSpec)  # they may be any
            names = [child.name for child in setting.children] if found else part.job.children
            group = [place for place, child in enumerate(setting.children) if child.name in names]
            for moment in range(len(step)):
                trained[number, moment, rng.choice(group)] = True
    return Measured(
        accuracies(instances, len(step)),
        step,
        trained,
        {which: accuracies(instances) for which in job.final_accuracies},
    )


def truth_of(evidence):
    """Ground truth of each child: its mean over initialisations, one number after the other."""
    return [mean(column) for column in evidence.measured["ground-truth"].final[FinalAccuracy.JUDGED].T.tolist()]


def after(measured, instance, mini_batches):
    """Accuracies of all children of one instance after so many mini-batches."""
    return measured.accuracy[instance, measured.step.tolist().index(mini_batches)].tolist()


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def std(values):
    """Of the population: what the paper calls standard variance."""
    values = list(values)
    return math.sqrt(mean((value - mean(values)) ** 2 for value in values))


def tau(a, b):
    return float(kendalltau(a, b).statistic)


def places(accuracies):
    """Rank of each child, 1 = best, ties to the lower index, one child after the other."""
    return [1 + sum(b > a or (b == a and j < i) for j, b in enumerate(accuracies)) for i, a in enumerate(accuracies)]


def tnr(accuracies, truth, n):
    """The best true rank among the n children that a rank puts first: the mean over all orders of those that tie."""
    if len(set(accuracies)) == 1 or len(set(truth)) == 1:
        return math.nan
    cut = sorted(accuracies)[-n]
    above = [i for i, a in enumerate(accuracies) if a > cut]
    at = [i for i, a in enumerate(accuracies) if a == cut]
    firsts = [(*above, *drawn) for drawn in combinations(at, n - len(above))]
    alike = [[i for i, t in enumerate(truth) if t == value] for value in sorted(set(truth), reverse=True)]
    orders = [list(chain.from_iterable(parts)) for parts in product(*map(permutations, alike))]
    return mean(1 + min(order.index(i) for i in first) for first in firsts for order in orders)


def last_taus(measured, instance, truth, k, end=None):
    """GT-Tau after each of the last k mini-batches of one instance."""
    end = measured.step[-1] if end is None else end
    return [tau(after(measured, instance, end - t), truth) for t in range(k - 1, -1, -1)]


def only(items):
    (item,) = items
    return item
