"""How well a composed task parts the children: between-children over within-seed deviation of accuracies reached alone.

The protocol of `cluttered10.md`: 16 of the paper's 64 children, drawn by seed 1, each trained alone from three seeds under
study seed 777, which no shipped study has. Prints one line of JSON; minutes on one core.
"""

import argparse
import json

import numpy as np
import torch

from commonweight.images import fashion14
from commonweight.images.cluttered import Clutter
from commonweight.net import DataShape, EngineChoice, NetShape, SuperNet, choose_engine
from commonweight.ranking import s_tau
from commonweight.seeds import Stream
from commonweight.sharing import share_all
from commonweight.space import SearchSpace
from commonweight.training import Course, ImageSet, Moments, Recipe, Streams, Swept, train

SEED, CHILDREN, SEEDS = 777, 16, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    clutter, recipe, net = Clutter(), Recipe(epochs=4, batch=64), NetShape(cells=2, channels=8, stem_multiplier=1)
    for name in ("canvas", "garment", "pieces", "piece", "times"):
        parser.add_argument(f"--{name}", type=int, default=getattr(clutter, name), help="of the images: see Clutter")
    for name, value in (("epochs", recipe.epochs), ("batch", recipe.batch), ("lr", recipe.lr)):
        parser.add_argument(f"--{name}", type=type(value), default=value, help="of training: see Recipe")
    for name in ("cells", "channels"):
        parser.add_argument(f"--{name}", type=int, default=getattr(net, name), help="of the net: see NetShape")
    words = parser.parse_args()
    clutter = Clutter(words.canvas, words.garment, words.pieces, words.piece, words.times)
    recipe = Recipe(epochs=words.epochs, batch=words.batch, lr=words.lr)
    net = NetShape(cells=words.cells, channels=words.channels, stem_multiplier=1)
    torch.set_num_threads(1)
    reached = accuracies(ImageSet(clutter.composed(fashion14())), recipe, net)
    between, within = deviations(reached)
    found = {"between": between, "within": within, "ratio": between / within, "accuracy": float(reached.mean())}
    found["s_tau"] = s_tau(reached).mean
    print(json.dumps(vars(words) | {name: round(value, 4) for name, value in found.items()}))


def accuracies(images: ImageSet, recipe: Recipe, net: NetShape) -> np.ndarray:
    """What each child reaches alone on all validation images, `[seed, child]`."""
    children = tuple(SearchSpace().children())
    chosen = sorted(np.random.default_rng(1).choice(len(children), CHILDREN, replace=False))
    root = Stream(SEED)
    streams = Streams(root.fork("order", 0), root.fork("data", 0), root.fork("augment", 0))
    reached = []
    for child in (children[index] for index in chosen):
        plan = share_all((child,), net.cells)
        inits = [root.fork("init", seed) for seed in range(SEEDS)]
        engine = choose_engine(
            SuperNet(plan, net, DataShape(images.channels, images.classes), inits), EngineChoice.AUTO
        )
        events = train(engine, images, recipe, Course(moments=Moments(every_epoch=False)), streams)
        reached += [event.accuracy.numpy() for event in events if isinstance(event, Swept)]
    return np.concatenate(reached, axis=1)


def deviations(reached: np.ndarray) -> tuple[float, float]:
    """Between children, less what the seeds contribute to it, and within the seeds of a child; of `[seed, child]`."""
    within = float(np.sqrt(reached.var(axis=0, ddof=1).mean()))
    return float(np.sqrt(max(0.0, reached.mean(axis=0).var(ddof=1) - within**2 / len(reached)))), within


if __name__ == "__main__":
    main()
