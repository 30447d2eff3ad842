"""Super-nets by their names, what decides them, and what is refused."""

import sys

import pytest
from own.nets import SITES

from commonweight.errors import UsageError
from commonweight.own import Supernet, import_supernet

TEXT = """
from dataclasses import dataclass
from torch import nn
import commonweight as cw
from {beside} import SITES

@dataclass
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(9, 3)

    __hash__ = nn.Module.__hash__

net = cw.Supernet(Net, cw.Choices(SITES), forward=lambda m, x, c: m.head(x))

def made():
    return net

def broken():
    raise KeyError("no such thing")

number = 3
truth = "truth.csv"
"""


@pytest.fixture
def space(tmp_path, request):
    """A file that imports another beside it; the name of that is another for each test, as Python keeps modules."""
    beside = f"beside_{abs(hash(request.node.name))}"
    (tmp_path / f"{beside}.py").write_text(f"SITES = {SITES}\n")
    (tmp_path / "my_space.py").write_text(TEXT.format(beside=beside))
    yield tmp_path
    sys.modules.pop(beside, None)


def test_a_file_and_what_stands_beside_it(space):
    before = list(sys.path)
    found = import_supernet(f"{space}/my_space.py:net")
    assert isinstance(found.net, Supernet)
    assert {site: list(options) for site, options in found.net.space.sites.items()} == SITES
    assert sys.path == before
    assert len(found.sources) == 2
    assert "my_space.py" in found.sources
    assert found.data == {"truth": "truth.csv"}
    assert import_supernet(f"{space}/my_space.py:made").net.space == found.net.space


def test_the_text_decides(space):
    first = import_supernet(f"{space}/my_space.py:net").sources
    assert import_supernet(f"{space}/my_space.py:net").sources == first
    with (space / "my_space.py").open("a") as file:
        file.write("# another\n")
    second = import_supernet(f"{space}/my_space.py:net").sources
    assert second.keys() == first.keys()
    assert [name for name in first if first[name] != second[name]] == ["my_space.py"]


def test_a_module_by_its_import_path():
    assert import_supernet("own.named:net").net.space.size == 6
    assert "named.py" in import_supernet("own.named:net").sources


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("my_space.py", r"module 'my_space.py'; expected FILE.py:NAME or PACKAGE.MODULE:NAME"),
        ("nowhere.py:net", r"nowhere.py: no such file; expected FILE.py:NAME"),
        ("my_space.py:nett", r"my_space.py has no 'nett'; did you mean 'net'\?; expected a Supernet of this name"),
        ("my_space.py:number", r"my_space.py:number is a int; expected a commonweight.Supernet, or what makes one"),
        ("my_space.py:broken", r"my_space.py:broken fails: KeyError: 'no such thing' \(my_space.py, line 21\)"),
        ("bad.py:net", r".*bad.py fails: ZeroDivisionError: division by zero \(bad.py, line 2\)"),
        ("typo.py:net", r".*typo.py fails: SyntaxError: "),
        ("no.such.module:net", r"no.such.module cannot be imported: ModuleNotFoundError: No module named 'no'"),
    ],
)
def test_what_is_refused(word, message, space, monkeypatch):
    (space / "bad.py").write_text("x = 1\ny = x / 0\n")
    (space / "typo.py").write_text("net = = 3\n")
    monkeypatch.chdir(space)
    with pytest.raises(UsageError, match=rf"^{message}") as error:
        import_supernet(word)
    assert "\n" not in str(error.value)
