"""Quantities with units at the boundary, plain SI floats inside.

A quantity is an SI number (``1.2e-9``) or a text with a unit (``"1.2 ns"``, ``"50 ohm"``, ``"25 uS"``,
``"3.6 dB/cm"``). Decimal arithmetic is used, so ``"1.2 ns"`` is exactly the float ``1.2e-9``.
"""

from __future__ import annotations

import re
from decimal import Decimal

from hwmodels.doors import brief
from hwmodels.errors import HardwareError

#: SI prefixes in steps of a thousand, by their power of ten
PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "",
    3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E",
}  # fmt: skip
#: SI units that take a prefix
BASES = ("s", "Hz", "m", "ohm", "S", "V", "J", "W", "F", "K")
_POWERS = {prefix: power for power, prefix in PREFIXES.items()} | {"u": -6, "μ": -6, "c": -2}
_OTHERS = {
    "": ("1", Decimal(1)),
    "1": ("1", Decimal(1)),
    "%": ("1", Decimal("0.01")),
    "dB": ("dB", Decimal(1)),
    "min": ("s", Decimal(60)),
    "h": ("s", Decimal(3600)),
    "day": ("s", Decimal(86400)),
    "inch": ("m", Decimal("0.0254")),
}
_LONGEST = 200
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")


def parse(text: str, unit: str) -> float:
    """Value of `text` in the SI unit `unit`.

    Parameters
    ----------
    text : str
        A number with an optional unit; without one the number is taken to be in `unit`.
    unit : str
        Expected SI unit, such as ``"s"``, ``"s/m"``, ``"dB/m"``, or ``"1"`` for a pure number.

    Raises
    ------
    HardwareError
        If `text` is no number, its unit is unknown, or its dimension is not that of `unit`.
    """
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise HardwareError("", f"{brief(text)} is not a number with a unit; expected a value in {describe(unit)}")
    try:
        number, written = Decimal(match[1]), match[2]
        if not written:
            return float(number)
        dimension, factor = _dimension(written, text, unit)
        if dimension != unit:
            raise HardwareError("", f"{text!r} is in {describe(dimension)}, expected {describe(unit)}")
        return float(number * factor)
    except ArithmeticError:  # an exponent that no number has
        raise HardwareError("", f"{text!r} is too large or too small; expected a value in {describe(unit)}") from None


def factor(written: str, unit: str) -> float:
    """Factor that turns a number in the unit `written` (``"uS"``) into the SI unit `unit` (``"S"``)."""
    return parse(f"1 {written}", unit)


def describe(unit: str) -> str:
    """Name of an SI unit for messages; a pure number is ``"1 (a pure number)"``."""
    return "1 (a pure number)" if unit == "1" else unit


def _dimension(written: str, text: str, unit: str) -> tuple[str, Decimal]:
    """SI unit and factor of a written unit, with at most one division (``"ps/mm"``)."""
    above, slash, below = written.partition("/")
    known, scale = _single(above.strip(), text, unit)
    if not slash:
        return known, scale
    known_below, scale_below = _single(below.strip(), text, unit)
    return f"{known}/{known_below}", scale / scale_below


def _single(name: str, text: str, unit: str) -> tuple[str, Decimal]:
    """SI unit and factor of a unit without division."""
    name = name.replace("Ω", "ohm").replace("Ω", "ohm").replace("Ohm", "ohm")
    if name in _OTHERS:
        return _OTHERS[name]
    if name in BASES:
        return name, Decimal(1)
    if name[:1] in _POWERS and name[1:] in BASES:
        return name[1:], Decimal(1).scaleb(_POWERS[name[:1]])
    expected = f"expected {describe(unit)} or a multiple of it"
    raise HardwareError("", f"unknown unit {name!r} in {text!r}, {expected}")
