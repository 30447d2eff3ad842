"""What a user gets wrong: one line, an exit code, and how to get help."""

import pytest
from cli.calling import SETS, call

from commonweight.cli import exit_code
from commonweight.errors import (
    CommonweightError,
    DataError,
    JobFailed,
    ResultMissing,
    StoreError,
    StudyError,
    UsageError,
)

MISTAKES = {
    # words: (exit code, what the last line of stderr must hold)
    ("run", "smok"): (
        2,
        "error: no study 'smok': neither a file nor a shipped study (nb201, paper, quick, small, smoke); did you mean",
    ),
    ("run", "smoke", "table-9"): (2, "error: unknown target 'table-9'; known are table-1, table-2, figure-2"),
    ("run", "smoke", "figure-5", "--set", "training.epochs=3"): (
        2,
        "error: study 'smoke' cannot make figure-5a: it looks at each of 128 mini-batches (2 × 64 children), and "
        "this study trains 96 up to there; raise training.epochs",
    ),
    ("run", "smoke", "table-1", "figure-6", "--set", "space.nodes=1"): (
        2,
        "error: study 'smoke' cannot make figure-6a: it needs groups of four children, and this space has only 4 children",
    ),
    ("run", "smoke", "--set", "training.epoch=3"): (2, "did you mean 'epochs'?"),
    ("run", "smoke", "--set", "training.epochs"): (2, "expected key=value, for example training.epochs=3"),
    ("run", "smoke", "--executor", "loca"): (2, "error: unknown executor 'loca'; known are "),
    ("run", "smoke", "--executor", "local", "--workers", "0"): (2, "error: 0 workers; expected at least 1 ("),
    ("plan", "smoke", "--executor", "inline", "--workers", "2"): (
        2,
        "error: 2 workers for the executor inline, which has",
    ),
    ("plan", "smoke", "--engine", "fast"): (2, "error: engine 'fast'; expected auto, native, reference"),
    ("run", "smoke", "--device", "gpu"): (2, "error: device 'gpu'; expected auto, cpu, cuda or cuda:n"),
    ("run", "smoke", "--set", "data.resize=15"): (2, "error: data.resize: got 15; data 'fashion14' allows 1 … 14"),
    ("run", "smoke", "--set", "data.train_images=10001"): (
        2,
        "error: data.train_images: got 10001; data 'fashion14' allows 1 … 10000",
    ),
    ("plan", "smoke", "--set", f"training.epochs={10**20}"): (
        2,
        "error: study smoke: training.epochs: got 100000000000",
    ),
    ("plan", "smoke", "--set", f"net.cells={10**9}"): (
        2,
        "error: study smoke: net.cells: got 1000000000; input should",
    ),
    ("plan", "smoke", "--set", "data.augment={padding: 8}"): (
        2,
        "error: data.augment.padding: got 8 for images of 7 x 7",
    ),
    ("show", "lists.yaml"): (
        2,
        "error: lists.yaml, line 1: not valid YAML: more than 20 lists and mappings in each other",
    ),
    ("run", "smoke", "--set", "data={name: idx, path: bombs}"): (
        1,
        "train-images-idx3-ubyte: got an IDX header with 65 dimensions, expected 1 to 8; fetch the file again",
    ),
    ("run", "paper"): (1, "error: got no path for data 'cifar10', expected the folder with CIFAR-10's binary version"),
    ("run", "paper", "--set", "data.path=nowhere"): (
        1,
        "nowhere: expected a folder with the binary version of CIFAR-10",
    ),
    ("run", "smoke", "--out", "a-file"): (1, "a-file"),
    ("plan", "smok"): (2, "did you mean 'smoke'?"),
    ("plan", "smoke", "table-9"): (2, "unknown target"),
    ("show", "smok"): (2, "did you mean 'smoke'?"),
    ("show", "table-1"): (2, "where are the results? name their folder with --out"),
    ("show", "table-1", "--out", "nowhere"): (1, "error: no study in nowhere: expected nowhere/study.json"),
    ("show", "12ab", "--out", "nowhere"): (2, "is the start of 0 job ids in nowhere/jobs; expected exactly 1"),
    ("check", "--out", "nowhere"): (1, "error: no results in nowhere: expected a folder nowhere/jobs"),
    ("report", "--out", "nowhere"): (1, "error: no study in nowhere"),
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_mistakes_are_one_line_on_stderr_and_leave_nothing(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    (tmp_path / "lists.yaml").write_text("[" * 3000)
    (tmp_path / "bombs").mkdir()
    for name in ("train-images-idx3", "train-labels-idx1"):
        (tmp_path / "bombs" / f"{name}-ubyte").write_bytes(b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"\7")
    code, message = MISTAKES[words]
    result = call(*words, code=code)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "jobs needed" not in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert {path.name for path in tmp_path.iterdir()} == {"a-file", "bombs", "lists.yaml"}


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("walk",),
        ("run", "smoke", "--workers", "-1"),
        ("run", "smoke", "--workers", "two"),
        ("check",),
        ("run", "--x"),
    ],
    ids=" ".join,
)
def test_wrong_words_exit_with_2_and_say_how_to_get_help(words):
    result = call(*words, code=2)
    assert result.stdout == ""
    assert "Usage: " in result.stderr
    assert "--help" in result.stderr


def test_a_target_that_was_never_trained(tmp_path):
    call("run", "smoke", "figure-2", "--out", tmp_path, "--workers", 0, *SETS)
    result = call("show", "table-1", "--out", tmp_path, code=1)
    assert "has no result below" in result.stderr
    assert "run the study to train it" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommonweightError, 1),
        (DataError, 1),
        (ResultMissing, 1),
        (UsageError, 2),
        (StudyError, 2),
        (JobFailed, 3),
        (StoreError, 4),
    ],
)
def test_exit_codes(error, code):
    assert exit_code(error("x")) == code


@pytest.mark.parametrize("command", ["run", "plan", "ls", "show", "check", "report"])
def test_help_shows_an_example(command):
    shown = " ".join(call(command, "--help").stdout.split())
    assert "Example" in shown
    assert f"commonweight {command}" in shown


def test_help_lists_commands_and_exit_codes():
    shown = " ".join(call("--help").stdout.split())
    for word in ("run", "plan", "ls", "show", "check", "report", "0 done", "3 some jobs failed"):
        assert word in shown
    for word in ("129 hung up", "130 interrupted", "143 terminated"):
        assert word in shown
