"""The super-net of stacked copies, its primitives, and the sweep of all children."""

from commonweight.net.choice import EngineChoice, choose_engine
from commonweight.net.engine import Engine, Move
from commonweight.net.imported import checksum_of, is_import_path
from commonweight.net.layers import Conv, Head, Norm
from commonweight.net.native import Library, Native, find_library
from commonweight.net.primitives import Primitive, UnitShape, primitive, primitive_names, register_primitive
from commonweight.net.reference import Reference
from commonweight.net.shape import Combine, DataShape, NetShape
from commonweight.net.similarity import gradient_similarity
from commonweight.net.statistics import Statistics, sweep_under
from commonweight.net.supernet import ChildPath, SuperNet
from commonweight.net.sweep import Precision, sweep
from commonweight.net.units import unit_names

__all__ = [
    "ChildPath",
    "Combine",
    "Conv",
    "DataShape",
    "Engine",
    "EngineChoice",
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
    "UnitShape",
    "checksum_of",
    "choose_engine",
    "find_library",
    "gradient_similarity",
    "is_import_path",
    "primitive",
    "primitive_names",
    "register_primitive",
    "sweep",
    "sweep_under",
    "unit_names",
]
