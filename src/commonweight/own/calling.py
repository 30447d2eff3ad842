"""Running a module of the user's own: its modes, and what it must give."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.space import Chosen


def checked_logits(what: str, run: Callable[[], object], images: Tensor, child: Chosen) -> Tensor:
    """What `run` gives for the child and these images, if it is logits `[batch, class]`.

    Raises `UsageError` in one line when it is not, and when it fails, whatever a user's code raises.
    """
    try:
        logits = run()
    except UsageError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())
        raise UsageError(
            f"{what} fails for child {child} and images {tuple(images.shape)}: {type(error).__name__}: {told}"
        ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(images):
        got = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise UsageError(
            f"{what} gives {got} for child {child} and images {tuple(images.shape)}; expected logits [batch, class] of "
            f"{len(images)} images"
        )
    return logits


@contextmanager
def in_mode(module: nn.Module, training: bool) -> Iterator[None]:
    """The module in training or eval mode inside; every part of it as it was afterwards."""
    before = [(part, part.training) for part in module.modules()]
    try:
        module.train(training)
        yield
    finally:
        for part, was in before:
            part.training = was
