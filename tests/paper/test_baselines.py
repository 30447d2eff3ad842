"""What is had for nothing beside super-nets, from made-up records, against SciPy and counting by hand."""

import math

import numpy as np
import pytest
import torch
from paper.making import made_up, mean, std, tau, tiny_setting

from commonweight.paper.artefacts import catalogue
from commonweight.paper.baselines import baselines, untrained
from commonweight.study.jobs import FinalAccuracy
from plain import opponent

SPEC = {"instances": 3, "ground_truth_seeds": 3, "alone_epochs": 5, "last_epochs": 2}


def make(seed=0):
    setting = tiny_setting(experiments=SPEC)
    return made_up(setting, *baselines.experiments(setting), seed=seed)


def truths(made):
    judged = made.measured["ground-truth"].final[FinalAccuracy.JUDGED]
    return [
        [mean(column) for column in zip(*np.delete(judged, seed, axis=0).tolist(), strict=True)] for seed in range(3)
    ]


def among_best(rank, truth, count):
    """GT-Tau among the `count` truly best and those that tie with the last of them; nan of fewer than 3."""
    cut = sorted(truth, reverse=True)[count - 1]
    pairs = [(one, other) for one, other in zip(rank, truth, strict=True) if other >= cut]
    return tau(*zip(*pairs, strict=True)) if len(pairs) > 2 else math.nan


@pytest.mark.parametrize("seed", range(3))
def test_every_row_against_scipy(seed):
    made = make(seed)
    measured = made.measured
    (table,) = baselines(made)
    window = measured["seeds"].accuracy
    free = untrained(made.setting)
    ranks = {
        "super-net, last moment": (8, window[:, -1]),
        "super-net, mean of last 8 mini-batches": (8, window[:, -8:].mean(axis=1)),
        "every child alone for 2 mini-batches": (8, measured["briefly-alone"].accuracy[:, -1]),
        **{name: (0, values[None]) for name, values in free.items()},
    }
    *rows, own = table.rows
    assert [row.name for row in rows] == list(ranks)
    for row, (cost, rank) in zip(rows, ranks.values(), strict=True):
        assert row.ranks == len(rank)
        assert row.numbers[0].value == cost
        for number, count in zip(row.numbers[1:], (8, 2, 1), strict=True):
            taus = [mean(among_best(one, truth, count) for truth in truths(made)) for one in rank.tolist()]
            assert number.value == pytest.approx(mean(taus), nan_ok=True)
            if len(taus) > 1:
                assert number.std == pytest.approx(std(taus), nan_ok=True)
    alone = measured["ground-truth"].accuracy[:, -1].tolist()
    assert own.numbers[0].value == 8 * 5
    for number, count in zip(own.numbers[1:], (8, 2, 1), strict=True):
        taus = [among_best(one, truth, count) for one, truth in zip(alone, truths(made), strict=True)]
        assert number.value == pytest.approx(mean(taus), nan_ok=True)


def test_children_are_alone_for_as_long_as_in_a_super_net():
    made = make()
    setting = made.setting
    brief = made.setting.updates(8)
    assert brief * 8 <= setting.study.training.epochs * setting.batches_per_epoch < (brief + 1) * 8
    experiment = catalogue(setting)["briefly-alone"]()
    assert {job.mini_batches for job in experiment.jobs} == {brief}
    assert {job.children for job in experiment.jobs} == {(child.name,) for child in setting.children}
    assert len(experiment.instances) == 3


def test_multiply_adds_are_those_of_plain_pytorch_and_proxies_tell_children_apart():
    setting = tiny_setting(experiments=SPEC)
    free = untrained(setting)
    shape, size = setting.study.net, math.prod(setting.image_size)
    sizes = opponent.Sizes(1, 2, shape.channels, shape.stem_multiplier, shape.cells, shape.combine.value)
    for child, found in zip(setting.children, free["multiply-adds"], strict=True):
        plain, counted = opponent.PlainChild(child.primitives, sizes=sizes).eval(), []

        def count(layer, _, out, counted=counted):
            counted.append(out[0].numel() * layer.weight[0].numel())

        for layer in plain.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                layer.register_forward_hook(count)
        plain(torch.zeros(1, 1, *setting.image_size))
        assert found == sum(counted)
        assert found > size
    assert len(set(free["SynFlow"].tolist())) > 4
    assert len(set(free["NASWOT"].tolist())) > 4
    again = untrained(setting)
    assert all(free[name].tolist() == again[name].tolist() for name in free)
