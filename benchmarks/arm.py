"""Whether the native part computes on ARM what PyTorch computes here: `python benchmarks/arm.py`.

Compiles the portable build for aarch64, runs its kernels under user-mode emulation, and holds gradients, running
statistics, right answers of sweeps and SGD to the tolerances of the tests, which are those of every other build. It needs
Debian's g++-aarch64-linux-gnu and qemu-user. An emulator tells nothing about speed: that of the kernels on ARM is
unmeasured. `--compiler g++ --emulator ''` does the same on this processor, which tries the method.

Prints Markdown; exits with 1 where something differs.
"""

import argparse
import itertools
import math
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import engine_tables
import torch
from replay import Replay, ReplayError, replaying
from torch import Tensor

from commonweight.net import Combine, DataShape, Engine, Frame, Head, Native, NetShape, Norm, Reference, SuperNet
from commonweight.net.native.library import StepKind
from commonweight.seeds import Stream
from commonweight.sharing import share_none
from commonweight.space import Child, SearchSpace
from plain import opponent

COMPILER = "aarch64-linux-gnu-g++"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")  # of Debian's qemu-user and qemu-user-static
SPACE = SearchSpace(2, tuple(opponent.PRIMITIVES))
CHILDREN = tuple(  # each primitive stands once on each edge
    Child(SPACE, tuple((first + 3 * edge) % len(SPACE.primitives) + 1 for edge in range(len(SPACE.edges))))
    for first in range(len(SPACE.primitives))
)
SEEDS = 3
CLASSES = 61  # many, so that an error changes answers


