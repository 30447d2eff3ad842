"""The list of the claims: its order, its numbers of the paper, what it needs, and when it says that it cannot say."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from paper.claims.test_worlds import INSTANCES, checked, noise
from paper.making import made_up, only, tiny_setting

from commonweight.paper import published
from commonweight.paper.artefacts import catalogue
from commonweight.paper.claims.correction import told
from commonweight.paper.claims.every import DEFINITIONS, claims, claims_so_far
from commonweight.paper.claims.verdict import Verdict
from commonweight.paper.evidence import Evidence

TEXT = Path(__file__).parents[4] / "shared" / "deeper-insights.txt"
CLAIMS = Path(__file__).parents[4] / "shared" / "PAPER.md"
SEVERAL = {"experiments__instances": INSTANCES, "experiments__ground_truth_seeds": INSTANCES}
needs_text = pytest.mark.skipif(not TEXT.is_file(), reason=f"the paper's text is not at {TEXT}")


def everything(**overrides):
    """Evidence of all that the claims need, children of a quality of their own in every experiment."""
    setting = tiny_setting(**overrides)
    return made_up(setting, *claims.experiments(setting))


# The list


def test_ten_claims_in_the_papers_order_and_then_ours():
    judged = only(claims(everything(**SEVERAL))).claims
    assert [claim.number for claim in judged] == list(range(1, 12))
    assert [claim.number for claim in judged if claim.paper is None] == [11]
    assert [claim.text for claim in judged] == [definition.text for definition in DEFINITIONS]
    assert [claim.paper for claim in judged] == [definition.paper for definition in DEFINITIONS]
    words = ("S-Tau", "T1R", "last epochs", "Bad children", "Fine-tuning", "just trained")
    words += ("Random groups", "help each other", "fewer cells", "BN momentum", "running statistics")
    assert all(word in claim.text for word, claim in zip(words, judged, strict=True))


@pytest.mark.skipif(not CLAIMS.is_file(), reason=f"PAPER.md is not at {CLAIMS}")
def test_the_claims_are_those_of_the_papers_page():
    """Each in other words perhaps, but with most of the same ones."""
    listed = re.findall(
        r"^\d+\. (.+)$", CLAIMS.read_text(encoding="utf-8").split("## Claims to check")[1], re.MULTILINE
    )
    papers = [definition for definition in DEFINITIONS if definition.paper is not None]
    assert len(listed) == len(papers) == 10
    for definition, line in zip(papers, listed, strict=True):
        ours, theirs = (set(re.findall(r"[a-z0-9]{4,}", words.lower())) for words in (definition.text, line))
        assert len(ours & theirs) >= 0.6 * len(theirs), (definition.text, line)


def numbers_of(number):
    return re.findall(r"-?\d+\.\d+", DEFINITIONS[number - 1].paper)


def means(column, digits, *names):
    return sorted(f"{published.TABLE_2[name][column].value:.{digits}f}" for name in names)


def test_the_papers_numbers_are_the_published_ones():
    tables = [f"{published.TABLE_1[name][0]:.2f}" for name in published.TABLE_1 if name != "epochs"]
    seeds, orders, shuffled, random, truth = tables
    assert numbers_of(1) == [seeds, orders, shuffled, truth, random] == ["0.54", "0.39", "0.44", "0.71", "0.04"]
    nets = ("seeds", "orders", "orders-shuffled")
    expected = []
    for column, digits in ((0, 2), (1, 1), (2, 1)):
        low, _, high = sorted(means(column, digits, *nets), key=float)
        expected += [low, high, *means(column, digits, "ground-truth")]
    assert numbers_of(2) == expected
    assert numbers_of(3) == [f"{published.TABLE_1[name][0]:.2f}" for name in ("epochs", "orders-shuffled")]
    grouped = [published.TABLE_3A[m] for m in (1, 16, 64)]
    assert numbers_of(7) == [f"{row[place].value:.2f}" for place in (0, 2) for row in grouped]
    prefixes = [published.TABLE_4[long][k][0].value for long in (True, False) for k in (4, 0)]
    assert numbers_of(9) == [f"{value:.2f}" for value in prefixes]


@needs_text
@pytest.mark.parametrize(
    ("number", "quoted", "words"),
    [
        (5, "GT-Tau 0.6 after 10 mini-batches from epoch 100", "train the super-net for 100 epochs and then finetune"),
        (5, "GT-Tau 0.6 after 10 mini-batches", "GT-Tau quickly increases up to 0.6 with only 10 mini-batches"),
        (5, "close to 0.8 after 5 from epoch 200", "faster (using 5 mini-batches) and GT-Tau is more stable (close to 0.8"),
        (6, "'in most of mini-batches' the trained child is the best", "in most of mini-batches training a child model"),
        (6, "period 64", "periodicity with the length of 64 mini-batches"),
        (8, "143, 144 and 344 go together, 424 against", "143, 144 and 344 go up and down consistently, while the child"),
        (10, "GT-Tau between -0.1 and 0.5 without SGD momentum", "GT-Tau varies between $-0.1$ and $0.5$"),
    ],
)  # fmt: skip
def test_the_papers_other_words_stand_in_its_text(number, quoted, words):
    assert quoted in DEFINITIONS[number - 1].paper
    assert words in " ".join(TEXT.read_text(encoding="utf-8").split())


# What it needs


def test_what_claims_need_is_known_and_each_once():
    setting = tiny_setting()
    needed = claims.experiments(setting)
    assert len(set(needed)) == len(needed)
    assert set(needed) <= set(catalogue(setting))
    assert {name for d in DEFINITIONS for name in d.experiments(setting)} == set(needed)


@pytest.mark.parametrize("number", range(1, 12))
def test_a_claim_says_what_it_misses(number):
    made = everything(**SEVERAL)
    needed = DEFINITIONS[number - 1].experiments(made.setting)
    for missing in needed:
        if missing == "ground-truth":
            continue
        less = Evidence(made.setting, {name: one for name, one in made.measured.items() if name != missing})
        claim = checked(less, number)
        assert claim.verdict is Verdict.NOT_MEASURED
        assert claim.checks == ()
        assert claim.reason == (
            f"it needs the experiments {missing}, which no target here asked for; run the target claims"
        )
    only_needed = Evidence(made.setting, {name: made.measured[name] for name in needed})
    assert checked(only_needed, number).checks == checked(made, number).checks != ()


def test_nothing_measured_is_nothing_said():
    judged = only(claims(Evidence(tiny_setting(), {}))).claims
    assert {claim.verdict for claim in judged} == {Verdict.NOT_MEASURED}
    assert all(claim.reason for claim in judged)


def test_claims_that_a_study_cannot_have_say_why():
    made = everything(training__epochs=4)  # 8 mini-batches: one round, where two are looked at
    assert "seeds" in made.measured
    for number in (6, 10):
        claim = checked(made, number)
        assert claim.verdict is Verdict.NOT_MEASURED
        assert claim.reason.startswith("it looks at each of 16 mini-batches (2 ")
        assert "this study trains 8 up to there" in claim.reason
    small = tiny_setting(space__nodes=1, space__primitives=["max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "none"])
    assert len(small.children) == 4
    reason = "it needs groups of four children, and this space has only 4 children"
    judged = only(claims(made_up(small, *claims.experiments(small)))).claims
    assert judged[7].reason == reason
    assert "bn-0.1" not in claims.experiments(made.setting)
    assert "random-1" not in claims.experiments(small)


# What it says


def test_two_instances_decide_nothing():
    made = everything(experiments__instances=2, experiments__ground_truth_seeds=2)
    for claim in only(claims(made)).claims[:10]:  # ours, whose share has no value without a gap: test_ours.py
        assert claim.verdict is Verdict.UNDECIDED
        assert claim.reason == ""
        assert claim.enough is None
        assert [check.verdict for check in claim.checks] == [Verdict.UNDECIDED] * len(claim.checks)
        assert [check.statistic.interval for check in claim.checks] == [None] * len(claim.checks)
        assert {check.instances for check in claim.checks} == {2}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("instances", [3, 5, 10])
def test_noise_supports_no_claim(seed, instances):
    made = everything(experiments__instances=instances, experiments__ground_truth_seeds=instances)
    verdicts = [claim.verdict for claim in only(claims(noise(made, seed))).claims]
    assert Verdict.SUPPORTED not in verdicts
    assert Verdict.NOT_MEASURED not in verdicts[:10]  # noise may have no gap of which claim 11 asks a share


def test_the_same_evidence_gives_the_same_claims():
    made = everything(**SEVERAL)
    assert claims(made) == claims(Evidence(made.setting, made.measured))


def test_the_limits_are_told():
    found = only(claims(everything()))
    assert found.name == "claims"
    notes = " ".join(found.notes)
    for words in ("percentile bootstrap over instances", "too narrow", "80 % power", "With Holm's correction for all"):
        assert words in notes


def test_what_a_correction_would_change_is_told_of_the_claims_themselves():
    found = only(claims(everything(**SEVERAL)))
    assert found.notes[-1:] == told(found.claims)
    (some,) = claims_so_far(made_up(tiny_setting(**SEVERAL), "seeds", "orders", "orders-shuffled", "ground-truth"))
    assert [claim.number for claim in some.claims] == [1, 2, 3, 4, 6, 11]
    assert some.notes[-1:] == told(some.claims)


def test_a_trial_shows_its_numbers_and_gives_no_verdict():
    records = everything(**SEVERAL)
    study = records.setting.study.model_copy(update={"trial": True})
    trial = Evidence(replace(records.setting, study=study), records.measured)
    for list_of in (only(claims(trial)), only(claims_so_far(trial))):
        assert {claim.verdict for claim in list_of.claims} == {Verdict.NOT_MEASURED}
        assert all("mean nothing" in claim.reason for claim in list_of.claims)
        checks = [check for claim in list_of.claims for check in claim.checks]
        assert {(check.verdict, check.p, check.enough) for check in checks} == {(Verdict.NOT_MEASURED, None, None)}
        said = [check.statistic for claim in only(claims(records)).claims for check in claim.checks]
        assert [check.statistic for check in checks] == said
