"""`rank`: what ranks from elsewhere are worth."""

from collections.abc import Sequence
from pathlib import Path

from commonweight.cli.output import print_all
from commonweight.cli.stderr import errors, say
from commonweight.elsewhere import against_baselines, rank_command, read_ranks, report_ranks, scale_of, worth_of_all
from commonweight.report.progress import meanwhile


def rank(
    *,
    file: Sequence[Path],
    ground_truth: Path,
    rows: str | None,
    groups: int | None,
    scores: bool,
    lower_is_better: bool,
    truth_lower_is_better: bool,
    baseline: Sequence[str] | None,
    population: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Read what other programs wrote, and print and write what it allows to say."""
    with meanwhile(f"reading {', '.join(map(str, [*file, ground_truth]))}", errors()):
        found, told = read_ranks(
            file,
            ground_truth,
            rows,
            scale=scale_of(scores, lower_is_better),
            truth_lower_is_better=truth_lower_is_better,
            baselines=baseline or (),
            population=population or "",
        )
    told = [*against_baselines(found), *told]
    for sentence in told:
        say(sentence)
    _, moments, children = found[0].accuracy.shape
    with meanwhile(f"judging the ranks of {children} children at {moments} moments", errors()):
        made = worth_of_all(found, groups)
    if out is not None:
        command = rank_command(
            file,
            ground_truth,
            out,
            rows=rows,
            groups=groups,
            scores=scores,
            lower_is_better=lower_is_better,
            truth_lower_is_better=truth_lower_is_better,
            baseline=baseline,
            population=population,
        )
        with meanwhile("writing the report", errors()):
            page, *_ = report_ranks(made, told, command, out)
        say(f"report: {page}")
    print_all(made, [], as_json)
