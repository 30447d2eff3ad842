"""The site builds strictly and fetches nothing; it explains every target; its notebooks ran; its examples work."""

import inspect
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import power_table
import pytest
import yaml
from docs_site import explained, linked, section
from doctest_fences import fenced
from mkdocs.exceptions import PluginError
from notebook_pages import to_page
from scipy.stats import ttest_ind
from typer.testing import CliRunner

import commonweight as cw
from commonweight import ranking
from commonweight.cli import app
from commonweight.paper import ARTEFACTS, published

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PUBLIC = [name for name in dir(cw) if name[0] != "_" and not inspect.ismodule(getattr(cw, name))]
NOTEBOOKS = sorted(DOCS.glob("notebooks/*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; the notebooks are run for it."""
    out = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        ROOT / "mkdocs.yml",
        "--site-dir",
        out,
    ]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    return out


class Fetched(HTMLParser):
    """Addresses that a browser fetches for a page without being asked."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        address = given.get("src") or (
            tag == "link" and given.get("rel") in ("stylesheet", "preconnect") and given["href"]
        )
        if address:
            self.found.append(address)


def test_it_fetches_nothing_from_the_net(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 12
    for path in pages:
        reader = Fetched()
        reader.feed(path.read_text(encoding="utf-8"))
        assert reader.found
        for address in reader.found:
            assert not re.match(r"([a-z]+:)?//", address), f"{path.name} fetches {address}"
            assert path.name == "404.html" or (path.parent / address.partition("?")[0]).is_file(), (
                f"{path.name}: {address}"
            )
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", styles)


def test_every_page_of_docs_is_in_the_navigation(site):
    front = (site / "index.html").read_text(encoding="utf-8")
    for path in (*DOCS.glob("*.md"), Path("choices.md"), Path("contributing.md"), Path("changelog.md")):
        assert f'href="{path.stem}.html"' in front or path.stem == "index", path.name


def test_every_target_and_every_public_name_has_its_place(site):
    targets = (site / "targets.html").read_text(encoding="utf-8")
    for name, target in ARTEFACTS.items():
        assert f'id="{name.replace(".", "")}"' in targets
        assert " ".join(target.compute.__doc__.split())[:40] in targets
    reference = (site / "reference.html").read_text(encoding="utf-8")
    names = [f"commonweight.{name}" for name in PUBLIC] + [f"commonweight.ranking.{name}" for name in ranking.__all__]
    for name in names:
        last = name.rpartition(".")[2]  # of two names a module has too, the function stands under the module's
        assert f'id="{name}"' in reference or f'id="{name}.{last}"' in reference, name
    assert "&gt;&gt;&gt;" in reference
    assert "<blockquote>" not in reference


def test_a_target_without_an_explanation_is_seen():
    page = "\n".join(f"### {name}\n\nText.\n" for name in ARTEFACTS)
    assert "Section 3.2" in explained(page, {"figure-2"})
    assert "results/small/figures/figure-2.png" in explained(page, {"figure-2"})
    for wrong in (page.replace("### table-1\n", ""), f"{page}\n### table-9\n", f"{page}\n### table-1\n"):
        with pytest.raises(PluginError, match=r"table-[19]$"):
            explained(wrong, set())


def test_the_section_of_the_readme():
    assert section("# A\n## B\n\none\n\n## C\ntwo", "B") == "one\n"
    with pytest.raises(PluginError, match="no section 'D'"):
        section("## B\none", "D")


def test_links_lead_to_the_pages_of_files_and_elsewhere_name_the_file():
    pages = {"engine.md", "contributing.md", "index.md", "results/small/README.md"}
    text = "[a](docs/engine.md#x) [b](LICENSE) [c](https://a.b) `[d](nowhere.md)` [e](README.md) [f](#here)"
    told = "[a](../engine.md#x) b (`LICENSE`) [c](https://a.b) `[d](nowhere.md)` [e](../index.md) [f](#here)"
    assert linked(text, "README.md", "sub/page.md", pages) == told
    assert linked("[a](../CONTRIBUTING.md)", "docs/page.md", "page.md", pages) == "[a](contributing.md)"
    with pytest.raises(PluginError, match=r"nowhere\.md, which does not exist"):
        linked("[d](nowhere.md)", "README.md", "page.md", pages)


def test_examples_of_docstrings_are_fenced():
    text = "Adds.\n\n>>> 1 + 1\n2\n>>> 2\n2\n\nMore."
    assert fenced(text) == "Adds.\n\n```pycon\n>>> 1 + 1\n2\n>>> 2\n2\n```\n\nMore."
    assert fenced("Taus [instance] [top] of `x[0]`.") == r"Taus \[instance] \[top] of `x[0]`."


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs_and_shown_with_them(site, path):
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    assert all(not cell.outputs and cell.execution_count is None for cell in stored.cells if cell.cell_type == "code")
    shown = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
    assert len(re.findall(rf'src="{path.stem}-\d+\.png"', shown)) >= 1
    assert shown.count("<table>") >= 2
    assert (site / "notebooks" / f"{path.stem}-1.png").read_bytes().startswith(b"\x89PNG")
    assert (site / "notebooks" / path.name).is_file()


def test_a_cell_s_outputs_stand_below_it_in_their_richest_kind():
    cell = nbformat.v4.new_code_cell("f()")
    data = {"text/plain": "<Image>", "image/png": "iVBORw0KGgo="}
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="told\n"),
        nbformat.v4.new_output("stream", name="stderr", text="warned"),
        nbformat.v4.new_output("execute_result", data=data),
        nbformat.v4.new_output("display_data", data={"text/plain": "x", "text/markdown": "| a |"}),
    ]
    text, pictures = to_page(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# T"), cell]), "n")
    words = text.split("\n")
    kept = [
        "# T",
        "```python",
        "f()",
        "```",
        "```text",
        "told",
        "```",
        "![what the cell above draws](n-1.png)",
        "| a |",
    ]
    assert [word for word in words if word] == kept
    assert pictures == {"n-1.png": b"\x89PNG\r\n\x1a\n"}


def blocks(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(r"^```(python|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["exports.md", "index.md", "judge-my-ranks.md", "study.md", "metrics.md"])
def test_what_a_page_tells_to_type_works(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    assert blocks(name)
    for language, text in blocks(name):
        if language == "python":
            exec(compile(text, name, "exec"), names)
            continue
        for line in text.splitlines():
            words = shlex.split(line)[1:]
            few = ["--set", 'space.primitives=["max_pool_3x3", "sep_conv_3x3"]', "--set", "net.cells=1"]
            words += [*few, *(["--workers", "0"] if words[0] == "run" else [])] if words[0] in ("run", "plan") else []
            told = CliRunner().invoke(app, words)
            assert told.exit_code == 0, f"{line}: {told.stderr}"


def test_the_power_tables_are_what_the_script_says():
    page = (DOCS / "faq.md").read_text(encoding="utf-8")
    assert power_table.written(page) == page


def test_power_is_the_share_of_simulated_studies_that_decide():
    rng = np.random.default_rng(5)
    for instances, difference, spread in ((12, 0.05, 0.04), (4, 0.10, 0.08), (9, 0.2, 0.14)):
        a, b = rng.normal(0, spread, (20_000, instances)), rng.normal(difference, spread, (20_000, instances))
        decided = (ttest_ind(a, b, axis=1).pvalue < 0.05).mean()
        assert power_table.power(instances, difference, spread) == pytest.approx(decided, abs=0.012)
        fewest = power_table.needed(difference, spread)
        assert power_table.power(fewest, difference, spread) >= 0.8
        assert fewest == 2 or power_table.power(fewest - 1, difference, spread) < 0.8


def test_the_citation_names_the_paper_and_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (paper,) = cited["references"]
    assert cited["version"] == cw.__version__
    assert (paper["title"], paper["url"]) == (published.TITLE, published.ADDRESS)
    assert [one["family-names"] for one in paper["authors"]] == [
        "Zhang", "Lin", "Jiang", "Zhang", "Wang", "Xue", "Zhang", "Yang"
    ]  # fmt: skip
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
