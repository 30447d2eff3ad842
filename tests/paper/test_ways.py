"""Ways to rank all children and what they cost, from made-up records, against plain Python."""

import numpy as np
import pytest
from paper.making import after, made_up, mean, places, tiny_setting

from commonweight.paper.experiments import PREFIX, RANDOM, SEEDS, SIMILAR, TRUTH
from commonweight.paper.ways import (
    EVERY_WAY,
    LESS,
    PRUNED,
    READ,
    SHORT,
    STATISTICS,
    TUNED,
    parameter_counts,
    training_cost,
)
from commonweight.study.jobs import FinalAccuracy
from plain import opponent

EPOCHS, ALONE, PER_EPOCH, CHILDREN = 8, 5, 2, 8
SPEC = {"instances": 3, "ground_truth_seeds": 2, "alone_epochs": ALONE, "last_epochs": 3, "finetune_batches": 3}
LENGTHS = {  # (words, epochs, mini-batches of an epoch): the experiments with BN shared or not
    ("8 epochs", 8, 2): ("seeds", "unshared-norm"),
    ("2 epochs", 2, 2): ("epochs-2", "epochs-2-unshared-norm"),
    ("4 epochs", 4, 2): ("epochs-4", "epochs-4-unshared-norm"),
    ("8 epochs in batches of 32", 8, 4): ("batch-32", "batch-32-unshared-norm"),
    ("8 epochs in batches of 128", 8, 1): ("batch-128", "batch-128-unshared-norm"),
}


def make(seed=0, **overrides):
    setting = tiny_setting(experiments=SPEC | {"calibration_batches": 3}, **overrides)
    made = made_up(setting, *EVERY_WAY.experiments(setting), seed=seed)
    children = len(setting.children)
    for number, measured in enumerate(made.measured.values()):  # everyone is trained in each round
        measured.trained[:] = np.arange(children) == (measured.step[:, None] + number) % children
    return made


def moments(measured, instance, steps):
    """Mean of each child over these moments."""
    return [mean(column) for column in zip(*(after(measured, instance, step) for step in steps), strict=True)]


def just_trained(measured, instance, steps):
    found = [None] * CHILDREN
    for step in steps:
        child = measured.trained[instance, measured.step.tolist().index(step)].tolist().index(True)
        found[child] = after(measured, instance, step)[child]
    return found


def pruned(before, kept, then):
    """What a child is ranked by: survivors by what they reached then, before all others."""
    return [
        (1, value) if place <= kept else (0, old)
        for place, old, value in zip(places(before), before, then, strict=True)
    ]


