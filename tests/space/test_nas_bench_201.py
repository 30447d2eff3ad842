"""NAS-Bench-201's space: its size and its children's names, as the benchmark's own files have them."""

import re
from pathlib import Path

import pytest

from commonweight.errors import UsageError
from commonweight.space import NAS_BENCH_201, SearchSpace, architecture, child_of

# From the NAS-Bench-201 paper's own examples and its code's README.
KNOWN = {
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|": "445242",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|": "111111",
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|": "532322",
}


def test_the_space():
    assert NAS_BENCH_201.size == 15_625
    assert NAS_BENCH_201.edges == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


@pytest.mark.parametrize("text", KNOWN)
def test_names_that_the_benchmark_prints(text):
    assert child_of(text) == NAS_BENCH_201.child(KNOWN[text])
    assert architecture(NAS_BENCH_201.child(KNOWN[text])) == text


def test_all_children_go_round():
    names = {architecture(child): child for child in NAS_BENCH_201.children()}
    assert len(names) == 15_625
    assert all(child_of(name) == child for name, child in names.items())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "445242",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|",
        "|nor_conv_3x3~0|+|none~1|none~0|+|none~0|none~1|none~2|",
        "|nor_conv_5x5~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|avg_pool_3x3_alone~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|none~0|none~1|none~2|none~3|",
    ],
)
def test_what_names_no_architecture(text):
    with pytest.raises(UsageError, match=r"is no architecture of NAS-Bench-201; expected six primitives like \|none~0"):
        child_of(text)


def test_children_of_other_spaces_have_no_such_name():
    with pytest.raises(UsageError, match=r"child 143 is of another space; expected one of NAS_BENCH_201"):
        architecture(SearchSpace().child("143"))


def test_the_python_of_its_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "nas-bench-201.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(block, "nas-bench-201.md", "exec"), {})
