"""What is written stays, and what is not written to its end leaves nothing."""

import errno
import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from tiny import make_job, make_record

from commonweight.errors import NotWritten, ReadOnly
from commonweight.study import durable
from commonweight.study.durable import make_folder, set_aside, sweep, unfinished, write_whole
from commonweight.study.record import Result
from commonweight.study.store import Store

HOST = socket.gethostname()


@pytest.fixture
def told(monkeypatch):
    """What the system was asked to do, in its order: (call, path), a flush by the path of what was flushed."""
    calls = []

    def telling(name, place):
        call = getattr(os, name)

        def called(*words, **more):
            result = call(*words, **more)
            path = Path(f"/proc/self/fd/{words[0]}").readlink() if name == "fsync" else words[place]
            calls.append((name, os.fspath(path)))
            return result

        monkeypatch.setattr(os, name, called)

    for name, place in (("fsync", 0), ("rename", 1), ("replace", 1), ("mkdir", 0)):
        telling(name, place)
    return calls


def test_write_whole(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "down" / "file.txt"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"

    def dying(path, content):
        path.write_bytes(content[:1])
        raise OSError("no space left")

    monkeypatch.setattr(durable, "write_durably", dying)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, b"three")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def failing(monkeypatch, number):
    """Nothing can be flushed any more, for this reason."""

    def fsync(descriptor):  # noqa: ARG001
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT"])
def test_want_of_space_names_the_path_and_the_remedy_and_leaves_nothing(tmp_path, monkeypatch, name):
    failing(monkeypatch, getattr(errno, name))
    told = (
        f"cannot be written: {os.strerror(getattr(errno, name))}; make room there and give the same command again, which "
        "goes on from what is finished"
    )
    with pytest.raises(NotWritten) as caught:
        write_whole(tmp_path / "file.txt", b"one")
    assert str(caught.value) == f"{tmp_path}/file.txt {told}"
    store, job = Store(tmp_path / "out"), make_job()
    with pytest.raises(NotWritten) as caught:
        store.write(job, Result(make_record(job)))
    assert str(caught.value) == f"{store.folder(job.id)} {told}"
    assert not isinstance(caught.value, ReadOnly)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["EROFS", "EACCES", "EPERM"])
def test_want_of_permission_is_told_apart(tmp_path, monkeypatch, name):
    failing(monkeypatch, getattr(errno, name))
    with pytest.raises(ReadOnly) as caught:
        write_whole(tmp_path / "file.txt", b"one")
    assert str(caught.value) == (
        f"{tmp_path}/file.txt cannot be written: {os.strerror(getattr(errno, name))}; give an --out where you may write, or "
        "copy the results to such a place"
    )


def test_another_error_of_the_system_is_as_the_system_tells_it(tmp_path, monkeypatch):
    failing(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        write_whole(tmp_path / "file.txt", b"one")


def test_folders_are_flushed_after_they_are_made_and_after_renames(tmp_path, told):
    path = tmp_path / "deep" / "down" / "file.txt"
    write_whole(path, b"one")
    temporary = f"{path.parent}/.file.txt.{HOST}.{os.getpid()}"
    assert told == [
        ("mkdir", f"{tmp_path}/deep"),
        ("fsync", f"{tmp_path}"),
        ("mkdir", f"{tmp_path}/deep/down"),
        ("fsync", f"{tmp_path}/deep"),
        ("fsync", temporary),
        ("replace", f"{path}"),
        ("fsync", f"{path.parent}"),
    ]
    told.clear()
    make_folder(path.parent)
    assert told == []


def test_a_job_is_flushed_before_it_has_its_name_and_its_name_after(tmp_path, told):
    job, store = make_job(), Store(tmp_path / "out")
    store.write(job, Result(make_record(job)))
    folder, begun = f"{store.folder(job.id)}", f"{store.jobs}/.{job.id}.{HOST}.{os.getpid()}"
    flushed = [f"{begun}/{name}" for name in ("job.json", "how.json", "accuracy.safetensors", "done.json")]
    made = [("mkdir", f"{store.out}"), ("fsync", f"{tmp_path}"), ("mkdir", f"{store.jobs}"), ("fsync", f"{store.out}")]
    assert told == [
        *made,
        ("mkdir", begun),
        *(("fsync", path) for path in [*flushed, begun]),
        ("rename", folder),
        ("fsync", f"{store.jobs}"),
    ]
    (store.folder(job.id) / "done.json").unlink()
    told.clear()
    store.write(job, Result(make_record(job)))
    assert told[-6:] == [
        ("mkdir", f"{store.damaged}"),
        ("fsync", f"{store.out}"),
        ("rename", f"{store.damaged}/{job.id}-1"),
        ("fsync", f"{store.damaged}"),
        ("rename", folder),
        ("fsync", f"{store.jobs}"),
    ]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, OSError])
def test_nothing_unfinished_is_left_however_it_ends(tmp_path, error):
    (tmp_path / f".x.{HOST}.{os.getpid()}").mkdir()  # of an earlier process that had our number
    with pytest.raises(error) if error else nullcontext(), unfinished(tmp_path / "x") as temporary:
        assert not temporary.exists()
        temporary.mkdir()
        (temporary / "file").touch()
        if error:
            raise error
        temporary.rename(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ([] if error else ["x"])


def test_processes_of_two_hosts_may_have_one_number(tmp_path, monkeypatch):
    with unfinished(tmp_path / "x") as here:
        here.mkdir()
        (here / "file").touch()
        monkeypatch.setattr(socket, "gethostname", lambda: "there")
        with unfinished(tmp_path / "x") as there:
            assert not there.exists()
        assert (here / "file").exists()


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        left = [
            f".index.html.{HOST}.{dead.pid}",
            f".x.far.away.{dead.pid}",
            f".{'0' * 16}.{dead.pid}",
            f".{'0' * 16}-{dead.pid}",
            f".x.{os.getpid()}",
        ]
        kept = [".hidden", "x.1", f".x.{HOST}.{living.pid}", f".y.{living.pid}", f".z.{10**12}", f"{dead.pid}"]
        for name in (*left, *kept):
            (tmp_path / name).mkdir()
            (tmp_path / name / "file").touch()
        (tmp_path / f".link.{dead.pid}").symlink_to(tmp_path / kept[0])
        sweep([tmp_path, tmp_path / "nothing"])
        assert {path.name for path in tmp_path.iterdir()} == set(kept)
        assert all((tmp_path / name / "file").exists() for name in kept)
        living.communicate()


def test_what_is_set_aside_takes_no_place_that_is_taken(tmp_path):
    path, aside = tmp_path / "thing", tmp_path / "deep" / "aside"
    for number, content in enumerate(("one", "two", "three"), start=1):
        path.write_text(content)
        if number == 2:
            (aside / "thing-2").symlink_to("nowhere")
        found = set_aside(path, aside)
        assert found == aside / f"thing-{number if number == 1 else number + 1}"
        assert found.read_text() == content
        assert not path.exists()
