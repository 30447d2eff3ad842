"""`rank`: what ranks from elsewhere are worth."""

from collections.abc import Sequence
from pathlib import Path

from commonweight.cli.output import print_all
from commonweight.cli.stderr import say
from commonweight.elsewhere import groups_of, rank_command, read_ranks, report_ranks, worth_of


def rank(
    *, file: Sequence[Path], ground_truth: Path, rows: str | None, groups: int | None, out: Path | None, as_json: bool
) -> None:
    """Read accuracy tables of other programs, and print and write what they allow to say."""
    found, told = read_ranks(file, ground_truth, rows)
    for sentence in told:
        say(sentence)
    made = [*worth_of(found), *groups_of(found, groups)]
    if out is not None:
        say(f"report: {report_ranks(made, told, rank_command(file, ground_truth, rows, groups, out), out)[0]}")
    print_all(made, [], as_json)
