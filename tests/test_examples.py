"""The examples run, at a small size, and tell what they say that they tell."""

import importlib.util
from pathlib import Path

import pytest

from commonweight.images import fashion14, subset

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_width_and_kernel(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    alone, shared = example("width_and_kernel").main(subset(fashion14(), 128, 60), epochs=1, sweep_images=60)
    assert shared.truth.tolist() == [alone.scores()[name] for name in shared.names]
    assert len(shared.names) == 36
    told = capsys.readouterr().out
    assert "In part: children use slices of one tensor" in told
    assert "Judged(36 children, 3 instances" in told
    assert (tmp_path / "results/width-and-kernel/report/index.html").is_file()


def test_own_loop(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table = example("own_loop").main(steps=4, every=2)
    assert table.rows[0].name == "instance 0, 2 moments"
    assert "GT-Tau" in capsys.readouterr().out
    assert len((tmp_path / "results/own-loop.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_has_a_test(path):
    assert len(path.read_text().splitlines()) <= 80
    assert f'example("{path.stem}")' in Path(__file__).read_text()
