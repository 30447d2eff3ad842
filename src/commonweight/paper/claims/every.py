"""The paper's ten claims and ours: what each needs, and its verdict from whatever was measured."""

from dataclasses import replace

from commonweight.paper.claims import batches, ours, ranks, sharing_less
from commonweight.paper.claims.correction import told
from commonweight.paper.claims.definition import Definition
from commonweight.paper.claims.verdict import Claim, Claims, Verdict
from commonweight.paper.evidence import Evidence
from commonweight.paper.looks import Looks
from commonweight.paper.planned import Planned
from commonweight.paper.targets import artefact
from commonweight.paper.views import View, union
from commonweight.study.setting import Setting

_DECLARED = (one for module in (ranks, batches, sharing_less, ours) for one in vars(module).values())
DEFINITIONS = tuple(
    sorted((one for one in _DECLARED if isinstance(one, Definition)), key=lambda definition: definition.number)
)
TITLE = "Claims, checked on this data"
TRIAL = "the study says that its numbers mean nothing (trial), so they are shown without a verdict"
NOTES = (
    "A claim is supported when all its checks are; against it is data whose interval excludes what a check needs; it is "
    "undecided when this data can do neither, and not measured when something was not run or is undefined. That says "
    "nothing of other data or of the paper's own. Intervals: 95 %, percentile bootstrap over instances, if the check names "
    "no other.",
    "How many instances would decide a check: with 80 % power, at the spread found and if the truth is the value found. "
    "Where it is nothing, the number says little.",
    "With few instances the intervals are too narrow: where nothing is true, 12 %, 8 % and 5 % of simulated studies of 3, 5 "
    "and 10 instances (normal values) lie surely above 0, instead of 2.5 %; and the numbers of instances that would decide "
    "are too small. Claim 10 has at most 3.",
    "Claim 8 speaks of pairs in the instances trained, whose orders are shuffled, each instance its own: a child helps "
    "or harms another when the other's accuracy rises or falls after it, and more so than after other companions. Tests that "
    "find no pair do not exclude that there is one, so its checks are never against it.",
)


def _of_those_possible(setting: Setting) -> dict[Planned, Looks]:
    able = [definition for definition in DEFINITIONS if not definition.refused(setting)]
    return union(definition.view.looks(setting) for definition in able)


def _verdicts(evidence: Evidence) -> tuple[Claim, ...]:
    return tuple(_verdict(definition, evidence) for definition in DEFINITIONS)


def _verdict(definition: Definition, evidence: Evidence) -> Claim:
    """Not measured, with the reason, where the study cannot have it or its experiments were not asked for."""
    reason = definition.refused(evidence.setting)
    missing = [name for name in definition.experiments(evidence.setting) if name not in evidence.measured]
    if missing and not reason:
        reason = f"it needs the experiments {', '.join(missing)}, which no target here asked for; run the target claims"
    checks = () if reason else definition(evidence)
    if evidence.setting.study.trial and checks:
        checks = tuple(replace(check, verdict=Verdict.NOT_MEASURED, p=None, enough=None) for check in checks)
        reason = TRIAL
    return Claim(definition.number, definition.text, definition.paper, checks, reason or "", definition.shown)


EVERY_CLAIM = View(_of_those_possible, _verdicts)
"""The verdict on every claim; it needs the experiments of those that the study can have."""


@artefact("claims", None, EVERY_CLAIM)
def claims(every: tuple[Claim, ...], _: Setting) -> tuple[Claims]:
    """The verdict of this data on every claim."""
    return (Claims("claims", TITLE, every, (*NOTES, *told(every))),)


def claims_so_far(evidence: Evidence) -> tuple[Claims, ...]:
    """The claims that these records happen to speak to; nothing when they speak to none."""
    measured = tuple(claim for claim in EVERY_CLAIM.read(evidence) if claim.checks)
    more = "The target claims measures all of them."
    return (Claims("claims", TITLE, measured, (more, *NOTES, *told(measured))),) if measured else ()
