"""The units of a super-net: the module on one site, for one primitive and the slots of its kinds of weight."""

import copy
from collections.abc import Iterator, Sequence
from itertools import chain

from torch import nn

from commonweight.errors import UsageError
from commonweight.net.layers import Conv, Head, Norm
from commonweight.net.primitives import UnitShape, primitive
from commonweight.net.reduction import Reduction
from commonweight.net.shape import Combine, DataShape, Frame, NetShape
from commonweight.seeds import Stream
from commonweight.sharing import Kind, Place, SharingPlan, Site
from commonweight.space import Child


class Units:
    """Makes a unit when a child first asks for it, and keeps it in `modules` under a name of site, primitive and slots.

    At one site, children with the same primitive and the same slots use one unit. Children with the same slot of one kind
    only use units that hold the very same layers of this kind. Example: all but normalisation is shared, and the first two
    children have `sep_conv_3x3` on edge 0. Their slots of (CONV, NORM) are (0, 0) and (0, 1), their units in the first cell
    `cell0/edge0:sep_conv_3x3:0` and `cell0/edge0:sep_conv_3x3:0-1`. Each unit has normalisations of its own; each
    convolution is one object in both: `state_dict` has its weights under two names, `parameters` has them once.

    All units of a site and primitive start from the same weights, whatever their slots.
    """

    def __init__(self, plan: SharingPlan, shape: NetShape, data: DataShape, streams: Sequence[Stream]) -> None:
        self.modules = nn.ModuleDict()
        self._plan, self._shape, self._data, self._streams = plan, shape, data, tuple(streams)
        self._made: dict[str, dict[tuple[int, ...], nn.Module]] = {}  # of a site and primitive, by slots
        self._only: dict[tuple[Site, str], nn.Module] = {}  # of a site and primitive, where each has one slot

    def make_all(self) -> None:
        """Make the units of all children. Where all weights are shared, a child of no new edge and primitive has none."""
        seen: set[tuple[int, int]] = set()
        for child in self._plan.children:
            chosen = set(enumerate(child.digits))
            if self._plan.private or not chosen <= seen:
                seen |= chosen
                for site in self._plan.sites:
                    self.unit(child, site)

    def unit(self, child: Child, site: Site) -> nn.Module:
        """The unit that the child uses at this site."""
        if self._plan.private:
            return self._named(child, site)
        known = site, _choice(child, site)
        if known not in self._only:
            self._only[known] = self._named(child, site)
        return self._only[known]

    def _named(self, child: Child, site: Site) -> nn.Module:
        name = _name(self._plan, child, site)
        if name not in self.modules:
            choice, slots = _choice(child, site), _slots(self._plan, child, site)
            made = self._made.setdefault(_unit_name(child, site), {})
            made[slots] = _another(made, slots, site, choice) if made else self._initialised(site, choice)
            self.modules[name] = made[slots]
        return self.modules[name]

    def _initialised(self, site: Site, choice: str) -> nn.Module:
        module = self._built(site, choice)
        rngs = [stream.fork(site.name, choice).generator() for stream in self._streams]
        for layer in module.modules():
            if isinstance(layer, Conv | Head):
                layer.draw(rngs)
        return module

    def _built(self, site: Site, choice: str) -> nn.Module:
        shape, copies = self._shape, len(self._streams)
        channels, momentum = shape.channels_in(site.cell or 0), shape.bn_momentum
        stem = channels * shape.stem_multiplier
        out = shape.channels_in(shape.cells - 1) * (self._plan.space.nodes if shape.combine is Combine.CONCAT else 1)
        ours = shape.frame is Frame.PAPER
        match site.place:
            case Place.STEM:
                first = (
                    Conv(self._data.image_channels, stem, 3, copies, common_input=True),
                    Norm(stem, copies, momentum, affine=True),
                )
                if not ours:
                    return nn.Sequential(*first)
                return nn.Sequential(*first, Conv(stem, stem, 3, copies), Norm(stem, copies, momentum, affine=True))
            case Place.PRE if ours:
                before = stem if site.cell == 0 else out
                return nn.Sequential(nn.ReLU(), Conv(before, channels, 1, copies), Norm(channels, copies, momentum))
            case Place.PRE:
                before = shape.channels_in(max(0, (site.cell or 0) - 1))
                return nn.Identity() if before == channels else Reduction(UnitShape(before, copies, momentum))
            case Place.EDGE:
                return primitive(choice)(UnitShape(channels, copies, momentum))
            case Place.TAIL:
                return Norm(out, copies, momentum, affine=True)
            case Place.HEAD:
                return Head(out, self._data.classes, copies, relu=shape.has_tail)


