"""From YAML and `--set` words to a `Study`; every mistake becomes one line that names key, value and what is allowed."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from commonweight.errors import StudyError, nearest
from commonweight.study.schema import Study
from commonweight.values import shown, told

SHIPPED = resources.files("commonweight.study") / "shipped"
SETTLED = "settled"
"""The section of a results folder's `study.json` that is not the study's; see `settled.py`."""


MOST_BYTES = 2**20  # of a study file; the resolved study with every default has 2,000
MOST_DEPTH = 20  # of lists and mappings in each other; a study has 4


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but `1e-3` is a number, as in YAML 1.2 and JSON, and no key may stand twice.

    What a study does not need is refused, so that a small file is a small value: aliases (`*name`), which can stand for a
    value of any size, and more than `MOST_DEPTH` lists and mappings in each other. Whatever is wrong is a `YAMLError`.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="an alias; write out what it stands for", problem_mark=mark)
        if self.depth == MOST_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"more than {MOST_DEPTH} lists and mappings in each other", problem_mark=mark
            )
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            made = super().construct_object(node, deep)
            if isinstance(made, str):
                made.encode()  # half of a letter, "\\ud800", could be written nowhere
            return made
        except yaml.YAMLError:
            raise
        except Exception:  # PyYAML lets through what `!!int x` and 2026-99-99 raise, and an int of 5,000 digits
            problem = f"{shown(node.value)} is not what its form or its tag says"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()  # `!!set word` is refused by PyYAML below
        for key in (key for key, _ in pairs if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def shipped_studies() -> tuple[str, ...]:
    """Names of the studies that come with the package."""
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in SHIPPED.iterdir() if entry.name.endswith(".yaml"))
    )


def load_study(source: str | Path | Mapping[str, Any], overrides: Mapping[str, Any] | Iterable[str] = ()) -> Study:
    """The study of this shipped name, YAML file or mapping, with overrides such as `{"training.epochs": 3}`.

    The same are `["training.epochs=3"]` and `{"training": {"epochs": 3}}`: what an override does not name of a section
    stays. What a results folder's `study.json` says of images is left out: the study may have others now. Raises
    `StudyError` with one line for a missing file, bad YAML, or any value that a study does not allow.

    >>> cw.load_study("quick", {"training": {"epochs": 9}}).training.batch
    64
    >>> cw.load_study({"name": "mine", "data": {"name": "fashion14"}}).training.epochs
    200
    """
    where, content = read_content(source)
    content.pop(SETTLED, None)
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(_split, overrides)
    for key, value in pairs:
        _put(content, key, value)
    return study_of(where, content)


def read_content(source: str | Path | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What errors call this shipped study, YAML file or mapping, and its keys and values, not yet checked.

    Raises `StudyError` with one line for a missing file and bad YAML.
    """
    if isinstance(source, Mapping):
        return "the study's mapping", _merged({}, source)
    where, text = _read(source)
    try:
        content = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise StudyError(f"{where}{line}: not valid YAML: {getattr(error, 'problem', None) or 'unreadable'}") from None
    if not isinstance(content, dict):
        raise StudyError(f"{where}: expected a mapping of keys such as 'name' and 'data', got {type(content).__name__}")
    return where, content


def study_of(where: str, content: Mapping[str, Any]) -> Study:
    """The study of these keys and values; raises `StudyError` with one line for a value that a study does not allow."""
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise StudyError(f"{where}: {_explain(error.errors(include_url=False)[0])}") from None


def dump_study(study: Study) -> str:
    """The resolved study as YAML, every default written out."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, default_flow_style=None, allow_unicode=True)


def _read(source: str | Path) -> tuple[str, str]:
    path = Path(source)
    if str(source) in shipped_studies():
        return f"study {source}", (SHIPPED / f"{source}.yaml").read_text(encoding="utf-8")
    if not path.is_file():
        known = ", ".join(shipped_studies())
        raise StudyError(
            f"no study {str(source)!r}: neither a file nor a shipped study ({known}){nearest(str(source), shipped_studies())}"
        )
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise StudyError(f"{path}: got {size} bytes, expected a study file of at most {MOST_BYTES}; is it one?")
        return str(path), path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read as UTF-8 text: {error}") from None


def _split(word: str) -> tuple[str, Any]:
    key, sign, value = word.partition("=")
    if not sign or not key:
        raise StudyError(f"--set {word!r}: expected key=value, for example training.epochs=3")
    try:
        return key.strip(), yaml.load(value, _Loader)
    except yaml.YAMLError:
        raise StudyError(f"--set {word!r}: the value is not valid YAML") from None


def _put(content: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        inner = content.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise StudyError(f"--set {key}: {parent!r} is a value, not a section")
        content = inner
    content[last] = _merged(content.get(last), value)


def _merged(old: Any, new: Any, depth: int = 0) -> Any:
    """The new value; a section keeps the old keys that it does not name."""
    if not isinstance(new, Mapping):
        return new
    if depth == MOST_DEPTH:
        raise StudyError(f"got more than {MOST_DEPTH} mappings in each other; a study has 4")
    kept = old if isinstance(old, dict) else {}
    return kept | {key: _merged(kept.get(key), value, depth + 1) for key, value in new.items()}


def _explain(detail: ErrorDetails) -> str:
    """`key: got value; what is allowed`, for the first thing that pydantic found."""
    key = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            allowed = _keys(detail["loc"][:-1])
            close = nearest(str(detail["loc"][-1]), allowed)
            return f"unknown key {shown(key)}; allowed here are {', '.join(allowed)}{close}"
        case "missing":
            return f"missing key {key!r}"
        case "value_error" if not key:
            return detail["msg"].removeprefix("Value error, ")
        case "tuple_type":
            return f"{key}: got {shown(detail['input'])}; input should be a list"
        case "model_type" | "dataclass_type":
            return (
                f"{key}: got {shown(detail['input'])}; input should be a section with keys "
                f"{', '.join(_keys(detail['loc']))}"
            )
        case _:
            return f"{key}: {told(detail)}"


def _keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the study's section at this location allows."""
    section: Any = Study
    for part in location:
        section = _fields(section)[str(part)]
    return list(_fields(section))


def _fields(section: Any) -> dict[str, Any]:
    """The keys of a section, a pydantic model or a value, or one of these that may be left out, each with its type."""
    section = next((part for part in get_args(section) if part is not type(None)), section)
    if issubclass(section, BaseModel):
        return {key: field.annotation for key, field in section.model_fields.items()}
    return {field.name: field.type for field in fields(section)}
