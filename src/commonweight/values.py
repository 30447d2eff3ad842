"""Values that are valid from birth: the bounds of a field stand in its annotation, and pydantic checks them."""

from dataclasses import fields
from functools import wraps
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from commonweight.errors import UsageError

T = TypeVar("T")

MOST_SHOWN = 200  # letters of a value in a message

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

    made.__init__ = __init__
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
