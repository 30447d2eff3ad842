"""`info`, and a build of the native part that does not exist."""

import json

import pytest
from cli.calling import SETS, call


def test_info_says_what_would_run():
    facts = json.loads(call("info", "--json").stdout)
    assert {"commonweight", "torch", "cores"} <= set(facts)
    shown = call("info").stdout
    assert all(f"{name}: {fact}\n" in shown for name, fact in facts.items())


def test_info_tells_a_wrong_build_and_works_all_the_same(native):
    native("nonsense")
    facts = json.loads(call("info", "--json").stdout)
    assert facts["engine on a CPU"] == "none"
    assert facts["because"].startswith("error: COMMONWEIGHT_NATIVE='nonsense' is none of portable, ")
    assert "because: error: COMMONWEIGHT_NATIVE='nonsense'" in call("info").stdout


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("more", [(), ("--engine", "reference"), ("--workers", 2)])
def test_a_wrong_build_is_a_line_on_stderr_before_anything_is_done(tmp_path, native, command, more):
    native("nonsense")
    result = call(command, "smoke", "figure-2", "--out", tmp_path / "out", *more, *SETS, code=2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: COMMONWEIGHT_NATIVE='nonsense' is none of portable, ")
    assert "; unset COMMONWEIGHT_NATIVE, or " in line
    assert not (tmp_path / "out").exists()