@dataclass(frozen=True)
class Case:
    """A shape of net and images, numbers of images, and the children that are trained and swept with each."""

    channels: int
    size: tuple[int, int]
    batches: Sequence[int]
    copies: int = 1
    image_channels: int = 3
    combine: Combine = Combine.CONCAT
    children: tuple[Child, ...] = CHILDREN
    frame: Frame = Frame.PAPER  # the other with a stack for each cell

    def __str__(self) -> str:
        (height, width), first, last = self.size, self.batches[0], self.batches[-1]
        images = f"{first if first == last else f'{first} to {last}'} of {self.image_channels}×{height}×{width}"
        return f"{self.frame.value}, C = {self.channels}, copies {self.copies}, {self.combine.value}, images {images}"

    def net(self) -> SuperNet:
        """In float32, affine parameters and statistics random; every call makes the same."""
        stacks = 1 if self.frame is Frame.PAPER else 2
        shape = NetShape(2, self.channels, 3 - stacks, self.combine, frame=self.frame, stacks=stacks)
        plan, data = share_none(self.children, 2, tail=shape.has_tail), DataShape(self.image_channels, CLASSES)
        net = SuperNet(plan, shape, data, [Stream(seed) for seed in range(self.copies)])
        random = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for norm in (module for module in net.modules() if isinstance(module, Norm)):
                for value in (*norm.parameters(), *norm.buffers()):
                    value.uniform_(0.5, 1.5, generator=random)
        return net

    def images(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(seed)
        images = torch.randn(count, self.image_channels, *self.size, generator=random)
        return images, torch.randint(0, CLASSES, (count,), generator=random)


def cases(lanes: int) -> Iterator[Case]:
    """Odd sizes with every primitive; in the end every fill of the last block, with four children."""
    yield Case(1, (1, 1), (17,), image_channels=1)
    yield Case(5, (1, 1), (33,), copies=2)
    yield Case(1, (3, 5), (16,), copies=2, combine=Combine.SUM)
    yield Case(5, (3, 5), (2,), copies=2)
    yield Case(13, (3, 5), (21,), copies=3)
    yield Case(13, (7, 6), (17,), image_channels=1, combine=Combine.SUM)
    yield Case(16, (9, 9), (20,))
    yield Case(5, (3, 5), (21,), copies=2, combine=Combine.LAST, frame=Frame.NAS_BENCH_201)
    yield Case(3, (6, 8), (17,), combine=Combine.SUM, frame=Frame.NAS_BENCH_201)
    yield Case(5, (3, 5), range(lanes + 1, 2 * lanes + 1), copies=2, children=CHILDREN[::3])


@dataclass(frozen=True)
class Found:
    """How far one thing is from PyTorch's at its worst, and how far it may be."""

    what: str
    error: float
    tolerance: float

    @property
    def fits(self) -> bool:
        return self.error <= self.tolerance  # not so for NaN

    @property
    def badness(self) -> float:
        return math.inf if math.isnan(self.error) else self.error / self.tolerance


Outcome = tuple[dict[str, Tensor], dict[str, Tensor]]
"""Gradients of what was reached and statistics after one mini-batch, in double, by name."""


def outcome(engine: Engine, images: Tensor, labels: Tensor, child: Child) -> Outcome:
    names = {parameter: name for name, parameter in engine.net.named_parameters()}
    gradients = {names[p]: gradient.double().clone() for p, gradient in engine.gradients(images, labels, child)}
    return gradients, {name: value.double().clone() for name, value in engine.net.named_buffers()}


def distance(ours: dict[str, Tensor], truth: dict[str, Tensor]) -> float:
    """The largest distance of a gradient, relative to its length or a thousandth of that of all together."""
    if ours.keys() != truth.keys():
        return math.inf
    floor = 1e-3 * torch.cat([gradient.flatten() for gradient in truth.values()]).norm()
    return float(torch.stack([(ours[name] - g).norm() / (g.norm() + floor) for name, g in truth.items()]).max())


def apart(ours: Iterable[Tensor], truth: Iterable[Tensor], floor: float) -> float:
    """The largest |x − y| / (floor + |y|)."""
    apart = [((x - y).abs() / (floor + y.abs())).max() for x, y in zip(ours, truth, strict=True)]
    return float(torch.stack(apart).max())


def training(case: Case, library: Replay) -> tuple[Found, Found]:
    """Gradients and statistics against double precision, as `tests/net/native/test_running.py` holds them.

    A gradient may be 1e-4 away, or ten times as far as PyTorch's own float32. A ReLU's input within rounding of 0 may
    fall to the other side, so the best of three mini-batches counts; statistics count at each.
    """
    net = case.net()
    engine, start = Native(net, library), {name: value.clone() for name, value in net.state_dict().items()}
    gradients, statistics = [], []
    for count, child in itertools.product(case.batches, case.children):
        tries: list[Found] = []
        while len(tries) < SEEDS and not any(found.fits for found in tries):
            images, labels = case.images(count, len(tries))
            net.load_state_dict(start)
            ours = outcome(engine, images, labels, child)
            truth = outcome(Reference(case.net().double()), images.double(), labels, child)
            usual = outcome(Reference(case.net()), images, labels, child)
            bound = 1e-4 + 10 * distance(usual[0], truth[0])
            tries.append(Found("gradients", distance(ours[0], truth[0]), bound))
            statistics.append(Found("running statistics", apart(ours[1].values(), truth[1].values(), 1), 1e-4))
        gradients.append(min(tries, key=lambda found: found.badness))
    return _worst(gradients), _worst(statistics)


def sweeping(case: Case, library: Replay) -> Found:
    """Right answers of two children at a time, as `tests/net/native/test_sweep.py` holds them.

    Labels are the answers of the second child in copy 0, so all that it gives must be right there; a near tie of two
    classes may fall the other way, once.
    """
    net, exact = case.net(), case.net().double().eval()
    for child, seed in itertools.product(case.children, range(8)):  # until statistics fit, or all ReLUs are shut
        Reference(net).gradients(*case.images(case.batches[-1], seed), child)
    exact.load_state_dict(net.state_dict())
    images, _ = case.images(case.batches[-1], 0)
    for child in case.children:  # what the images share decides little; not nothing, or some children had only ties
        head = exact.path(child).head
        assert isinstance(head, Head)
        with torch.no_grad():
            head.bias -= 0.9 * exact(images.double(), child).mean(1).view_as(head.bias)
    net.load_state_dict(exact.state_dict())
    engine, found = Native(net, library), []
    for count, place in itertools.product(case.batches, range(len(case.children))):
        images, _ = case.images(count, 8)
        pair = case.children[place - 1], case.children[place]
        with torch.no_grad():
            answers = torch.stack([exact(images.double(), child).argmax(-1) for child in pair], dim=1)
        labels = answers[0, 1]
        right = (engine.sweep(images, labels, pair) * count).round()
        found.append(Found("right answers", float((right - (answers == labels).sum(-1)).abs().sum()), 1))
    return _worst(found)


def moving(library: Replay) -> Found:
    """SGD against PyTorch's in double over four steps, as `tests/training/test_sgd.py` holds it."""
    random, lr, momentum, decay = torch.Generator().manual_seed(0), 0.1, 0.9, 1e-2
    ours = [torch.nn.Parameter(torch.randn(size, generator=random)) for size in (1, 3, 16, 61, 101)]
    exact = [torch.nn.Parameter(weight.detach().double()) for weight in ours]
    velocities, plain = [*map(torch.zeros_like, ours)], torch.optim.SGD(exact, lr, momentum, weight_decay=decay)
    for _ in range(4):
        gradients = [torch.randn(weight.shape, generator=random) for weight in ours]
        library.sgd(list(zip(ours, gradients, velocities, strict=True)), lr, momentum, decay)
        for weight, gradient in zip(exact, gradients, strict=True):
            weight.grad = gradient.double()
        plain.step()
    found = [*ours, *velocities]
    truth = [*exact, *(plain.state[weight]["momentum_buffer"] for weight in exact)]
    with torch.no_grad():
        return Found("weights and velocities", apart(found, truth, 0.1), 1e-5)


def _worst(found: Sequence[Found]) -> Found:
    return max(found, key=lambda one: one.badness)


def compared(library: Replay, chosen: Sequence[Case]) -> Iterator[tuple[str, Found]]:
    """Each case, and what was found of it."""
    for case in chosen:
        for found in (*training(case, library), sweeping(case, library)):
            yield str(case), found
    yield "SGD", moving(library)


def report(rows: Iterable[tuple[str, Found]]) -> tuple[str, bool]:
    """The table, and whether everything fits."""
    rows = list(rows)
    lines = [[name, f.what, f.error, float(f.tolerance), "fits" if f.fits else "**differs**"] for name, f in rows]
    return engine_tables.table(("case", "what", "worst error", "tolerance", "verdict"), lines), all(
        f.fits for _, f in rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default=COMPILER, help="with its options (default: %(default)s)")
    installed = next(filter(shutil.which, EMULATORS), EMULATORS[0])
    parser.add_argument("--emulator", default=installed, help="with its options; '' for none (default: %(default)s)")
    given = parser.parse_args()
    commands = [shlex.split(command)[0] for command in (given.compiler, given.emulator) if command]
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise SystemExit(
            f"missing: {', '.join(missing)}; Debian has both in `apt-get install g++-aarch64-linux-gnu qemu-user`"
        )
    torch.set_num_threads(1)
    try:
        with replaying(given.compiler, given.emulator) as library:
            text, fits = report(compared(library, tuple(cases(library.lanes))))
    except (ReplayError, OSError) as error:
        raise SystemExit(f"nothing to compare: {error}") from None
    left = [kind.name for kind in StepKind if kind not in library.performed]
    print(f"{library.flavour}, {library.lanes} lanes, emulator: {given.emulator or 'none'}\n\n{text}")
    if left:
        print(f"\nno case performs {', '.join(left)}: add one to benchmarks/arm.py")
    sys.exit(not fits or bool(left))


if __name__ == "__main__":
    main()
