"""Results, which the command line prints on standard output."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from commonweight.api import Programme, place_of
from commonweight.cli.stderr import say
from commonweight.errors import NotWritten, UsageError
from commonweight.paper import Made
from commonweight.report import preface, to_data, to_terminal, to_text
from commonweight.study.durable import writing
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.store import Store


@contextmanager
def _printing() -> Iterator[None]:
    """Results are printed inside; raises `NotWritten` when what standard output leads to has no space for them."""
    try:
        with writing(Path("standard output")):
            yield
            print(end="", flush=True)
    except NotWritten:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes the rest once more when it ends
        raise


@_printing()
def print_all(made: list[Made], before: list[str], as_json: bool) -> None:
    """Sentences, then tables and claims; or everything as JSON."""
    if as_json:
        print_json({item.name: to_data(item) for item in made})
        return
    console = Console()
    for sentence in before:
        console.print(Text(sentence + "\n"), soft_wrap=not console.is_terminal)
    for item in made:
        shown = to_terminal(item) if console.is_terminal else to_text(item)
        if isinstance(shown, str):
            print(shown)
        elif shown is not None:
            console.print(shown)


def print_made(work: Programme, made: list[Made], as_json: bool) -> None:
    """What was made of the programme, and on standard error which of its targets a failed job leaves unmade."""
    if made:
        print_all(made, preface(work.setting), as_json)
    for name, reason in work.lacking().items():
        say(f"not made: {name}: {reason}")


@_printing()
def print_text(text: str) -> None:
    """A result, on standard output."""
    print(text)


@_printing()
def print_json(content: Any) -> None:
    """A result for a program."""
    print(json.dumps(content, indent=1, ensure_ascii=False))


def show_job(store: Store, word: str, as_json: bool) -> None:
    """The stored job whose id starts with this word."""
    ids = [job_id for job_id in store.ids() if job_id.startswith(word)]
    if len(ids) != 1:
        raise UsageError(f"{word!r} is the start of {len(ids)} job ids in {store.jobs}; expected exactly 1")
    store.verify(ids[0])
    job = store.job(ids[0])
    record = store.read(job)
    names = [child.name for child in record.children_of(job)]
    final = record.final.get(FinalAccuracy.JUDGED, record.accuracy[:, -1])
    label = place_of(job, store)
    content = {
        "id": job.id,
        "label": label,
        "job": job.model_dump(mode="json"),
        "how": store.how(job.id),
        "final accuracy": dict(zip(names, final.mean(axis=0).round(4).tolist(), strict=True)),
    }
    if as_json:
        print_json(content)
        return
    print_text(f"job {job.id}: {label}")
    print_text(f"how: {json.dumps(content['how'])}")
    print_text(f"what: {json.dumps(content['job'], ensure_ascii=False)}")
    print_text(f"accuracy at the end, mean over {job.copies} copies: {json.dumps(content['final accuracy'])}")
