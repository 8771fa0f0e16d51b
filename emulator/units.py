"""Quantities as text, with SI prefixes."""

from __future__ import annotations

import math

_PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "",
    3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E",
}  # fmt: skip


def si(value: float, unit: str) -> str:
    """`value` to three digits in `unit`, with the prefix that suits it.

    Parameters
    ----------
    value : float
        In the plain SI unit; beyond the prefixes it is written with an exponent.
    unit : str
        The SI unit, such as ``"s"``.

    Returns
    -------
    str
        For example ``1.2 ns``, ``-50 mV``, ``0 s``, ``nan s``.
    """
    if value == 0:
        return f"0 {unit}"
    if not math.isfinite(value):
        return f"{value:g} {unit}"
    digits, exponent = f"{value:.2e}".split("e")
    power = 3 * (int(exponent) // 3)
    if power not in _PREFIXES:
        return f"{value:.3g} {unit}"
    return f"{float(f'{digits}e{int(exponent) - power}'):g} {_PREFIXES[power]}{unit}"
