"""A super-net of the user's own: a module, its space, and how a child is chosen in it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.own.calling import checked_logits
from commonweight.own.discovery import discover
from commonweight.own.randomness import OwnRandomness
from commonweight.own.sharing_found import SharingFound
from commonweight.seeds import Stream
from commonweight.space import Choices, Chosen


@dataclass(frozen=True, eq=False)
class Supernet:
    """Any module with choices, as a super-net. (`SuperNet`, the library's own, is one of stacked copies of a cell's.)

    `module` is an `nn.Module`, or makes one when it is called: a class, or a function without arguments. Exactly one of
    two functions says how a child goes through it: `select(module, child)` sets the module's choices, every time all of
    them, whereupon `module(images)` gives the logits `[batch, class]`; or `forward(module, images, child)` gives them.
    `extract(module, child)` makes the child a plain module with the weights that it has in this one; nothing needs it.

    Nothing is asked about weights: which of them a child uses is found by a backward pass (`sharing`). Raises
    `UsageError` for none or both of the functions, and for a module or a space that is none.

    >>> import torch
    >>> class Net(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.wide, self.narrow = torch.nn.Linear(9, 3), torch.nn.Linear(9, 3, bias=False)
    >>> space = cw.Choices({"layer": ["wide", "narrow"]})
    >>> net = cw.Supernet(Net, space, forward=lambda module, x, child: getattr(module, child["layer"])(x))
    >>> net.sharing(torch.ones(2, 9)).slot(space.child("layer=wide"), "layer")
    ('wide.bias', 'wide.weight')
    """

    module: nn.Module | Callable[[], nn.Module]
    space: Choices
    select: Callable[[nn.Module, Chosen], object] | None = None
    forward: Callable[[nn.Module, Tensor, Chosen], Tensor] | None = None
    extract: Callable[[nn.Module, Chosen], nn.Module] | None = None

    def __post_init__(self) -> None:
        if not callable(self.module):
            raise UsageError(f"module is a {type(self.module).__name__}; expected an nn.Module, or what makes one")
        if not isinstance(self.space, Choices):
            raise UsageError(f"space is a {type(self.space).__name__}; expected commonweight.Choices")
        if (self.select is None) == (self.forward is None):
            given = "neither" if self.select is None else "both"
            raise UsageError(f"{given} of select and forward were given; expected exactly one of them")

    def built(self, stream: Stream, device: torch.device | str = "cpu", *, again: bool = True) -> nn.Module:
        """A module of its own on the device, whose initial weights the stream alone decides.

        A factory is called; a module is copied and initialised `again`, by `reset_parameters` of every part of it that has
        parameters, or keeps its weights. Global generators are left as they were. Raises `UsageError` for what makes no
        module, and for a part with parameters that cannot be initialised again.
        """
        with OwnRandomness(stream, device)():
            if not isinstance(self.module, nn.Module):
                made = self.module()
            else:
                made = copy.deepcopy(self.module)
                if again:
                    _initialise_again(made)
        if not isinstance(made, nn.Module):
            raise UsageError(f"module made a {type(made).__name__}; expected it to make an nn.Module")
        if next(made.parameters(), None) is None:
            raise UsageError(f"the module {type(made).__name__} has no parameters; there is nothing to train")
        return made.to(device)

    def call(self, module: nn.Module, images: Tensor, child: Chosen) -> Tensor:
        """The child's logits `[batch, class]`; raises `UsageError` when the module fails, or gives something else."""
        if self.forward is not None:
            return checked_logits("forward", partial(self.forward, module, images, child), images, child)
        assert self.select is not None
        try:
            self.select(module, child)
        except Exception as error:
            raise UsageError(f"select fails for child {child}: {type(error).__name__}: {error}") from error
        return checked_logits("the module", partial(module, images), images, child)

    def sharing(self, images: Tensor) -> SharingFound:
        """Who uses which weights, found with a few images such as the module reads; raises what `discover` raises."""
        return discover(self, images)


def _initialise_again(module: nn.Module) -> None:
    for name, part in module.named_modules():
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()
        elif own := [one for one, _ in part.named_parameters(recurse=False)]:
            where = f"{name} ({type(part).__name__})" if name else type(part).__name__
            raise UsageError(
                f"{where} holds {own[0]!r} and has no reset_parameters, so no second instance can be initialised; give "
                "what makes the module instead of the module: its class, or a function without arguments"
            )
