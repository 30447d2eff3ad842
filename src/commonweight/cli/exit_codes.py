"""What the exit code tells a script."""

from commonweight.errors import CommonweightError, JobFailed, ResultMissing, StoreError, UsageError

DONE, ERROR, USAGE, JOBS_FAILED, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 4, 130
TOLD = (
    "Exit codes: 0 done, 1 error, 2 usage or study file, 3 some jobs failed, 4 damaged results, 129 hung up (SIGHUP), "
    "130 interrupted, 143 terminated (SIGTERM)."
)


def exit_code(error: CommonweightError) -> int:
    """The exit code that tells a script what kind of error it was."""
    match error:
        case UsageError():
            return USAGE
        case JobFailed():
            return JOBS_FAILED
        case StoreError() if not isinstance(error, ResultMissing):
            return DAMAGED
        case _:
            return ERROR
