"""The ten claims: what each needs, and its verdict from whatever was measured."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from commonweight.paper.claims.batches import finetuning_helps, momentum_steadies, the_last_trained_leads
from commonweight.paper.claims.correction import told
from commonweight.paper.claims.ranks import (
    bad_ones_stay_bad,
    epochs_differ_as_instances_do,
    far_from_the_truth,
    unstable,
)
from commonweight.paper.claims.sharing import children_interfere, fewer_shared_cells, groups_matter
from commonweight.paper.claims.verdict import Check, Claim, Claims
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import shuffled_groups
from commonweight.paper.needs import (
    ONE_ROUND,
    TWO_ROUNDS,
    Names,
    Refusal,
    always,
    first_refusal,
    groups,
    groups_of_four,
    prefixes,
)
from commonweight.study.experiments import Setting


@dataclass(frozen=True)
class Definition:
    """A claim of the paper in words, with the paper's figures for it, what it needs, and how it is checked."""

    text: str
    paper: str
    experiments: Names
    check: Callable[[Evidence], tuple[Check, ...]]
    refusals: tuple[Refusal, ...] = ()


_RANKS = always("seeds", "orders", "orders-shuffled", "ground-truth")
_SHUFFLED = always("orders-shuffled", "ground-truth")


def _interference(setting: Setting) -> tuple[str, ...]:
    return "ground-truth", *shuffled_groups(setting)


DEFINITIONS = (
    Definition(
        "Ranks differ between instances: S-Tau of super-nets is well under ground truth's and well above random ranks'.",
        "S-Tau 0.54 (seeds), 0.39 (orders), 0.44 (shuffled); ground truth 0.71, random 0.04",
        _RANKS,
        unstable,
    ),
    Definition(
        "Shared ranks correlate with ground truth but stay far under ground truth's own GT-Tau; T1R and T3R are poor.",
        "GT-Tau 0.46 to 0.51, ground truth 0.80; T1R 15.6 to 18.5, ground truth 4.8; T3R 11.2 to 17.6, ground truth 1.6",
        _RANKS,
        far_from_the_truth,
    ),
    Definition(
        "Ranks differ between the last epochs of one instance about as much as between instances.",
        "S-Tau 0.53 between epochs, 0.44 between instances of shuffled orders",
        _SHUFFLED,
        epochs_differ_as_instances_do,
    ),
    Definition(
        "Bad children are ranked badly again and again; the good ones cannot be told apart.",
        "Figures 3a and 3b",
        _SHUFFLED,
        bad_ones_stay_bad,
    ),
    Definition(
        "Fine-tuning from a snapshot lifts GT-Tau within a few mini-batches; a later snapshot does better and is steadier.",
        "GT-Tau 0.6 after 10 mini-batches from epoch 100; close to 0.8 after 5 from epoch 200",
        always("seeds", "finetuned-half", "finetuned-end", "ground-truth"),
        finetuning_helps,
    ),
    Definition(
        "The child just trained tends to be the best one; with a fixed order the curves repeat every round of all "
        "children, with shuffled orders they do not.",
        "Figures 5a and 5b: period 64; 'in most of mini-batches' the trained child is the best",
        always("seeds", "orders-shuffled", "ground-truth"),
        the_last_trained_leads,
        (TWO_ROUNDS,),
    ),
    Definition(
        "Random groups do worse than full sharing until the groups are singletons; similar groups do better, and "
        "steadier, the more groups there are.",
        "GT-Tau-Mean-64 at m = 1, 16, 64: random 0.50, 0.17, 0.80; similar 0.50, 0.72, 0.80",
        groups,
        groups_matter,
        (ONE_ROUND,),
    ),
    Definition(
        "Some children help each other and some harm each other; a child's accuracy depends on whom it is trained with.",
        "Figure 6: 143, 144 and 344 go together, 424 against them",
        _interference,
        children_interfere,
        (groups_of_four, ONE_ROUND),
    ),
    Definition(
        "Sharing fewer cells gives a better and steadier rank and better accuracy when trained long; when trained short "
        "it does not.",
        "GT-Tau-Mean-64 from k = 4 to 0: 0.52 to 0.70 in 2000 epochs, 0.49 to 0.04 in 200",
        prefixes(True, False),
        fewer_shared_cells,
        (ONE_ROUND,),
    ),
    Definition(
        "A lower BN momentum steadies the short term; without SGD momentum the rank swings more.",
        "Figure 8; GT-Tau between -0.1 and 0.5 without SGD momentum, 0.0 and 0.6 with it",
        always("seeds", "bn-0.1", "bn-0.9", "sgd-0", "ground-truth"),
        momentum_steadies,
        (TWO_ROUNDS,),
    ),
)
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


def claims(evidence: Evidence) -> tuple[Claims]:
    """The verdict of this evidence on every claim; those whose experiments were not asked for are not measured."""
    judged = tuple(_judged(number, definition, evidence) for number, definition in enumerate(DEFINITIONS, start=1))
    return (Claims("claims", "The paper's claims, checked on this data", judged, (*NOTES, *told(judged))),)


def claims_so_far(evidence: Evidence) -> tuple[Claims, ...]:
    """The claims that these records happen to speak to; nothing when they speak to none."""
    (every,) = claims(evidence)
    measured = tuple(claim for claim in every.claims if claim.checks)
    more = "The target claims measures all of them."
    return (replace(every, claims=measured, notes=(more, *every.notes)),) if measured else ()


def needed_by_claims(setting: Setting) -> tuple[str, ...]:
    """The experiments of all claims that this study can have, each once."""
    able = [d for d in DEFINITIONS if first_refusal(d.refusals, setting) is None]
    return tuple(dict.fromkeys(name for definition in able for name in definition.experiments(setting)))


def _judged(number: int, definition: Definition, evidence: Evidence) -> Claim:
    refused = first_refusal(definition.refusals, evidence.setting)
    missing = [name for name in definition.experiments(evidence.setting) if name not in evidence.measured]
    if refused:
        return Claim(number, definition.text, definition.paper, reason=refused)
    if missing:
        reason = f"it needs the experiments {', '.join(missing)}, which no target here asked for; run the target claims"
        return Claim(number, definition.text, definition.paper, reason=reason)
    return Claim(number, definition.text, definition.paper, definition.check(evidence))
