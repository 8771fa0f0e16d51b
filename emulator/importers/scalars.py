"""Elementwise functions that a file spells out in steps, recognised by what they compute.

Exporters write GELU as five operators, SiLU as two, softplus as three. A chain of elementwise steps from one tensor is kept
as one function of a number, and compared with the known activations on a grid when its value is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emulator.network.activations import ACTIVATIONS
from emulator.network.arrays import FloatArray

Scalar = Callable[[FloatArray], FloatArray]
#: where functions are compared, and how closely: constants of files are often of single precision
_GRID = np.concatenate([np.linspace(-12, 12, 961), np.geomspace(1e-6, 30, 40), -np.geomspace(1e-6, 30, 40)])
_CLOSE = 2e-6


@dataclass(frozen=True)
class Affine:
    """``factor * s + shift``."""

    factor: float
    shift: float


@dataclass(frozen=True)
class Known:
    """``factor * phi(s) + shift`` of a known activation."""

    function: str
    factor: float = 1.0
    shift: float = 0.0
    slope: float | None = None


@dataclass(frozen=True)
class Hinges:
    """``offset + sum of weight * relu(sign * (s - at))``: a continuous function of straight pieces."""

    at: tuple[float, ...]
    sign: tuple[float, ...]
    weight: tuple[float, ...]
    offset: float


def recognised(function: Scalar) -> Affine | Known | None:
    """What a function of a number is; None where it is nothing known.

    Parameters
    ----------
    function : callable
        Elementwise, of arrays.
    """
    with np.errstate(all="ignore"):
        value = np.asarray(function(_GRID), float)
    if not np.isfinite(value).all():
        return None
    shift, one = np.asarray(function(np.array([0.0, 1.0])), float)
    if _same((one - shift) * _GRID + shift, value):
        return Affine(float(one - shift), float(shift))
    for name, known in ACTIVATIONS.items():
        if name in ("identity", "leaky_relu"):
            continue
        if _same(known.phi(_GRID), value):
            return Known(name)
    slope = -float(np.asarray(function(np.array([-1.0])))[0])
    if _same(np.where(_GRID > 0, _GRID, slope * _GRID), value):
        return Known("leaky_relu", slope=slope)
    return None


def _same(one: FloatArray, other: FloatArray) -> bool:
    return bool(np.all(np.abs(one - other) <= _CLOSE * (1 + np.abs(other))))


def clipped(low: float, high: float) -> Hinges:
    """``min(max(s, low), high)``; an end may be infinite."""
    if not np.isfinite(low):  # high - relu(high - s)
        return Hinges((high,), (-1.0,), (-1.0,), high)
    if not np.isfinite(high):
        return Hinges((low,), (1.0,), (1.0,), low)
    return Hinges((low, high), (1.0, 1.0), (1.0, -1.0), low)


def two_slopes(below: float) -> Hinges:
    """``s`` above 0, ``below * s`` under it."""
    return Hinges((0.0, 0.0), (1.0, -1.0), (1.0, -below), 0.0)
