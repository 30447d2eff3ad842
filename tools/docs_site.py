"""What MkDocs is told beside `mkdocs.yml`: pages whose text stands elsewhere, notebooks that are run, and links.

Links of a text to a file of this repository lead to its page where the site has one; where it has none they become the
file's path, as there is no site of the sources.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from notebook_pages import executed, to_page

from commonweight.paper import ARTEFACTS, chapter

ROOT = Path(__file__).parents[1]
ELSEWHERE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Texts outside of `docs/`, and the pages that a link to them leads to."""
CHOICES = "Choices that change ranks, in the open"
KEPT = "results/small/figures"


def on_config(config: MkDocsConfig) -> None:
    """Pages of `docs/` that the navigation does not name are put below "More"; a new page needs no line there."""
    assert config.nav is not None
    named = set(_named(config.nav))
    more = sorted(path.name for path in Path(config.docs_dir).glob("*.md") if path.name not in named)
    config.nav.append({"More": [*more, "changelog.md"]})


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Adds the pages that are made here."""
    pages: dict[str, str | bytes] = {
        "choices.md": f"# {CHOICES}\n\n{section((ROOT / 'README.md').read_text(encoding='utf-8'), CHOICES)}",
        **{page: (ROOT / text).read_text(encoding="utf-8") for text, page in ELSEWHERE.items() if page != "index.md"},
    }
    for path in sorted(Path(config.docs_dir).glob("notebooks/*.ipynb")):
        text, pictures = to_page(executed(path), path.stem)
        pages[f"notebooks/{path.stem}.md"] = text
        pages |= {f"notebooks/{name}": content for name, content in pictures.items()}
    for uri, content in pages.items():
        files.append(File.generated(config, uri, content=content))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page's own additions, then links that lead somewhere."""
    uri = page.file.src_uri
    if uri == "targets.md":
        kept = {path.stem for path in (Path(config.docs_dir) / KEPT).glob("*.png")}
        markdown = explained(markdown, kept)
    origin = next((text for text, there in ELSEWHERE.items() if there == uri != "index.md"), None)
    origin = "README.md" if uri == "choices.md" else origin or f"docs/{uri}"
    return linked(markdown, origin, uri, {file.src_uri for file in files})


def section(text: str, heading: str) -> str:
    """What stands below a heading of the second level, up to the next; raises `PluginError` when there is none."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise PluginError(
            f"README.md has no section {heading!r}, which the page choices.md is made of; name its new heading"
        )
    return found[1].strip() + "\n"


def explained(markdown: str, kept: set[str]) -> str:
    """The page of targets: below the heading `### <target>` of each, what the code says of it, and its figures that are kept.

    Raises `PluginError` when a target has no heading, and when a heading is no target.
    """
    headings = re.findall(r"^### (\S+)$", markdown, re.MULTILINE)
    if sorted(headings) != sorted(ARTEFACTS):
        wrong = sorted(set(ARTEFACTS) ^ set(headings)) or sorted({one for one in headings if headings.count(one) > 1})
        raise PluginError(f"docs/targets.md explains every target once; missing, unknown or twice: {', '.join(wrong)}")
    return re.sub(r"^### (\S+)$", lambda found: _told(found[1], kept), markdown, flags=re.MULTILINE)


def _told(name: str, kept: set[str]) -> str:
    target = ARTEFACTS[name]
    place = "Not in the paper" if target.section is None else f"Section {chapter(target)}"
    said = " ".join((target.compute.__doc__ or "").split())
    lines = [f"### {name}", "", f"*{said}* {place}."]
    for figure in sorted(one for one in kept if one == name or one.startswith(f"{name}-")):
        lines += ["", f"![{said.rstrip('.')}, in the kept run of the study small]({KEPT}/{figure}.png)"]
    return "\n".join(lines)


def linked(markdown: str, origin: str, uri: str, pages: set[str]) -> str:
    """Relative links of a text that stands at `origin` of the repository, for the page `uri`; code is left alone."""

    def put(found: re.Match[str]) -> str:
        if found["code"]:
            return found["code"]
        text, address = found["text"], found["address"]
        path, hash_, anchor = address.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return found[0]
        there = normpath(PurePosixPath(origin).parent / path)
        inside = ELSEWHERE.get(there, there.removeprefix("docs/"))
        if inside in pages and (there in ELSEWHERE or there.startswith("docs/")):
            return f"{found['bang']}[{text}]({relpath(inside, PurePosixPath(uri).parent)}{hash_}{anchor})"
        if not (ROOT / there).exists():
            raise PluginError(f"{origin} links to {address}, which does not exist")
        return f"{text} (`{there}`)" if text != there else f"`{there}`"

    return _LINKS.sub(put, markdown)


_LINKS = re.compile(
    r"(?P<code>^```.*?^```$|`[^`\n]*`)|(?P<bang>!?)\[(?P<text>[^\]\[]*)\]\((?P<address>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)


def _named(nav: object) -> Iterator[str]:
    """The pages that a navigation names."""
    match nav:
        case str():
            yield nav
        case Mapping():
            for value in nav.values():
                yield from _named(value)
        case list():
            for value in nav:
                yield from _named(value)
