"""How the instances of a judgement are trained, and which children it is about."""

from dataclasses import dataclass

from commonweight.errors import UsageError
from commonweight.own import Supernet
from commonweight.seeds import Stream
from commonweight.space import Chosen
from commonweight.training import ChildOrder, Moments, Recipe

MOST_TRAINED = 2**16
"""Children of spaces up to here are all trained; of larger ones as many as there are mini-batches, drawn at random."""


@dataclass(frozen=True)
class HowTrained:
    """What all instances have in common; instance i draws its initialisation, order, data and augmentation from streams i.

    `window`: so many last mini-batches are followed by a sweep. `groups`: children are divided at random into so many groups
    of equal size, each trained alone, with a module of its own. `private`: sites at which each child has weights of its own.
    """

    recipe: Recipe
    order: ChildOrder = ChildOrder.SHUFFLED
    window: int = 16
    groups: int = 1
    private: frozenset[str] = frozenset()
    seed: int = 0
    instances: int = 3
    sweep_images: int | None = None

    def __post_init__(self) -> None:
        for name in ("window", "groups", "instances"):
            if not isinstance(value := getattr(self, name), int) or value < 1:
                raise UsageError(f"{name} is {value!r}; expected a whole number from 1")

    @property
    def stream(self) -> Stream:
        return Stream(self.seed).fork("judge")

    @property
    def again(self) -> bool:
        """Whether a module that was given is initialised again: one instance alone goes on from the weights it has."""
        return self.instances > 1 or self.groups > 1

    @property
    def moments(self) -> Moments:
        return Moments(every_epoch=False, last_batches=self.window)


def trained_children(net: Supernet, steps: int, how: HowTrained) -> tuple[Chosen, ...]:
    """The children that the mini-batches of one instance train, whether they are judged or not.

    All of the space; of one that is too large as many as there are steps (and no more than `MOST_TRAINED`), drawn at
    random, so that the judged ones are trained no more than others. Raises `UsageError` where private weights, or groups,
    would need all of a large space.
    """
    space = net.space
    if space.combinations <= MOST_TRAINED:
        return tuple(space.children())
    if how.private or how.groups > 1:
        raise UsageError(
            f"private sites and groups need each child of the space, and {space.combinations} are too many; expected at "
            f"most {MOST_TRAINED}"
        )
    return space.sample(min(steps, MOST_TRAINED), how.stream.fork("trained").generator())
