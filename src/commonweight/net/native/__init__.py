"""The native engine: C++ kernels on the processor's vector units, for float32 on a CPU. Optional."""

from commonweight.net.native.engine import Native
from commonweight.net.native.library import Library, find_library

__all__ = ["Library", "Native", "find_library"]