def unit_names(plan: SharingPlan, child: Child) -> tuple[str, ...]:
    """Keys in `SuperNet.units` of what this child uses: stem, cell by cell preprocessing and edges, a tail, head.

    In `state_dict` their tensors are `units.<key>.…`. Raises `UsageError` for a child that is not in the plan.
    """
    return tuple(_name(plan, child, site) for site in plan.sites)


def _name(plan: SharingPlan, child: Child, site: Site) -> str:
    """`cell0/edge0:sep_conv_3x3:0`; with both slots, CONV-NORM, where they differ: `cell0/edge0:sep_conv_3x3:0-1`."""
    slots = _slots(plan, child, site)
    told = slots if len(set(slots)) > 1 else slots[:1]
    return f"{_unit_name(child, site)}:{'-'.join(map(str, told))}"


def _slots(plan: SharingPlan, child: Child, site: Site) -> tuple[int, ...]:
    return tuple(plan.slot(child, site, kind) for kind in site.kinds)


def _choice(child: Child, site: Site) -> str:
    return child.space.primitives[child.digits[site.edge] - 1] if site.edge is not None else ""


def _unit_name(child: Child, site: Site) -> str:
    return f"{site.name}:{_choice(child, site)}".replace(".", "/")


def _another(made: dict[tuple[int, ...], nn.Module], slots: tuple[int, ...], site: Site, choice: str) -> nn.Module:
    """A unit for these slots: of each kind, the very parts of a unit that has the same slot of this kind, if one is made.

    Else copies of the first unit's parts.
    """
    first, shared = next(iter(made.values())), {}
    for place, kind in enumerate(site.kinds):
        twin = next((unit for other, unit in made.items() if other[place] == slots[place]), None)
        if twin is not None:
            pairs = zip(_parts(first, kind, choice), _parts(twin, kind, choice), strict=True)
            shared |= {id(theirs): ours for theirs, ours in pairs}
    return copy.deepcopy(first, memo=shared)


def _parts(unit: nn.Module, kind: Kind, choice: str) -> Iterator[nn.Module | nn.Parameter]:
    """The parts of a unit that hold weights of this kind and of no other, as large as possible.

    A layer with no `Norm` inside is one part. A layer with a `Norm` inside comes in pieces: its own parameters, and the
    parts of the layers that it is made of. Example: `nn.Sequential(ReLU, Conv, Norm)` has of CONV the parts ReLU and Conv.

    Whole layers where that can be, because `nn.Module.to` gives every module a new buffer in the place of each old one:
    two units go on sharing a buffer only inside a layer that both hold. Raises `UsageError` for a buffer beside a `Norm`.
    """
    if isinstance(unit, Norm) or not any(isinstance(inner, Norm) for inner in unit.modules()):
        if isinstance(unit, Norm) == (kind is Kind.NORM):
            yield unit
        return
    if any(True for _ in unit.buffers(recurse=False)):
        raise UsageError(
            f"primitive {choice!r} keeps a buffer beside a Norm in a {type(unit).__name__}; "
            "give it a module of its own, so that a sharing plan can tell the two apart"
        )
    if kind is Kind.CONV:
        yield from unit.parameters(recurse=False)
    yield from chain.from_iterable(_parts(inner, kind, choice) for inner in unit.children())
