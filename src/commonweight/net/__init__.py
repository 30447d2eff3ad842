"""The super-net of stacked copies, its primitives, and the sweep of all children."""

from commonweight.net.choice import EngineChoice, choose_engine
from commonweight.net.engine import AnyEngine, Engine, Move, Together, Trainable
from commonweight.net.imported import checksum_of, is_import_path
from commonweight.net.layers import Conv, Head, Norm
from commonweight.net.native import Library, Native, find_library
from commonweight.net.primitives import Primitive, UnitShape, primitive, primitive_names, register_primitive
from commonweight.net.reference import Reference, move_by_sgd
from commonweight.net.shape import Combine, DataShape, Frame, NetShape
from commonweight.net.similarity import gradient_similarity
from commonweight.net.statistics import Statistics, sweep_under
from commonweight.net.supernet import ChildPath, SuperNet
from commonweight.net.sweep import Precision, sweep
from commonweight.net.units import unit_names

__all__ = [
    "AnyEngine",
    "ChildPath",
    "Combine",
    "Conv",
    "DataShape",
    "Engine",
    "EngineChoice",
    "Frame",
    "Head",
    "Library",
    "Move",
    "Native",
    "NetShape",
    "Norm",
    "Precision",
    "Primitive",
    "Reference",
    "Statistics",
    "SuperNet",
    "Together",
    "Trainable",
    "UnitShape",
    "checksum_of",
    "choose_engine",
    "find_library",
    "gradient_similarity",
    "is_import_path",
    "move_by_sgd",
    "primitive",
    "primitive_names",
    "register_primitive",
    "sweep",
    "sweep_under",
    "unit_names",
]
