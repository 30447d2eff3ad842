"""Every record and table as files that other people's tools read: Parquet or CSV."""

import io
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from importlib import import_module
from typing import Any

from commonweight.errors import UsageError
from commonweight.paper import Claims, Made, Table
from commonweight.report import claim_forms, table_forms
from commonweight.report.wording import comma_separated
from commonweight.study.experiment_record import ExperimentRecord

Columns = Mapping[str, Sequence[Any]]


class Format(Enum):
    """What an export is written as."""

    PARQUET = "parquet"
    CSV = "csv"

    @classmethod
    def named(cls, word: str) -> "Format":
        """The format of this name; raises `UsageError` with the names that there are."""
        try:
            return cls(word)
        except ValueError:
            raise UsageError(f"format {word!r}; expected {', '.join(one.value for one in cls)}") from None

    def writer(self) -> Callable[[Columns], bytes]:
        """Columns to the content of a file; raises `UsageError` when it needs a library that is not installed."""
        return _parquet() if self is Format.PARQUET else lambda columns: comma_separated(columns).encode()


def exported(made: Sequence[Made], records: Sequence[ExperimentRecord], kind: Format) -> dict[str, bytes]:
    """The files by their paths below an export's folder; with full precision, nothing (or null) for what is undefined.

    `records/<experiment>` has a row for each accuracy, `final/<experiment>` one for each child of each instance, where there
    are accuracies at the end; `tables/<name>` the columns of the report's CSV files. Raises `UsageError` when Parquet is
    wanted and pyarrow is not installed.
    """
    columns: dict[str, Columns] = {}
    for one in records:
        columns[f"records/{one.name}"] = one.columns()
        if one.final:
            columns[f"final/{one.name}"] = one.final_columns()
    for item in made:
        match item:
            case Table():
                columns[f"tables/{item.name}"] = table_forms.columns_of(item)
            case Claims():
                columns[f"tables/{item.name}"] = claim_forms.columns_of(item)
            case _:
                pass  # the report has its numbers' drawings
    write = kind.writer()
    return {f"{name}.{kind.value}": write(values) for name, values in columns.items()}


def _parquet() -> Callable[[Columns], bytes]:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise UsageError("Parquet needs pyarrow, which is not installed: pip install 'commonweight[hub]'") from None

    def write(columns: Columns) -> bytes:
        out = io.BytesIO()
        parquet.write_table(arrow.table(dict(columns)), out)
        return out.getvalue()

    return write
