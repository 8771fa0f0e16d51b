"""What a field of a hardware model is: a unit, an allowed range, a description, and clear errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from hwmodels.errors import HardwareError
from hwmodels.units import parse
from hwmodels.validation import Problem, first_problem


@dataclass(frozen=True)
class Quantity:
    """Annotation of a number: SI unit and allowed range.

    Parameters
    ----------
    unit : str
        SI unit; ``"1"`` for a pure number.
    low, high : float
        Allowed range, ends included.
    above : bool
        If true, `low` itself is not allowed.
    whole : bool
        If true, only whole numbers are allowed.
    """

    unit: str
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    whole: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: object) -> float:
        """`value` as a number in SI units, checked against the range."""
        number = self.number(value)
        if not math.isfinite(number):
            raise HardwareError("", f"{value!r} is not a finite number")
        if number > self.high or number < self.low or (self.above and number == self.low):
            raise HardwareError("", f"{value!r} is out of range, allowed: {self.allowed}")
        return number

    def number(self, value: object) -> float:
        """`value` as a number in SI units."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            kind = type(value).__name__
            raise HardwareError("", f"{value!r} ({kind}) is not a number, allowed: {self.allowed}")
        if self.whole:
            if not isinstance(value, int):
                raise HardwareError("", f"{value!r} is not a whole number, allowed: {self.allowed}")
            return value
        return parse(value, self.unit) if isinstance(value, str) else float(value)

    @property
    def allowed(self) -> str:
        """The allowed range in words."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        kind = "whole number" if self.whole else "number"
        parts = []
        if self.low > -math.inf:
            parts.append(f"{'above' if self.above else 'at least'} {self.low:g}{unit}")
        if self.high < math.inf:
            parts.append(f"at most {self.high:g}{unit}")
        return f"a {kind} {' and '.join(parts)}" if parts else f"any {kind}{unit and ' in'}{unit}"


class Section(BaseModel):
    """Immutable group of fields. Unknown fields are errors; every error is a `HardwareError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise _told(first_problem(type(self), error)) from None


def _told(found: Problem) -> HardwareError:
    if isinstance(found.cause, HardwareError):
        return found.cause.under(found.path)
    if found.unknown:
        return HardwareError(found.path, "unknown field", found.known)
    return HardwareError(found.path, found.told.removeprefix("is "))


def unit_of(field: FieldInfo) -> str | None:
    """SI unit of a field, or None if the field is a text, a switch or a section."""
    found = next(_annotations(field.annotation, field.metadata), None)
    return None if found is None else str(found.unit)


def _annotations(annotation: Any, metadata: list[Any]) -> Iterator[Any]:
    """All annotations that carry a unit, also those inside unions and tuples."""
    yield from (item for item in metadata if hasattr(item, "unit"))
    for argument in get_args(annotation):
        if hasattr(argument, "unit"):
            yield argument
        else:
            yield from _annotations(argument, [])
