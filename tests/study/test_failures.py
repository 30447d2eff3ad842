"""Notes of failed jobs: what is written is read, and what is no note is none."""

import json

import pytest
from tiny import make_job

from commonweight.study.failures import Cause, Failure, forget_failure, note_failure, read_failures

JOB, OTHER = make_job(), make_job(init=(1,))


@pytest.mark.parametrize("cause", Cause)
def test_a_note_is_there_until_the_job_is_done(tmp_path, cause):
    assert read_failures(tmp_path) == {}
    forget_failure(tmp_path, JOB.id)
    path = note_failure(tmp_path, JOB, cause, "why: 'ü'", "Traceback\n  line\n")
    note_failure(tmp_path, OTHER, Cause.ERROR, "because", "")
    told = Failure(job=JOB.id, label=JOB.label, cause=cause, reason="why: 'ü'", trace=("Traceback", "  line"))
    assert read_failures(tmp_path)[JOB.id] == told
    assert '"  line"' in path.read_text(encoding="utf-8").splitlines()[7]  # a person can read the trace
    note_failure(tmp_path, JOB, Cause.LOST, "another time", "")
    assert read_failures(tmp_path)[JOB.id].reason == "another time"
    forget_failure(tmp_path, JOB.id)
    assert read_failures(tmp_path).keys() == {OTHER.id}


def test_what_is_no_note_is_none(tmp_path):
    path = note_failure(tmp_path, JOB, Cause.DIVERGED, "why", "")
    content = json.loads(path.read_text())
    contents = ["", "[]", "[" * 100_000, "x" * (1 << 21), json.dumps(content | {"cause": "bad luck"})]
    contents += [json.dumps(content | {"more": 1}), json.dumps(content | {"job": OTHER.id}), b"\xff\xfe"]
    for text in contents:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        assert read_failures(tmp_path) == {}
    path.unlink()
    path.symlink_to("/dev/zero")
    (path.parent / "notes.json").write_text(json.dumps(content))
    assert read_failures(tmp_path) == {}
