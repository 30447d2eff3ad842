"""Words that are explained."""

import pytest

from commonweight.report.glossary import ANY, TERMS, explainer


def test_every_term_is_found_by_its_forms_and_has_a_place_of_its_own():
    assert len({term.anchor for term in TERMS}) == len(TERMS)
    for form, word in {
        "T1R": "TnR",
        "T3R": "TnR",
        "GT-Tau-Mean-64": "Mean-k, Std-k",
        "Std-64": "Mean-k, Std-k",
        "GT-Tau": "GT-Tau",
        "S-Tau": "S-Tau",
        "children": "child",
        "child-epochs": "child-epoch",
        "super-nets": "super-net",
        "mini-batch": "mini-batch",
        "shuffled orders": "fixed and shuffled order",
    }.items():
        match = ANY.fullmatch(form)
        assert TERMS[match.lastindex - 1].word == word


@pytest.mark.parametrize("text", ["Rank them", "franks", "XS-Tau", "GT-Tau-like"])
def test_what_is_no_term_stays(text):
    assert explainer()(text) == text


def test_the_first_time_alone_and_escaped():
    explained = explainer()
    first = explained("<b>S-Tau</b> & S-Tau")
    assert first.startswith('&lt;b&gt;<a class="term" href="#word-s-tau" title="Stability: ')
    assert first.endswith(">S-Tau</a>&lt;/b&gt; &amp; S-Tau")
    assert explained("S-Tau") == "S-Tau"
    assert explainer()("S-Tau") != "S-Tau"  # another page
