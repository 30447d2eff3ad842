"""Names and numbers in words."""

from dataclasses import replace

import pytest
from report.made_up import table

from commonweight.report.wording import called, escaped, fenced, heading, short


def test_headings():
    assert called("section-4.2.1") == "Section 4.2.1"
    assert heading(table()) == "Table 1. Stability"
    assert heading(replace(table(), name="readings", title="Readings of super-nets")) == "Readings of super-nets"


@pytest.mark.parametrize(
    ("name", "letters", "shorter"),
    [("143", 20, "143"), ("a" * 20, 20, "a" * 20), ("conv-a-1-x", 7, "con…1-x"), ("conv-a-1-x", 6, "con…-x")],
)
def test_a_long_name_loses_its_middle(name, letters, shorter):
    assert short(name, letters) == shorter
    assert len(shorter) <= letters


def test_escaped():
    assert escaped("a|b_<c>") == r"a\|b\_\<c\>"
    assert escaped("data_order _so_ _") == r"data_order \_so\_ \_"
    assert escaped("a__b") == r"a\_\_b"
    assert escaped("a\n\n- b\r\nc") == "a  - b c"  # a line of its own could begin a list


@pytest.mark.parametrize(
    ("text", "fence"),
    [
        ("plain", "```"),
        ("`` two ``", "```"),
        ("name: a\n```\n# out", "````"),
        ("   `````` indented", "```````"),
        ("``` and ````", "`````"),
    ],
)
def test_no_text_ends_its_own_fence(text, fence):
    """CommonMark 4.5: a fence ends at a line of at least as many backticks as it began with."""
    assert "\n".join(fenced("yaml", text)) == f"{fence}yaml\n{text}\n{fence}\n"
