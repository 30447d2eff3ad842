"""The native engine: C++ kernels on the processor's vector units, for float32 on a CPU. Optional."""

from commonweight.net.native.library import Library, find_library
from commonweight.net.native.running import Native

__all__ = ["Library", "Native", "find_library"]
