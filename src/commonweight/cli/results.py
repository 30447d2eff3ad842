"""`ls`, `show`, `check` and `report`: what is there."""

from collections.abc import Sequence
from pathlib import Path

import typer

from commonweight import api
from commonweight.cli.exit_codes import DAMAGED, exit_code
from commonweight.cli.output import print_all, print_json, print_made, print_text, show_job
from commonweight.cli.stderr import say
from commonweight.errors import StudyError, UsageError
from commonweight.paper import ARTEFACTS, named
from commonweight.report import Style, preface
from commonweight.study.checkpoint import checkpoints
from commonweight.study.load import dump_study, load_study, shipped_studies
from commonweight.study.settled import STUDY_FILE, read_settled
from commonweight.study.store import Store
from commonweight.study.verification import verify_results


def ls(*, out: Path, as_json: bool) -> None:
    """List the shipped studies, the targets, and the studies that have results below a folder."""
    shipped = {name: load_study(name).about for name in shipped_studies()}
    studies = [out / STUDY_FILE, *sorted(out.glob(f"*/{STUDY_FILE}"))]
    stores = {path: Store(path.parent) for path in studies if path.is_file()}
    found = {
        str(store.out): {
            "study": _name_of(path),
            "jobs": sum(1 for _ in store.ids()),
            "unfinished": sum(1 for _ in checkpoints(store)),
        }
        for path, store in stores.items()
    }
    if as_json:
        print_json({"shipped": shipped, "targets": list(ARTEFACTS), "results": found})
        return
    for name, about in shipped.items():
        print_text(f"{name}: {about}")
    print_text(f"targets: {', '.join(ARTEFACTS)}")
    for folder, what in found.items():
        more = f", {what['unfinished']} unfinished" if what["unfinished"] else ""
        print_text(f"{what['study']} in {folder}: {what['jobs']} stored jobs{more}")


def _name_of(path: Path) -> str:
    """The name of a folder's study, or that its file holds none."""
    try:
        return load_study(path).name
    except StudyError:
        return "a study that cannot be read"


def show(*, thing: str, out: Path | None, as_json: bool) -> None:
    """Show a study as it is resolved, or from the results in `out` a target or a job."""
    if _is_target(thing):
        work = _stored(out, [thing])
        made = work.make()
        say(f"study {work.setting.study.name} in {out}")
        print_all(made, preface(work.setting), as_json)
        return
    if out is not None:
        show_job(Store(out), thing, as_json)
        return
    study = load_study(thing)
    if as_json:
        print_json(study.model_dump(mode="json"))
    else:
        print_text(dump_study(study).rstrip())


def check(*, out: Path, as_json: bool) -> None:
    """Verify every stored job, the study and the report, and name what no run wrote."""
    found = verify_results(out)
    if as_json:
        print_json(vars(found))
    else:
        for reason in (*found.damaged.values(), *found.failed.values(), *found.unfinished.values()):
            print_text(reason)
        for name, told in found.unknown.items():
            print_text(f"{name}: {told}")
        print_text(f"{found.whole} jobs whole, {len(found.damaged)} damaged")
    if found.damaged:
        say("give the run command once more: what is damaged is made again, and a damaged job is kept aside")
        raise typer.Exit(DAMAGED)
    read_settled(out)


def report(*, out: Path, target: Sequence[str] | None, style: str, as_json: bool) -> None:
    """Make tables, figures and the page again from stored records, all that can be made unless targets are named."""
    chosen = Style.named(style)
    work = _stored(out, target or ())
    if not work.targets and work.missing:
        raise next(iter(work.missing.values()))
    made, files = work.report(chosen)
    print_made(work, made, as_json)
    for error in work.missing.values():
        say(f"not made: {error}")
    say(f"report: {files[0]}")
    if any(exit_code(error) == DAMAGED for error in work.missing.values()):
        raise typer.Exit(DAMAGED)


def _is_target(word: str) -> bool:
    try:
        return bool(named([word]))
    except UsageError:
        return False


def _stored(out: Path | None, targets: Sequence[str]) -> api.Programme:
    if out is None:
        raise UsageError("where are the results? name their folder with --out")
    return api.open(out, targets)
