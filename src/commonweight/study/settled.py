"""A settled study beside its results, in `<out>/study.json`: what reads results needs no images.

The file is the resolved study, as `load_study` reads it, with one more section, `settled`: what its images were found to be.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from commonweight.errors import ResultMissing, StoreError
from commonweight.study.jobs import Spec
from commonweight.study.load import SETTLED, read_content, study_of
from commonweight.study.schema import DataSpec
from commonweight.study.setting import Setting
from commonweight.study.store import write_whole
from commonweight.values import Count

STUDY_FILE = "study.json"
REMEDY = "give the run command once more, which writes it and trains nothing that is stored"


class SettledSpec(Spec):
    """The section `settled`: the fields of `Setting`, and for which `data` section they were found."""

    data: DataSpec
    fingerprint: str
    image_size: Annotated[tuple[Count, Count], Field(strict=False)]
    train_images: Count
    sweep_images: Count
    judge_images: Count


def write_settled(setting: Setting, out: Path) -> None:
    """Write `<out>/study.json` at once, in the place of an earlier one."""
    found = {field.name: getattr(setting, field.name) for field in fields(setting) if field.name != "study"}
    settled = SettledSpec(data=setting.study.data, **found)
    content = setting.study.model_dump(mode="json") | {SETTLED: settled.model_dump(mode="json")}
    write_whole(out / STUDY_FILE, f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode())


def read_settled(out: Path) -> Setting:
    """What `write_settled` wrote below `out`; no image is looked at.

    Raises `ResultMissing` when there is no `study.json` or it lacks the section `settled`, `StudyError` when its study is
    invalid, `StoreError` when its section `settled` is damaged or speaks of another `data` section than the study's.
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
    return Setting(study, **settled.model_dump(exclude={"data"}))
