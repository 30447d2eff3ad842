"""The recorder in a loop that is not ours: what it writes, and what it leaves alone."""

import copy
import csv

import pytest
import torch
from own.nets import CHILDREN, Edges, by_select, images
from torch.nn import functional as F

from commonweight.elsewhere import read_ranks
from commonweight.errors import UsageError
from commonweight.own import Recorder

TRAIN, VALIDATION = images(), images(30, seed=1)


def accuracy(module, child):
    module = copy.deepcopy(module).eval()
    module.choose(child)
    with torch.no_grad():
        return float((module(VALIDATION[0][:20]).argmax(1) == VALIDATION[1][:20]).double().mean())


def loop(module, record, *, told, steps=6):
    """A user's loop; returns by plain evaluation what must have been written, `[moment, child]`."""
    adam, expected = torch.optim.Adam(module.parameters(), 0.1), []
    for step in range(1, steps + 1):
        child = CHILDREN[step % 6]
        module.choose(child)
        adam.zero_grad()
        F.cross_entropy(module(TRAIN[0]), TRAIN[1]).backward()
        adam.step()
        if step % 2 == 0:
            expected.append([accuracy(module, one) for one in CHILDREN])
        record(child if told else None)
        assert not told or module.choice == child.options
    return expected


@pytest.mark.parametrize("told", [False, True])
def test_what_is_written_is_what_rank_reads(told, tmp_path):
    module, out = Edges(), tmp_path / "log.csv"
    record = Recorder(by_select(module), VALIDATION, every=2, out=out, sweep_images=20)
    expected = loop(module, record, told=told)
    (tmp_path / "truth.csv").write_text("".join(f"{c.name},{n}\n" for n, c in enumerate(CHILDREN)))
    (found,), _ = read_ranks([out], tmp_path / "truth.csv")
    assert found.children == tuple(child.name for child in CHILDREN)
    assert found.step.tolist() == [2, 4, 6]
    assert found.accuracy[0].tolist() == expected
    if told:
        assert [found.children[place] for place in found.trained[0].argmax(axis=1)] == [
            CHILDREN[step % 6].name for step in (2, 4, 6)
        ]
    else:
        assert found.trained is None


def test_every_moment_is_whole_in_the_file_when_the_call_returns(tmp_path):
    module, out = Edges(), tmp_path / "log.csv"
    record = Recorder(by_select(lambda: module), VALIDATION, ["skip/skip", CHILDREN[0]], out=out, module=module)
    for step in range(1, 4):
        record()
        with out.open() as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["step", "skip/skip", "conv3/conv3"]
        assert [len(row) for row in rows] == [3] * (step + 1)
        assert rows[-1][0] == str(step)


def test_modes_buffers_and_global_randomness_stay(tmp_path):
    module = Edges(dropout=0.5)
    module.edges["edge0-conv3"].eval()
    modes, before = [part.training for part in module.modules()], copy.deepcopy(module.state_dict())
    state = torch.random.get_rng_state()
    Recorder(by_select(module), VALIDATION, out=tmp_path / "log.csv")()
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_is_refused(tmp_path):
    out = tmp_path / "log.csv"
    with pytest.raises(
        UsageError, match=r"^net was declared with what makes a module; give the one that the loop trains"
    ):
        Recorder(by_select(), VALIDATION, out=out)
    with pytest.raises(UsageError, match=r"^every is 0; expected at least 1"):
        Recorder(by_select(Edges()), VALIDATION, every=0, out=out)
    with pytest.raises(UsageError, match=r"^a child stands twice among those to record"):
        Recorder(by_select(Edges()), VALIDATION, ["skip/skip", "skip/skip"], out=out)
    with pytest.raises(UsageError, match=r"^31 validation images asked for; this data set has 1 … 30"):
        Recorder(by_select(Edges()), VALIDATION, out=out, sweep_images=31)
    record = Recorder(by_select(Edges()), VALIDATION, out=out)
    record(CHILDREN[0])
    with pytest.raises(UsageError, match=r"^the child just trained was told for some moments only"):
        record()
    with pytest.raises(UsageError, match=r"log.csv exists already; remove it, or give another name as out="):
        Recorder(by_select(Edges()), VALIDATION, out=out)
