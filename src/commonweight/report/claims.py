"""The list of claims as Markdown, as CSV for programs, and for the terminal; the verdict first, then why."""

import csv
import io

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from commonweight.paper import Check, Claims, Verdict
from commonweight.report.wording import bullets, escaped, heading, row, statistic

DIGITS = 3
MARKS = {Verdict.SUPPORTED: "✓", Verdict.NOT_SUPPORTED: "✗", Verdict.NOT_MEASURED: "?"}
STYLES = {Verdict.SUPPORTED: "bold green", Verdict.NOT_SUPPORTED: "bold red", Verdict.NOT_MEASURED: "bold yellow"}
HEADER = ("check", "here", "expected", "instances", "outcome")


def to_markdown(claims: Claims) -> str:
    """How many hold, then claim by claim the verdict, the paper's figures, and the checks with their numbers."""
    lines = [f"### {escaped(heading(claims))}", "", tally(claims)]
    for claim in claims.claims:
        lines += ["", f"#### {claim.number}. {badge(claim.verdict)}: {escaped(claim.text)}", ""]
        lines.append(f"The paper: {escaped(claim.paper)}")
        if claim.reason:
            lines += ["", f"Not measured because: {escaped(claim.reason)}"]
        if claim.checks:
            lines += ["", row(HEADER), row(["---", "---:", "---", "---:", "---"])]
            lines += [_line(check) for check in claim.checks]
    return "\n".join([*lines, *bullets(claims.notes)])


def to_csv(claims: Claims) -> str:
    """A row for each check with full precision, and one for a claim without checks."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    what = ("claim", "verdict", "text", "paper", "reason")
    writer.writerow([*what, "check", "value", "std", "low", "high", "level", "expected", "instances", "outcome"])
    for claim in claims.claims:
        about = [claim.number, claim.verdict.value, claim.text, claim.paper, claim.reason]
        for check in claim.checks:
            number, interval = check.statistic, check.statistic.interval
            within = (None,) * 3 if interval is None else (interval.low, interval.high, interval.level)
            numbers = ["" if n is None else repr(float(n)) for n in (number.value, number.std, *within)]
            writer.writerow([*about, check.text, *numbers, check.expected, check.instances, outcome(check)])
        if not claim.checks:
            writer.writerow([*about, *[""] * 9])
    return out.getvalue()


def to_rich(claims: Claims) -> RichTable:
    """The list for a terminal: a claim, what the paper says (dim), and its checks below it."""
    rich = RichTable(title=Text(heading(claims)), caption=_caption(claims), box=box.SIMPLE_HEAD)
    rich.title_justify = rich.caption_justify = "left"
    for name in ("", "claim and checks", "here", "expected", "instances", "outcome"):
        right = name in ("", "here", "instances")
        rich.add_column(name, justify="right" if right else "left", no_wrap=right)
    for claim in claims.claims:
        said = f"\nnot measured because: {claim.reason}" if claim.reason else ""
        text = Text.assemble((claim.text, "bold"), (f"\nthe paper: {claim.paper}{said}", "dim"))
        verdict = Text(badge(claim.verdict), STYLES[claim.verdict])
        rich.add_row(str(claim.number), text, "", "", "", verdict)
        for check in claim.checks:
            what, here, *rest = cells(check, "\n")
            rich.add_row("", Text(f"  {what}"), *map(Text, (here, *rest)))
        rich.add_section()
    return rich


def badge(verdict: Verdict) -> str:
    """A verdict as a sign and a word."""
    return f"{MARKS[verdict]} {verdict.value}"


def outcome(check: Check) -> str:
    """Whether a check holds, in a word."""
    return {True: "holds", False: "fails", None: "unknown"}[check.holds]


def cells(check: Check, break_with: str = " ") -> tuple[str, ...]:
    """A check in the columns of `HEADER`."""
    here = statistic(check.statistic, DIGITS, break_with)
    return check.text, here, check.expected, str(check.instances), outcome(check)


def tally(claims: Claims) -> str:
    """How many claims have which verdict."""
    counts = {verdict: sum(claim.verdict is verdict for claim in claims.claims) for verdict in Verdict}
    said = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items())
    return f"Of {len(claims.claims)} claims: {said}."


def _line(check: Check) -> str:
    what, here, expected, *rest = cells(check)
    return row([escaped(what), here, escaped(expected), *rest])


def _caption(claims: Claims) -> Text:
    return Text("\n".join([tally(claims), *claims.notes]))
