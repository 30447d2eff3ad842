"""`rank`: what ranks from elsewhere are worth."""

from collections.abc import Sequence
from pathlib import Path

from commonweight.cli.output import print_all
from commonweight.cli.stderr import say
from commonweight.elsewhere import rank_command, read_ranks, report_ranks, scale_of, worth_of_all


def rank(
    *,
    file: Sequence[Path],
    ground_truth: Path,
    rows: str | None,
    groups: int | None,
    scores: bool,
    lower_is_better: bool,
    truth_lower_is_better: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Read what other programs wrote, and print and write what it allows to say."""
    scale = scale_of(scores, lower_is_better)
    found, told = read_ranks(file, ground_truth, rows, scale=scale, truth_lower_is_better=truth_lower_is_better)
    for sentence in told:
        say(sentence)
    made = worth_of_all(found, groups)
    if out is not None:
        options = {"scores": scores, "lower_is_better": lower_is_better, "truth_lower_is_better": truth_lower_is_better}
        command = rank_command(file, ground_truth, out, rows=rows, groups=groups, **options)
        say(f"report: {report_ranks(made, told, command, out)[0]}")
    print_all(made, [], as_json)
