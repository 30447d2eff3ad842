"""A settled study beside its results, in `<out>/study.json`: what reads results needs no images.

The file is the resolved study, as `load_study` reads it, with one more section, `settled`: what its images were found to be.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from commonweight.errors import CommonweightError, ResultMissing, StoreError, UsageError
from commonweight.study.checksums import as_json
from commonweight.study.durable import write_whole
from commonweight.study.jobs import OwnPrimitives, Spec
from commonweight.study.load import SETTLED, load_study, read_content, study_of
from commonweight.study.schema import DataSpec
from commonweight.study.setting import Setting
from commonweight.values import Count

STUDY_FILE = "study.json"
WORDS = {"name", "about", "data.path"}
"""Keys of a study that change no number: wherever its images are, the section `settled` has their fingerprint."""

SHOWN = 3  # differences between two studies that a message tells
REMEDY = "give the run command once more, which writes it and trains nothing that is stored"


class SettledSpec(Spec):
    """The section `settled`: the fields of `Setting`, for which `data` section they were found, and a checksum.

    The checksum is the SHA-256 of all the rest of the file, as JSON with its keys in order; earlier versions wrote none.
    """

    data: DataSpec
    fingerprint: str
    image_size: Annotated[tuple[Count, Count], Field(strict=False)]
    train_images: Count
    sweep_images: Count
    judge_images: Count
    own: OwnPrimitives = ()
    checksum: str | None = None


def write_settled(setting: Setting, out: Path) -> None:
    """Write `<out>/study.json` at once, in the place of an earlier one."""
    content = _content(setting)
    content[SETTLED]["checksum"] = _checksum(content)
    write_whole(out / STUDY_FILE, as_json(content))


def read_settled(out: Path) -> Setting:
    """What `write_settled` wrote below `out`; no image is looked at.

    Raises `ResultMissing` when there is no `study.json` or it lacks the section `settled`, `StudyError` when its study is
    invalid, `StoreError` when its section `settled` is damaged or speaks of another `data` section than the study's, and
    when the file has been changed.
    """
    path = out / STUDY_FILE
    if not path.is_file():
        raise ResultMissing(f"no study in {out}: expected {path}; name the folder given to run --out")
    where, content = read_content(path)
    found = content.pop(SETTLED, None)
    study = study_of(where, content)
    if found is None:
        raise ResultMissing(f"{path}: got no section {SETTLED!r}, which says what the study's images are; {REMEDY}")
    try:
        settled = SettledSpec.model_validate(found)
    except ValidationError as error:
        place = ".".join(map(str, (SETTLED, *error.errors()[0]["loc"])))
        raise StoreError(f"{path}: {place} is not what a run wrote; {REMEDY}") from None
    if settled.data != study.data:
        raise StoreError(f"{path}: the section 'data' was changed after its images were looked at; {REMEDY}")
    if settled.checksum not in (None, _checksum(content | {SETTLED: found})):
        raise StoreError(f"{path}: it is not as a run wrote it; {REMEDY}")
    return Setting(study, **settled.model_dump(exclude={"data", "checksum"}))


def require_same_study(setting: Setting, out: Path) -> None:
    """Raises `UsageError` with the differences when a run left another study in `out`; words alone make no other study.

    A `study.json` that cannot be read holds no study: a run writes it anew.
    """
    asked = _content(setting)
    try:
        held = _content(read_settled(out))
    except ResultMissing:  # none, or one of an older version, which does not say what its images are
        if not (out / STUDY_FILE).is_file():
            return
        held = load_study(out / STUDY_FILE).model_dump(mode="json") | {SETTLED: asked[SETTLED]}
    except CommonweightError:
        return
    ours, theirs = _numbers(asked), _numbers(held)
    found = [
        f"{key} {json.dumps(theirs[key], ensure_ascii=False)} there, {json.dumps(value, ensure_ascii=False)} here"
        for key, value in ours.items()
        if theirs[key] != value
    ]
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UsageError(
            f"{out} holds another study: {'; '.join(found[:SHOWN])}{more}; give another --out, or --replace-study to go "
            "on here with this one (stored jobs stay)"
        )


def _content(setting: Setting) -> dict[str, Any]:
    """What the file holds, but for its checksum."""
    found = {field.name: getattr(setting, field.name) for field in fields(setting) if field.name != "study"}
    settled = SettledSpec(data=setting.study.data, **found).model_dump(mode="json", exclude={"checksum"})
    return setting.study.model_dump(mode="json") | {SETTLED: settled}


def _checksum(content: dict[str, Any]) -> str:
    settled = {key: value for key, value in content[SETTLED].items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content | {SETTLED: settled}, sort_keys=True).encode()).hexdigest()


def _numbers(content: dict[str, Any]) -> dict[str, Any]:
    """All that decides a number of the study, by keys such as `training.epochs`: all but its words."""
    images = {key: value for key, value in content[SETTLED].items() if key != "data"}  # `data` stands there once more
    return {key: value for key, value in _values(content | {SETTLED: images}) if key not in WORDS}


def _values(content: dict[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested sections with its key."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _values(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value
