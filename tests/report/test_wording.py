"""Names and numbers in words."""

from dataclasses import replace

import pytest
from report.made_up import table

from commonweight.report.wording import called, escaped, heading, short


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
