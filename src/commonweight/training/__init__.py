"""Data as tensors, child orders, the recipe, and the one training loop."""

from commonweight.training.image_set import Augmentation, ImageSet
from commonweight.training.loop import Course, Snapshot, Streams, Swept, Trained, train, train_step
from commonweight.training.mini_batches import Batches
from commonweight.training.order import ChildOrder
from commonweight.training.recipe import MOST_EPOCHS, Inactive, Moments, Recipe, Window
from commonweight.training.sgd import SGD

__all__ = [
    "MOST_EPOCHS",
    "SGD",
    "Augmentation",
    "Batches",
    "ChildOrder",
    "Course",
    "ImageSet",
    "Inactive",
    "Moments",
    "Recipe",
    "Snapshot",
    "Streams",
    "Swept",
    "Trained",
    "Window",
    "train",
    "train_step",
]
