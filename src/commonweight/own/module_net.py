"""A module of the user's own behind the protocol of the training loop."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from commonweight.errors import UsageError
from commonweight.own.declared import Supernet
from commonweight.own.sharing_found import SharingFound
from commonweight.seeds import Stream
from commonweight.space import Chosen

PRIVATE = "private."
"""Begins the names of what a child has alone: `private.3.edge0.conv3.weight` is child number 3's."""


@dataclass(frozen=True)
class ModulePlan:
    """Children that one module trains together, and the sites at which each has weights and statistics of its own.

    What belongs to `private` sites, as discovery found it, each child has alone; everything else is shared as the module
    shares it. Raises `UsageError` without children, and for a child that stands twice.
    """

    children: tuple[Chosen, ...]
    private: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.children:
            raise UsageError("a module without children to train; give at least one")
        if len(set(self.children)) != len(self.children):
            raise UsageError("a child stands twice among those to train; each is trained once")

    @cached_property
    def _position(self) -> dict[Chosen, int]:
        return {child: position for position, child in enumerate(self.children)}

    def position(self, child: Chosen) -> int:
        """Place of the child in `children`; raises `UsageError` for a child that is not trained here."""
        try:
            return self._position[child]
        except KeyError:
            raise UsageError(f"child {child} is not one of the {len(self.children)} children trained here") from None


class ModuleNet:
    """One instance of a declared super-net: a module, the children that it trains, and their private slots.

    The module's initial weights are those of the stream (`Supernet.built`). At private sites the first child that uses a
    weight has the module's own, every other one a copy that starts from the same numbers. `state_dict` has the module's
    names; private copies stand beside them. There is one copy, so several instances are several nets.
    """

    copies = 1

    def __init__(  # noqa: PLR0917
        self,
        declared: Supernet,
        found: SharingFound,
        plan: ModulePlan,
        stream: Stream,
        device: torch.device | str = "cpu",
        again: bool = True,
    ) -> None:
        for site in plan.private:
            found.require_site(site)
        self.declared, self.found, self.plan = declared, found, plan
        self.module = declared.built(stream, device, again=again)
        own = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        if missing := found.holdings.keys() - own.keys():
            raise UsageError(
                f"the module has no {min(missing)!r} any more, which another instance of it had; expected modules that "
                "differ in their numbers alone"
            )
        self._private: dict[int, dict[str, Tensor]] = {}  # of children with copies, by position
        taken: set[str] = set()
        for position, child in enumerate(plan.children):
            used = sorted(name for site in plan.private for name in found.slot(child, site))
            self._private[position] = {name: _copied(own[name]) for name in used if name in taken}
            taken |= set(used)
        self._through = _Through(declared, self.module)

    def logits(self, images: Tensor, child: Chosen) -> Tensor:
        """`[batch, class]`, in the mode that the module is in. Raises `UsageError` as `Supernet.call` does."""
        if not self.plan.private:
            return self.declared.call(self.module, images, child)
        own = {
            **dict(self.module.named_parameters()),
            **dict(self.module.named_buffers()),
        }  # statistics may be set aside
        copies = self._private[self.plan.position(child)]
        instead = {f"module.{name}": value for name, value in copies.items() if name in own}
        return functional_call(self._through, instead, (images, child))

    def parameters_of(self, child: Chosen) -> Iterator[nn.Parameter]:
        """The parameters that the child may use: all but what discovery found to be another choice's."""
        copies = self._private[self.plan.position(child)] if self.plan.private else {}
        for name, parameter in self.module.named_parameters():
            holding = self.found.holdings.get(name)
            one = copies.get(name, parameter)
            if (holding is None or holding.of(child)) and isinstance(one, nn.Parameter) and one.requires_grad:
                yield one

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from self.module.named_parameters()
        yield from ((name, one) for name, one in self._copies() if isinstance(one, nn.Parameter))

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        yield from ((name, one) for name, one in self.module.named_buffers() if name in self.found.moving)
        yield from ((name, one) for name, one in self._copies() if not isinstance(one, nn.Parameter))

    def state_dict(self) -> dict[str, Tensor]:
        return {**self.module.state_dict(), **dict(self._copies())}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        copies = dict(self._copies())
        self.module.load_state_dict({name: value for name, value in state_dict.items() if name not in copies})
        with torch.no_grad():
            for name, copy in copies.items():
                copy.copy_(state_dict[name])

    def _copies(self) -> Iterator[tuple[str, Tensor]]:
        for position, copies in self._private.items():
            yield from ((f"{PRIVATE}{position}.{name}", value) for name, value in copies.items())


class _Through(nn.Module):
    """What `functional_call` needs: a module whose forward is a child's way through the user's module."""

    def __init__(self, declared: Supernet, module: nn.Module) -> None:
        super().__init__()
        self.declared, self.module = declared, module

    def forward(self, images: Tensor, child: Chosen) -> Tensor:
        return self.declared.call(self.module, images, child)


def _copied(value: Tensor) -> Tensor:
    copy = value.detach().clone()
    return nn.Parameter(copy, value.requires_grad) if isinstance(value, nn.Parameter) else copy


def private_sites(sites: Collection[str], found: SharingFound) -> frozenset[str]:
    """The sites, if each holds weights of its own; raises `UsageError` for an unknown one and for one without any."""
    for site in sites:
        found.require_site(site)
        if not any(one.site == site for one in found.holdings.values()):
            raise UsageError(
                f"site {site!r} holds no weights of its own, so none can be private to a child; look at the sharing"
            )
    return frozenset(sites)
