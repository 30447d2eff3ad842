"""The list of claims as Markdown, as CSV for programs, and for the terminal; the verdict first, then why."""

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from commonweight.paper import Check, Claim, Claims, Verdict
from commonweight.report.narrow import Fitting
from commonweight.report.wording import bullets, comma_separated, escaped, heading, row, statistic

DIGITS = 3
MARKS = {Verdict.SUPPORTED: "✓", Verdict.AGAINST: "✗", Verdict.UNDECIDED: "~", Verdict.NOT_MEASURED: "?"}
STYLES = {
    Verdict.SUPPORTED: "bold green",
    Verdict.AGAINST: "bold red",
    Verdict.UNDECIDED: "bold yellow",
    Verdict.NOT_MEASURED: "yellow",
}
HEADER = ("check", "here", "expected", "instances", "outcome")
COLUMNS = ("claim", "verdict", "text", "paper", "reason", "check", "value", "std", "low", "high", "level", "p")
COLUMNS += ("expected", "instances", "outcome", "enough instances")
READABLE = 110  # letters of a terminal on which the checks stand in columns
MOST_INSTANCES = 1000  # that are worth a number


def to_markdown(claims: Claims) -> str:
    """How many are supported, then claim by claim the verdict, the paper's figures, and the checks with their numbers."""
    lines = [f"### {escaped(heading(claims))}", "", tally(claims)]
    for claim in claims.claims:
        lines += ["", f"#### {claim.number}. {badge(claim.verdict)}: {escaped(claim.text)}", ""]
        lines.append(escaped(source(claim)))
        if why(claim):
            lines += ["", escaped(why(claim))]
        if claim.checks:
            lines += ["", row(HEADER), row(["---", "---:", "---", "---:", "---"])]
            lines += [_line(check) for check in claim.checks]
    return "\n".join([*lines, *bullets(claims.notes)])


def to_csv(claims: Claims) -> str:
    """A row for each check with full precision, and one for a claim without checks."""
    return comma_separated(columns_of(claims))


def columns_of(claims: Claims) -> dict[str, list[str | int | float | None]]:
    """For programs: what `to_csv` writes."""
    rows: list[tuple[str | int | float | None, ...]] = []
    for claim in claims.claims:
        about = (claim.number, claim.verdict.value, claim.text, claim.paper, claim.reason)
        for check in claim.checks:
            number, interval = check.statistic, check.statistic.interval
            within = (None,) * 3 if interval is None else (interval.low, interval.high, interval.level)
            values = (None if n is None else float(n) for n in (number.value, number.std, *within, check.p))
            said = (check.expected, check.instances, check.verdict.value, check.enough)
            rows.append((*about, check.text, *values, *said))
        if not claim.checks:
            rows.append((*about, *(None,) * 11))
    return {name: [one[place] for one in rows] for place, name in enumerate(COLUMNS)}


def to_rich(claims: Claims) -> Fitting:
    """The list for a terminal: a claim, whose it is (dim), and its checks below it."""
    wide = RichTable(title=Text(heading(claims)), caption=_caption(claims), box=box.SIMPLE_HEAD)
    wide.title_justify = wide.caption_justify = "left"
    for name in ("", "claim and checks", "here", "expected", "instances", "outcome"):
        right = name in ("", "here", "instances")
        wide.add_column(name, justify="right" if right else "left", no_wrap=right)
    for claim in claims.claims:
        verdict = Text(badge(claim.verdict), STYLES[claim.verdict])
        wide.add_row(str(claim.number), _said(claim), "", "", "", verdict)
        for check in claim.checks:
            what, here, *rest = cells(check, "\n")
            wide.add_row("", Text(f"  {what}"), *map(Text, (here, *rest)))
        wide.add_section()
    below = [Padding(_below(claim), (1, 0, 0, 0)) for claim in claims.claims]
    narrow = Group(Text(heading(claims), "italic"), *below, Padding(_caption(claims), (1, 0)))
    return Fitting(wide, narrow, READABLE)


def _said(claim: Claim) -> Text:
    """A claim, whose it is, and why it has its verdict."""
    said = (source(claim), why(claim))
    return Text.assemble((claim.text, "bold"), *((f"\n{line}", "dim") for line in said if line))


def _below(claim: Claim) -> Group:
    """A claim with its checks, each a few lines under its words."""
    verdict = Text.assemble(f"{claim.number}. ", (badge(claim.verdict), STYLES[claim.verdict]))
    checks = []
    for check in claim.checks:
        what, here, expected, instances, found = cells(check)
        checks.append(
            Padding(Text(f"{what}\n{here}; expected {expected}; {instances} instances: {found}"), (0, 0, 0, 3))
        )
    return Group(verdict, _said(claim), *checks)


def badge(verdict: Verdict) -> str:
    """A verdict as a sign and a word."""
    return f"{MARKS[verdict]} {verdict.value}"


def source(claim: Claim) -> str:
    """Whose claim it is, and the paper's figures for one of the paper's."""
    return "Ours: the paper does not say this." if claim.paper is None else f"The paper: {claim.paper}"


def why(claim: Claim) -> str:
    """Why a claim has no checks, or what would decide an undecided one; empty for the others."""
    if claim.reason:
        return f"Not measured because: {claim.reason}"
    if claim.verdict is not Verdict.UNDECIDED:
        return ""
    if claim.enough is None:
        return "Undecided: from this data it is not known how many instances would decide it."
    return f"Undecided: {_about(claim.enough)} instances would decide it if the truth is what was found (80 % power)."


def outcome(check: Check) -> str:
    """A check's verdict, and how many instances would decide it."""
    if check.verdict is not Verdict.UNDECIDED:
        return check.verdict.value
    if check.statistic.interval is None:
        return f"{check.verdict.value}; too few instances for an interval"
    return f"{check.verdict.value}; {_about(check.enough)} would do" if check.enough else check.verdict.value


def _about(instances: int) -> str:
    """A number of instances; one that nobody can train says no more than that the value found lies beside its border."""
    return f"about {instances}" if instances <= MOST_INSTANCES else f"more than {MOST_INSTANCES}"


def cells(check: Check, break_with: str = " ") -> tuple[str, ...]:
    """A check in the columns of `HEADER`."""
    here = statistic(check.statistic, DIGITS, break_with)
    return check.text, here, check.expected, str(check.instances), outcome(check)


def tally(claims: Claims) -> str:
    """How many claims have which verdict, the paper's and ours apart."""
    papers = [claim.verdict for claim in claims.claims if claim.paper is not None]
    ours = [claim.verdict for claim in claims.claims if claim.paper is None]
    said = []
    if papers:
        counts = ", ".join(f"{papers.count(verdict)} {verdict.value}" for verdict in Verdict)
        said.append(f"Of {len(papers)} claims{' of the paper' if ours else ''}: {counts}.")
    if ours:
        said.append(f"Of ours: {', '.join(f'{ours.count(one)} {one.value}' for one in Verdict if one in ours)}.")
    return " ".join(said)


def _line(check: Check) -> str:
    what, here, expected, *rest = cells(check)
    return row([escaped(what), here, escaped(expected), *rest])


def _caption(claims: Claims) -> Text:
    return Text("\n".join([tally(claims), *claims.notes]))
