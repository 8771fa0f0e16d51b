"""Quantities as text, with SI prefixes."""

from __future__ import annotations

import math

from hwmodels.units import PREFIXES


def si(value: float, unit: str, digits: int = 3) -> str:
    """`value` to so many digits in `unit`, with the prefix that suits it.

    Parameters
    ----------
    value : float
        In the plain SI unit; beyond the prefixes it is written with an exponent.
    unit : str
        The SI unit, such as ``"s"``.
    digits : int
        From 3 to 17.

    Returns
    -------
    str
        For example ``1.2 ns``, ``-50 mV``, ``0 s``, ``nan s``.
    """
    if value == 0:
        return f"0 {unit}"
    if not math.isfinite(value):
        return f"{value:g} {unit}"
    leading, exponent = f"{value:.{digits - 1}e}".split("e")
    power = 3 * (int(exponent) // 3)
    if power not in PREFIXES:
        return f"{value:.{digits}g} {unit}"
    return f"{float(f'{leading}e{int(exponent) - power}'):.{digits}g} {PREFIXES[power]}{unit}"


def apart(one: float, other: float, unit: str) -> tuple[str, str]:
    """Two values to as many digits as it takes to tell them apart, three at least."""
    for digits in range(3, 18):
        texts = si(one, unit, digits), si(other, unit, digits)
        if texts[0] != texts[1]:
            break
    return texts
