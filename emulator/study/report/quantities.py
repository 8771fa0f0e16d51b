"""How the quantities of a study are called, and how their values are written; a missing value is never a number."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from emulator.study.evidence import Evidence
from emulator.study.metrics import METRICS
from emulator.study.report.svg import literal
from emulator.units import si
from hwmodels.units import BASES

#: what stands for a value that is not known
MISSING = "missing"
#: between a number and its unit: no line ends there
SPACE = "\u00a0"
_LONGEST = 80
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Quantity:
    """A metric or a knob.

    Parameters
    ----------
    name : str
        Its key.
    label : str
        What it is called.
    unit : str
        SI unit; ``%`` for a share (kept as a number from 0 to 1), ``points`` for a difference of
        shares; empty for a pure number or a name.
    log : bool
        Whether it is best drawn on a logarithmic scale.
    about : str
        What it is, in a sentence.
    """

    name: str
    label: str
    unit: str = ""
    log: bool = False
    about: str = ""

    def text(self, value: object, digits: int = 4) -> str:
        """A value with its unit."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return MISSING if value is None else literal(value)
        if math.isnan(value):
            return MISSING
        if self.unit == "%":
            return f"{100 * value:.{digits}g}{SPACE}%"
        if self.unit == "points":
            return f"{100 * value:+.{digits}g}{SPACE}points"
        if self.unit in BASES:
            return si(value, self.unit).replace(" ", SPACE)
        number = f"{value:,.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.{digits}g}"
        return f"{number}{SPACE}{self.unit}" if self.unit else number

    def tick(self, value: float, _position: object = None) -> str:
        """A value at an axis."""
        if self.unit == "%" or self.unit in BASES or value == 0 or not self.log:
            return self.text(value)
        exponent = round(math.log10(abs(value)))
        if not math.isclose(10.0**exponent, abs(value), rel_tol=1e-9) or -3 <= exponent <= 3:
            return f"{value:g}"
        return f"10{str(exponent).translate(_SUPERSCRIPT)}"

    @property
    def title(self) -> str:
        """What an axis is called: the label and its unit."""
        return f"{self.label} ({self.unit or '1'})"


def metric(name: str) -> Quantity:
    """The metric of that name; one that is not known here is shown as a plain number."""
    label = shortened(literal(name)).replace("_", " ")
    if name not in METRICS:
        return Quantity(name, label)
    known = METRICS[name]
    return Quantity(
        name, known.label or label, known.unit if known.shown is None else known.shown, known.log, known.meaning
    )


def change_of(quantity: Quantity) -> Quantity:
    """A difference of two values of a quantity."""
    return replace(quantity, unit="points") if quantity.unit == "%" else quantity


def span_text(quantity: Quantity, low: float, high: float) -> str:
    """Two values with what is between them; a unit that both have is written once."""
    first, last = quantity.text(low), quantity.text(high)
    number, space, unit = first.rpartition(SPACE)
    return f"{number if space and last.endswith(space + unit) else first} to {last}"


def axis_quantity(evidence: Evidence, key: str) -> Quantity:
    """An axis by its key, as its study calls it."""
    told = evidence.told(key)
    return _named(key, told.get("label"), told.get("unit"))


def knob(evidence: Evidence, key: str, unit: str) -> Quantity:
    """A knob by its key, as its study calls it."""
    return _named(key, evidence.told(key, knob=True).get("label"), unit)


def shortened(text: str) -> str:
    """`text`, or its beginning if it is very long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _named(key: str, label: Any, unit: Any) -> Quantity:
    """A quantity with the label it was given, or the last parts of its key."""
    text = str(label) if label and label != key else key.removeprefix("hardware.").removeprefix("set.")
    return Quantity(key, shortened(literal(text)), shortened(literal(unit or "")))
