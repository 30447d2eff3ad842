"""One Ray on this machine for all tests of a module: it takes seconds to start, and more for each worker process."""

import os
from contextlib import ExitStack
from importlib import import_module

from commonweight.errors import UsageError
from commonweight.study.executors.on_ray import SETTINGS

os.environ |= SETTINGS
os.environ["RAY_AUTH_MODE"] = "disabled"  # else the first start of all writes a token into the home folder

STARTS = 4  # Ray gives its own agents 15 seconds to start, too few on a busy machine (ray-project/ray#65983)


def session(address=None, cores=2):
    """`session` of the executor, as a context to be closed; begun again when Ray was too slow for itself."""
    begin = import_module("commonweight.study.executors.ray_session").session
    for left in reversed(range(STARTS)):
        try:
            with ExitStack() as stack:
                stack.enter_context(begin(address, cores))
                return stack.pop_all()
        except UsageError:
            if not left:
                raise
    return None
