"""Docstrings' examples (`>>>`) as blocks of code on the site: Markdown would take them for quotations."""

import re
from itertools import groupby
from typing import Any

import griffe


class DoctestFences(griffe.Extension):
    """Puts a fence around every run of lines from a `>>>` to the next empty line."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """The text with its examples fenced, and with brackets that are no link, as in `accuracies [instance, child]`.

    >>> fenced("Adds.\\n\\n>>> 1 + 1\\n2")
    'Adds.\\n\\n```pycon\\n>>> 1 + 1\\n2\\n```'
    """
    paragraphs = ("\n".join(lines) for whole, lines in groupby(text.splitlines(), key=bool) if whole)
    return "\n\n".join(
        f"```pycon\n{one}\n```" if one.startswith(">>>") else _BRACKET.sub(_escaped, one) for one in paragraphs
    )


_BRACKET = re.compile(r"`[^`]*`|\[")


def _escaped(found: re.Match[str]) -> str:
    return r"\[" if found[0] == "[" else found[0]
