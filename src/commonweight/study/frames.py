"""Columns as a data frame, for whoever has pandas: nothing else here needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from commonweight.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame


def data_frame(columns: Mapping[str, Sequence[Any]]) -> DataFrame:
    """A pandas data frame of these columns; raises `UsageError` when pandas is not installed."""
    try:
        pandas = import_module("pandas")
    except ModuleNotFoundError:
        raise UsageError(
            "a data frame needs pandas, which is not installed: pip install 'commonweight[pandas]'"
        ) from None
    return pandas.DataFrame(dict(columns))
