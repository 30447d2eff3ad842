"""Libraries that only some data needs: imported when that data is asked for."""

from importlib import import_module
from types import ModuleType

from commonweight.errors import DataError


def from_extra_hub(module: str, data: str) -> ModuleType:
    """The module, which the extra `hub` brings; raises `DataError` when that is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise DataError(f"data {data!r} needs the extra hub: pip install 'commonweight[hub]'") from None
