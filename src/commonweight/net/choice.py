"""Which engine runs, and why."""

from enum import Enum

import torch

from commonweight.errors import UsageError
from commonweight.net.engine import Engine
from commonweight.net.native import Native, find_library
from commonweight.net.reference import Reference
from commonweight.net.supernet import SuperNet


class EngineChoice(Enum):
    """`AUTO`: the native engine for float32 on a CPU where its native part was built, else the reference engine."""

    AUTO = "auto"
    NATIVE = "native"
    REFERENCE = "reference"


def choose_engine(net: SuperNet, choice: EngineChoice = EngineChoice.AUTO) -> Engine:
    """An engine for this net; raises `UsageError` when the native engine is asked for and cannot run."""
    library, reason = find_library()
    suits = all(weight.device.type == "cpu" and weight.dtype == torch.float32 for weight in net.parameters())
    if choice is EngineChoice.NATIVE and library is None:
        raise UsageError(f"the native engine was asked for, but {reason}; use --engine auto or reference")
    if library is None or choice is EngineChoice.REFERENCE or (choice is EngineChoice.AUTO and not suits):
        return Reference(net)
    return Native(net, library)
