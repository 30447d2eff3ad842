"""Commands called in this process, as a user and as a script would, on the tiny study."""

import json

from tiny import TINY
from typer.testing import CliRunner

from commonweight.cli import app

SETS = [word for key, value in TINY.items() for word in ("--set", f"{key}={json.dumps(value)}")]
TARGETS = ("table-1", "table-2", "figure-2")  # of three experiments; a test of all targets says so
JOBS = 12  # one of seeds, one of orders, two of shuffled orders, eight children alone


def call(*words, code=0):
    """The result of a command in this process; no exception that is not an exit ever leaves it."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.output
    return result