def expected(made):
    """By name: family, cost, passes, and what each instance ranks the children by."""
    ways, measured = {}, made.measured
    batches = (FinalAccuracy.UNDER_BATCH_STATISTICS, FinalAccuracy.RECALIBRATED)
    every, round_ = range(3), range(9, 17)

    def add(family, name, cost, passes, of_instance, *, without=0):
        assert name not in ways
        ways[name] = (family, cost, passes, without, [of_instance(i) for i in every])

    for (words, epochs, per_epoch), (shared, apart) in LENGTHS.items():
        one, other = measured[shared], measured[apart]
        under_batch, recalibrated = (one.final[which].tolist() for which in batches)
        add(READ, f"{words}, last moment", epochs, 1, lambda i, one=one: one.accuracy[i, -1].tolist())
        add(STATISTICS, f"{words}, statistics of the validation batch", epochs, 1, under_batch.__getitem__)
        cost = epochs + CHILDREN * 3 / per_epoch
        add(STATISTICS, f"{words}, statistics recalibrated per child", cost, 1, recalibrated.__getitem__)
        kept = f"{words}, statistics kept per child"
        add(STATISTICS, kept, epochs, 1, lambda i, other=other: other.accuracy[i, -1].tolist())
        if per_epoch == PER_EPOCH:
            for survivors in (2, 1):
                for trained in (1, 2, 4, 5):
                    add(
                        PRUNED,
                        f"{words}, best {survivors} alone for {trained} of 5 epochs",
                        epochs + survivors * trained,
                        1 + survivors / CHILDREN,
                        lambda i, k=survivors, n=trained, before=under_batch: pruned(
                            before[i], k, after(measured["ground-truth"], i % 2, n * PER_EPOCH)
                        ),
                    )
    for family, words, name in ((READ, "", "seeds"), (STATISTICS, ", statistics kept per child", "unshared-norm")):
        window = measured[name]
        add(family, f"8 epochs{words}, mean of last 8", 8, 8, lambda i, m=window: moments(m, i, round_))
        add(family, f"8 epochs{words}, just after training", 8, 1, lambda i, m=window: just_trained(m, i, round_))
    add(READ, "8 epochs, mean of last 3 epochs", 8, 3, lambda i: moments(measured["seeds"], i, (12, 14, 16)))
    for words, epoch, name in (("4 of 8 epochs", 4, "finetuned-half"), ("8 epochs", 8, "finetuned-end")):
        tuned, before = measured[name], range(epoch * PER_EPOCH - 7, epoch * PER_EPOCH + 1)
        for steps in (1, 2, 3):
            then = f"fine-tuned on {steps} mini-batches"
            cost = epoch + steps * CHILDREN / PER_EPOCH
            add(TUNED, f"{words}, all {then}", cost, 1, lambda i, m=tuned, s=steps: after(m, i, s))
            if steps > 1:
                several = range(1, steps + 1)
                mean_name = f"{words}, all {then}, mean of these"
                add(TUNED, mean_name, cost, steps, lambda i, m=tuned, s=several: moments(m, i, s))
            for kept in (4, 2):
                add(
                    PRUNED,
                    f"{words}, best {kept} {then}",
                    epoch + steps * kept / PER_EPOCH,
                    8 + kept / CHILDREN,
                    lambda i, m=tuned, s=steps, b=before, k=kept: pruned(
                        moments(measured["seeds"], i, b), k, after(m, i, s)
                    ),
                )
    groups = {f"{m} {how} groups": (f"{how}-{m}", 8 * m) for how in ("random", "similar") for m in (2, 4)}
    prefixes = {f"first {k} cells shared": (f"prefix-{k}", 8) for k in range(5)}
    for words, (name, cost) in (prefixes | groups).items():
        window = measured[name]
        add(LESS, f"{words}, last moment", cost, 1, lambda i, m=window: m.accuracy[i, -1].tolist())
        end = int(window.step[-1])
        add(LESS, f"{words}, mean of last 8", cost, 8, lambda i, m=window, e=end: moments(m, i, range(e - 7, e + 1)))
    every = range(2)
    for how in ("help", "correlation"):  # for gradients too, 2 groups of 8 epochs cost too little
        window, words = measured[f"found-{how}-2"], f"2 groups found by {how}"
        cost = 8 + 2 * 4  # all children together for 8 epochs, then two groups for 4
        add(LESS, f"{words}, last moment", cost, 1, lambda i, m=window: moments(m, i, (8,)), without=1)
        add(LESS, f"{words}, mean of last 8", cost, 8, lambda i, m=window: moments(m, i, range(1, 9)), without=1)
    for n in (1, 2, 4):
        name = f"every child alone for {n} of 5 epochs"
        add(SHORT, name, 8 * n, 1, lambda i, n=n: after(measured["ground-truth"], i, n * PER_EPOCH))
    return ways


def order(values):
    """Who of every two children is before the other."""
    return [[(a > b) - (a < b) for a in values] for b in values]


@pytest.mark.parametrize("seed", range(2))
def test_every_way_its_cost_and_its_ranks(seed):
    made = make(seed)
    ways, known = EVERY_WAY.read(made), expected(made)
    assert sorted(way.name for way in ways) == sorted(known)
    for way in ways:
        family, cost, passes, without, values = known[way.name]
        assert way.without == without, way.name
        assert (way.family, way.cost, way.passes) == (family, pytest.approx(cost), pytest.approx(passes)), way.name
        assert [order(one.round(9).tolist()) for one in way.accuracy] == [order(_rounded(one)) for one in values], (
            way.name
        )
        assert way.alone == ("alone for" in way.name)


def _rounded(values):
    """A mean of moments may differ in its last bit, and then not tie."""
    return [(one[0], round(one[1], 9)) if isinstance(one, tuple) else round(one, 9) for one in values]


def test_a_child_in_no_group_costs_what_children_alone_do():
    """Three children in two groups: one of two for all epochs, and one child as ground truth trains it."""
    space = {"nodes": 1, "primitives": ["max_pool_3x3", "avg_pool_3x3", "skip_connect"]}
    setting = tiny_setting(space=space, experiments=SPEC)
    assert training_cost(SEEDS, setting) == training_cost(PREFIX[0], setting) == EPOCHS
    assert training_cost(RANDOM[2], setting) == training_cost(SIMILAR[2], setting) == EPOCHS + ALONE
    assert training_cost(TRUTH, setting) == 3 * ALONE


@pytest.mark.parametrize("combine", ["concat", "sum"])
def test_parameters_are_those_of_plain_pytorch(combine):
    primitives = ["max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "skip_connect"]
    setting = tiny_setting(net={"cells": 3, "channels": 4, "combine": combine}, space__primitives=primitives)
    sizes = opponent.Sizes(3, 10, channels=4, cells=3, combine=combine)
    plain = [
        sum(weight.numel() for weight in opponent.PlainChild(child.primitives, sizes=sizes).parameters())
        for child in setting.children
    ]
    counts = parameter_counts(setting)
    assert len(set(counts)) > 4
    assert (counts - counts[0]).tolist() == [count - plain[0] for count in plain]
