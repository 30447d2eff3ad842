"""Notebooks as pages of the site: stored without outputs, run when the site is built, their outputs below their cells."""

import base64
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

SECONDS = 300  # a cell may take, on a machine that does other work too


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, run from its first cell in an empty folder; raises `CellExecutionError`."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources).execute()
    return notebook


def to_page(notebook: nbformat.NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """The page as Markdown, and its pictures by the file names that it shows them under, `<name>-1.png` and so on."""
    lines, pictures = [], {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            lines += [cell.source, ""]
            continue
        lines += [f"```python\n{cell.source}\n```", ""]
        for output in cell.outputs:
            for kind, content in _shown(output):
                if kind == "image/png":
                    picture = f"{name}-{len(pictures) + 1}.png"
                    pictures[picture] = base64.b64decode(content)
                    lines += [f"![{output.metadata.get('alt', 'what the cell above draws')}]({picture})", ""]
                elif kind == "text/markdown":
                    lines += [content, ""]
                else:
                    lines += [f"```text\n{content.rstrip()}\n```", ""]
    return "\n".join(lines), pictures


def _shown(output: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    """An output in the richest kind that a page can show, and its content; nothing of what was told on standard error."""
    if output.output_type == "stream":
        if output.name == "stdout":
            yield "text/plain", output.text
        return
    for kind in ("image/png", "text/markdown", "text/plain"):
        if kind in output.data:
            yield kind, output.data[kind]
            return
