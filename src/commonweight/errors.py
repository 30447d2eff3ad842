"""The exception tree. Every error a user can cause is a `CommonweightError` whose message stands alone on one line."""

import difflib
from collections.abc import Iterable


class CommonweightError(Exception):
    """Base of all errors that commonweight raises on purpose; the command line prints its message, not a traceback."""


class UsageError(CommonweightError):
    """A value that the caller gave is impossible: what was got, what was expected, what to do."""


class StudyError(UsageError):
    """A study file or one of its overrides is invalid."""


class DataError(CommonweightError):
    """Images or labels cannot be read, or do not fit what the study asks for."""


class TableError(UsageError, DataError):
    """A table of accuracies, scores or ground truth cannot be understood, or does not fit the others."""


class DivergedError(CommonweightError):
    """Weights, batch-norm statistics or momentum are no finite numbers any more."""


class StoreError(CommonweightError):
    """A stored result is missing, damaged or not what the job asked for."""


class ResultMissing(StoreError):
    """A result that was asked for has not been made yet."""


class NotWritten(CommonweightError):
    """A file or a folder cannot be written: which, why, and what to do."""


class ReadOnly(NotWritten):
    """It cannot for want of permission, or because its file system is read-only."""


class JobFailed(CommonweightError):
    """One or more jobs ended with an error; the others are stored."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the known word closest to a mistyped one, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
