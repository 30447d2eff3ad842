"""Ray on this machine for all tests of a module: it takes seconds to start, and more for each worker process."""

import os
from contextlib import ExitStack
from importlib import import_module

from commonweight.study.executors.on_ray import SETTINGS

os.environ |= SETTINGS
os.environ["RAY_AUTH_MODE"] = "disabled"  # else the first start of all writes a token into the home folder

STARTS = 4


def patiently(start, *words, **more):
    """What it returns, tried again: Ray gives its own agents 15 seconds to start, too few on a busy machine.

    That it does is an open issue of Ray's, ray-project/ray#65983.
    """
    for left in reversed(range(STARTS)):
        try:
            return start(*words, **more)
        except Exception:  # Ray raises just this
            if not left:
                raise
    return None


def session(address=None, cores=2):
    """`session` of the executor, begun; a context to be closed."""
    begin = import_module("commonweight.study.executors.ray_session").session
    with ExitStack() as stack:
        patiently(lambda: stack.enter_context(begin(address, cores)))
        return stack.pop_all()
