"""Laying out programs: what a child's way through the network becomes as a list of native steps."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from commonweight.net.layers import Head
from commonweight.net.native.library import MAX_INPUTS, Step, StepKind
from commonweight.net.native.memory import Bundle, Memory, Value, step
from commonweight.net.native.stages import NoConnection, Stage, Work, stages
from commonweight.net.reduction import Reduction
from commonweight.net.shape import Combine
from commonweight.net.supernet import Node, SuperNet
from commonweight.net.sweep import Remembered, in_common
from commonweight.sharing import Site
from commonweight.space import Child


def runs_natively(net: SuperNet, child: Child) -> bool:
    """Whether the native part knows every unit of the child; a child with another unit runs through PyTorch as a whole."""
    path = net.path(child)
    units = [path.stem, *(unit for cell in path.cells for unit in (cell.pre, *cell.edges))]
    return net.plan.space.nodes <= MAX_INPUTS and know_apart(units, net.copies)


def know_apart(units: Iterable[nn.Module], copies: int) -> bool:
    """Whether the native part knows each of these units, and no two of them have a weight in common.

    A weight that is used twice would need its gradients added.
    """
    known = [stages(part, copies) for unit in units for part in _branches(unit)]
    if None in known:
        return False
    weights = [weight for found in known if isinstance(found, list) for stage in found for weight in stage.tensors]
    return len(weights) == len(set(weights))


def _branches(unit: nn.Module) -> tuple[nn.Module, ...]:
    """What a unit is the sum of."""
    return (unit.block, unit.shortcut) if type(unit) is Reduction else (unit,)


def _nothing(memory: Memory, x: Bundle) -> Bundle:
    """Zeros in the shape of `x`, in a buffer that no step writes."""
    data = memory.activation("nothing", x[0].channels, x[0].halvings)
    return (Value(x[0].channels, data, halvings=x[0].halvings, nothing=True),)


def _terms(values: Sequence[Bundle]) -> list[Value]:
    """What there is to add: without what is nothing."""
    return [value for (value,) in values if not value.nothing]


class Training:
    """A `Flow` that lays out one mini-batch of one child: forward, loss, backward.

    `steps` is the program and `reached` the parameters that it gives gradients. A unit whose ways to the head all lead
    over `none` edges has no backward step, and its parameters are not reached: autograd too leaves them without a gradient.
    """

    def __init__(self, net: SuperNet, memory: Memory, gradients: dict[nn.Parameter, Tensor], child: Child) -> None:
        self._net, self._memory, self._gradients = net, memory, gradients
        self.steps: list[Step] = []
        self.reached: list[nn.Parameter] = []
        self._back: list[Callable[[], None]] = []  # each lays out one step's backward; called last first
        channels = net.data.image_channels
        images = Value(channels, memory.activation("images", channels))
        self.steps.append(step(StepKind.LOAD, [images], images.data, channels))
        self._head(net.path(child).head, net.send(child, (images,), self))
        while self._back:
            self._back.pop()()

    def unit(self, site: Site, module: nn.Module, x: Bundle) -> Bundle:
        branches = _branches(module)
        if len(branches) > 1:
            made = [self._branch(f"{site.name}.branch{place}", one, x) for place, one in enumerate(branches)]
            return self._sum(site.name, made)
        return self._branch(site.name, module, x)

    def _branch(self, name: str, module: nn.Module, x: Bundle) -> Bundle:
        known = stages(module, self._net.copies)
        assert known is not None, "asked for a unit that only PyTorch can run"
        if isinstance(known, NoConnection):
            return _nothing(self._memory, x)
        for place, stage in enumerate(known):
            x = (self._stage(f"{name}.{place}", stage, x),)
        return x

    def add(self, node: Node, values: Sequence[Bundle]) -> Bundle:
        return self._sum(node.name, values)

    def combine(self, cell: int, nodes: Sequence[Bundle]) -> Bundle:
        if self._net.shape.combine is Combine.SUM:
            return self._sum(f"cell{cell}.out", nodes)
        return nodes[-1] if self._net.shape.combine is Combine.LAST else tuple(value for (value,) in nodes)

    def _sum(self, name: str, values: Sequence[Bundle]) -> Bundle:
        terms = _terms(values)
        if len(values) == 1 or not terms:
            return values[0]
        total = self._value(name, terms[0].channels, terms[0].halvings)
        self.steps.append(step(StepKind.SUM, terms, total.data, total.channels))
        self._back.append(lambda: self._sum_back(terms, total))
        return (total,)

    def _stage(self, name: str, stage: Stage, inputs: Bundle) -> Value:
        channels = stage.channels or inputs[0].channels
        out = self._value(name, channels, inputs[0].halvings + stage.work.halvings)
        normal = {
            field: self._memory.tensor(f"{name}.{field}", (channels,))
            for field in ("inverse", "centre", "factor", "shift")
            if stage.statistics
        }
        out.factor, out.shift = normal.get("factor"), normal.get("shift")
        tensors = {
            **stage.parameters,
            **stage.statistics,
            **normal,
            "middle": self._middle(name, stage.work, inputs[0]),
        }
        self.steps.append(step(stage.work.forward, inputs, out.data, out.channels, stage.numbers, tensors))

        def back() -> None:
            if out.gradient is None:
                return
            into = {f"d_{field}": self._reach(parameter) for field, parameter in stage.parameters.items()}
            all_tensors = {**tensors, **into, "d_out": out.gradient}
            made = step(stage.work.back, inputs, out.data, out.channels, stage.numbers, all_tensors)
            self._put_gradients(made, inputs)
            self._memory.give_back(out.gradient)
            self.steps.append(made)

        self._back.append(back)
        return out

    def _middle(self, name: str, work: Work, x: Value) -> Tensor | None:
        """What the backward pass of a stage needs besides its input and output."""
        match work:
            case Work.SEPARABLE:
                return self._memory.activation(f"{name}.middle", x.channels, x.halvings)
            case Work.MAX_POOL:
                return self._memory.tensor(f"{name}.taps", tuple(x.data.shape), torch.uint8)
            case _:
                return None

    def _head(self, head: nn.Module, nodes: Bundle) -> None:
        assert isinstance(head, Head)
        tensors = {
            "mixing": head.weight,
            "beta": head.bias,
            "d_mixing": self._reach(head.weight),
            "d_beta": self._reach(head.bias),
        }
        made = step(StepKind.HEAD, nodes, nodes[0].data, head.weight.shape[1], {"relu": int(head.relu)}, tensors)
        self._put_gradients(made, nodes)
        self.steps.append(made)

    def _sum_back(self, terms: Sequence[Value], total: Value) -> None:
        if total.gradient is None:
            return
        wanted = [term for term in terms if term.trained]
        for term in wanted:
            if term.readers == 1:  # the sum alone: both have one gradient
                term.gradient = self._memory.share(total.gradient)
        receivers = [term for term in wanted if term.readers > 1]
        if receivers:
            made = step(StepKind.SUM_BACK, receivers, total.data, total.channels, {}, {"d_out": total.gradient})
            self._put_gradients(made, receivers)
            self.steps.append(made)
        self._memory.give_back(total.gradient)

    def _put_gradients(self, made: Step, inputs: Sequence[Value]) -> None:
        """Have the step put the gradients of its inputs where they belong.

        The first step that gives a value a gradient writes it into a borrowed buffer; later ones add to what is there.
        """
        for place, value in enumerate(inputs):
            if value.trained:
                made.d_add[place] = value.gradient is not None
                if value.gradient is None:
                    value.gradient = self._memory.borrow(value.channels, value.halvings)
                made.d_in[place] = value.gradient.data_ptr()

    def _value(self, name: str, channels: int, halvings: int) -> Value:
        return Value(channels, self._memory.activation(name, channels, halvings), halvings=halvings, trained=True)

    def _reach(self, parameter: nn.Parameter) -> Tensor:
        if parameter not in self._gradients:
            self._gradients[parameter] = torch.zeros_like(parameter)
        self.reached.append(parameter)
        return self._gradients[parameter]


class Sweep:
    """A `Flow` that lays out a sweep: `fold` once per copy and sweep, `steps` for every few images.

    `fold` puts normalisations into weights; `right` `[child, copy]` counts right answers. What children have `in_common`
    stands in `steps` once, in a buffer of its own; what each child has for itself is written over the last child's.
    """

    def __init__(self, net: SuperNet, memory: Memory, children: Sequence[Child]) -> None:
        self._net, self._memory = net, memory
        self.fold: list[Step] = []
        self.steps: list[Step] = []
        self.right = torch.zeros(len(children), net.copies, dtype=torch.int64)
        self._folded: dict[tuple[int, ...], dict[str, Tensor]] = {}
        self._kept = Remembered[Bundle]()
        channels = net.data.image_channels
        images = Value(channels, memory.activation("images", channels))
        self.steps.append(step(StepKind.LOAD, [images], images.data, channels))
        for child, right in zip(children, self.right, strict=True):
            self._head(net.path(child).head, net.send(child, (images,), self), right)

    def unit(self, site: Site, module: nn.Module, x: Bundle) -> Bundle:
        if not in_common(site):
            return self._unit(f"eval {site.name}", module, x)
        return self._kept.once(site, module, x, lambda number: self._unit(f"eval {site.name} {number}", module, x))

    def add(self, node: Node, values: Sequence[Bundle]) -> Bundle:
        if not in_common(node):
            return self._sum(f"eval {node.name}", values)
        terms = [value for (value,) in values]
        return self._kept.once(node, None, terms, lambda number: self._sum(f"eval {node.name} {number}", values))

    def combine(self, cell: int, nodes: Sequence[Bundle]) -> Bundle:
        if self._net.shape.combine is Combine.SUM:
            return self._sum(f"eval cell{cell}.out", nodes)
        return nodes[-1] if self._net.shape.combine is Combine.LAST else tuple(value for (value,) in nodes)

    def _unit(self, name: str, module: nn.Module, x: Bundle) -> Bundle:
        branches = _branches(module)
        if len(branches) > 1:
            made = [self._branch(f"{name}.branch{place}", one, x) for place, one in enumerate(branches)]
            return self._sum(name, made)
        return self._branch(name, module, x)

    def _branch(self, name: str, module: nn.Module, x: Bundle) -> Bundle:
        known = stages(module, self._net.copies)
        assert known is not None, "asked for a unit that only PyTorch can run"
        if isinstance(known, NoConnection):
            return _nothing(self._memory, x)
        for place, stage in enumerate(known):
            channels, halvings = stage.channels or x[0].channels, x[0].halvings + stage.work.halvings
            out = Value(channels, self._memory.activation(f"{name}.{place}", channels, halvings), halvings=halvings)
            folded = self._folded_of(stage, sum(value.channels for value in x)) if stage.statistics else {}
            tensors = {**stage.parameters, **folded}
            self.steps.append(step(stage.work.eval, x, out.data, out.channels, stage.numbers, tensors))
            x = (out,)
        return x

    def _folded_of(self, stage: Stage, channels_in: int) -> dict[str, Tensor]:
        """A stage's weights with its normalisation in them, and the shift that is left over.

        Made once for each combination of weights and statistics. Example: where all but normalisation is shared, one
        convolution has a normalisation for each child, and is folded once for each.
        """
        made_of = tuple(map(id, stage.tensors))
        if made_of not in self._folded:
            statistics = stage.statistics["mean"]
            mixing = stage.parameters.get("mixing")
            width, channels = 1 if mixing is None else mixing[0].numel(), len(statistics) // self._net.copies
            folded = {"folded": torch.zeros(channels * width), "shift": torch.zeros(channels)}
            self._folded[made_of] = folded
            source = Value(channels_in, statistics)  # of which only the channel count is read
            tensors = {**stage.parameters, **stage.statistics, **folded}
            kernel = 1 if stage.work is Work.SEPARABLE else stage.numbers.get("kernel", 1)
            self.fold.append(step(StepKind.FOLD, [source], statistics, channels, {"kernel": kernel}, tensors))
        return self._folded[made_of]

    def _sum(self, name: str, values: Sequence[Bundle]) -> Bundle:
        terms = _terms(values)
        if len(values) == 1 or not terms:
            return values[0]
        first = terms[0]
        total = Value(
            first.channels,
            self._memory.activation(name, first.channels, first.halvings),
            halvings=first.halvings,
        )
        self.steps.append(step(StepKind.SUM, terms, total.data, total.channels))
        return (total,)

    def _head(self, head: nn.Module, nodes: Bundle, right: Tensor) -> None:
        assert isinstance(head, Head)
        tensors = {"mixing": head.weight, "beta": head.bias, "right": right}
        relu = {"relu": int(head.relu)}
        self.steps.append(step(StepKind.HEAD_EVAL, nodes, nodes[0].data, head.weight.shape[1], relu, tensors))
