"""Values that are valid from birth: the bounds of a field stand in its annotation, and pydantic checks them."""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from commonweight.errors import UsageError

T = TypeVar("T")

MOST_SHOWN = 200  # letters of a value in a message
LINE, IN_LINE = 100, 40  # letters of a repr, and of one field in it

# Strict, each of them: "3" is no count, and True is none either. And bounded: what is counted must fit a memory, and a seed
# 64 bits. Where less is too much already, a field says so: `Annotated[Count, Field(le=1000)]`.
Count = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Index = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Makes a frozen dataclass whose fields are checked wherever one is made: by its name, by `replace`, in a study or a job.

    Example: a study's section `training` is a `Recipe`, whose `epochs: Count` refuses `training.epochs=0` and
    `Recipe(epochs=0)` in the same words: "Recipe.epochs: got 0; input should be greater than or equal to 1". Raises
    `UsageError` for a field out of its bounds, an unknown and a missing one; as part of a study or a job, pydantic's
    ValidationError.
    """
    made: Any = dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)
    check, names = made.__init__, [field.name for field in fields(made)]

    @wraps(check)
    def __init__(self: Any, *given: Any, **named: Any) -> None:
        try:
            check(self, *given, **named)
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            first, *rest = detail["loc"]  # a field given by its place has a number
            field = names[first] if isinstance(first, int) and first < len(names) else first
            raise UsageError(f"{'.'.join(map(str, (cls.__name__, field, *rest)))}: {told(detail)}") from None

    made.__init__, made.__repr__ = __init__, brief
    return made


def told(detail: ErrorDetails) -> str:
    """`got 0; input should be greater than or equal to 1`: what pydantic found, in our words."""
    if detail["type"] == "missing":
        return "missing"
    message = detail["msg"].removeprefix("Value error, ")
    return f"got {shown(detail['input'])}; {message[0].lower()}{message[1:]}"


def shown(value: object) -> str:
    """A value as Python writes it, of a long one the beginning; only the type of what Python cannot write."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4,300 digits, lists in lists in lists
        return f"an unwritable {type(value).__name__}"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def brief(self: Any) -> str:
    """A repr that fits a line of `LINE` letters: `Row(name='Different seeds', ranks=5, numbers=(6 Number))`.

    As many fields as fit, of each what fits: of a text its beginning, of an array its kind and shape, of several things how
    many there are. A class says `__repr__ = brief`, which no dataclass then replaces.
    """
    name = type(self).__name__
    said: list[str] = []
    for field in type(self).model_fields if isinstance(self, BaseModel) else [one.name for one in fields(self)]:
        said.append(f"{field}={_in_line(getattr(self, field))}")
        if len(f"{name}({', '.join(said)}, …)") > LINE:
            said[-1] = "…"
            break
    return f"{name}({', '.join(said)})"


def _in_line(value: Any) -> str:
    """A value in at most `IN_LINE` letters."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype} {list(value.shape)}"
    if is_dataclass(value) or isinstance(value, BaseModel):
        return f"{type(value).__name__}(…)"
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        things = list(value.values() if isinstance(value, Mapping) else value)
        if all(isinstance(thing, str | int | float | None) for thing in things) and len(shown(value)) <= IN_LINE:
            return shown(value)
        first, last = (
            "{}" if isinstance(value, Mapping | set | frozenset) else "[]" if isinstance(value, list) else "()"
        )
        return f"{first}{len(things)} {type(things[0]).__name__}{last}"
    text = " ".join(shown(value).split())
    return text if len(text) <= IN_LINE else f"{text[: IN_LINE - 1]}…"
