"""Elementwise functions that a file spells out in steps, recognised by what they compute.

Exporters write GELU as five operators, SiLU as two, softplus as three. A chain of elementwise steps from one tensor is kept
as one function of a number, and compared with the known activations on a grid when its value is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.network.activations import ACTIVATIONS
from emulator.network.arrays import FloatArray

#: where functions are compared; they are kept as what they are there, so that long formulas cost no more than short ones
GRID: FloatArray = np.concatenate(
    [np.linspace(-12, 12, 961), np.geomspace(1e-6, 30, 40), -np.geomspace(1e-6, 30, 40), [0.0, 1.0, -1.0]]
)
#: how closely: constants of files are often of single precision
_CLOSE = 2e-6
#: numbers of the self-normalising function where a file leaves them out
SELU = {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}
#: a corner below this is none: reciprocals in double precision
_SMOOTH = 1e-12


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
class Pieces:
    """``offset + sum of weight * phi(factor * (s - at))``: of hinges, a continuous function of straight pieces."""

    at: tuple[float, ...]
    factor: tuple[float, ...]
    weight: tuple[float, ...]
    offset: float = 0.0
    functions: tuple[str, ...] = ("relu", "relu")


def recognised(value: FloatArray) -> Affine | Known | None:
    """What a function of a number is, from its values on `GRID`; None where it is nothing known."""
    if not np.isfinite(value).all():
        return None
    shift, one, minus = map(float, value[-3:])
    if _same((one - shift) * GRID + shift, value):
        return Affine(one - shift, shift)
    for name, known in ACTIVATIONS.items():
        if name in ("identity", "leaky_relu"):
            continue
        if _same(known.phi(GRID), value):
            return Known(name)
    if _same(np.where(GRID > 0, GRID, -minus * GRID), value):
        return Known("leaky_relu", slope=-minus)
    return None


def _same(one: FloatArray, other: FloatArray) -> bool:
    return bool(np.all(np.abs(one - other) <= _CLOSE * (1 + np.abs(other))))


def clipped(low: float, high: float) -> Pieces:
    """``min(max(s, low), high)``; an end may be infinite."""
    if not np.isfinite(low):  # high - relu(high - s)
        return Pieces((high,), (-1.0,), (-1.0,), high)
    if not np.isfinite(high):
        return Pieces((low,), (1.0,), (1.0,), low)
    return Pieces((low, high), (1.0, 1.0), (1.0, -1.0), low)


def two_slopes(below: float) -> Pieces:
    """``s`` above 0, ``below * s`` under it."""
    return Pieces((0.0, 0.0), (1.0, -1.0), (1.0, -below))


def elu(alpha: float, scale: float = 1.0, inner: float = 1.0) -> Known | Pieces:
    """``scale * s`` above 0, ``scale * alpha * (exp(inner * s) - 1)`` under it; at a corner, the slope is that below."""
    if abs(alpha * inner - 1) < _SMOOTH:
        return Known("elu") if inner == scale == 1 else Pieces((0.0,), (inner,), (scale * alpha,), 0.0, ("elu",))
    corner = scale * (1 - alpha * inner)
    return Pieces((0.0, 0.0), (inner, 1.0), (scale * alpha, corner), 0.0, ("elu", "relu"))


#: what an operator's function is known to be
Told = Affine | Known | Pieces | None
#: a tensor, and the function of it that another is, as its values on `GRID`
View = tuple[str, FloatArray]


@dataclass(frozen=True)
class Elementwise:
    """A tensor whose elements are functions of those of others.

    Parameters
    ----------
    views : tuple of (str, array)
        Tensors that it is a function of, the nearest first, each with the function.
    known : optional
        What the function of the nearest is, where the operator says it.
    """

    views: tuple[View, ...]
    known: Told = None

    @property
    def root(self) -> str:
        """The farthest tensor, which has the same shape."""
        return self.views[-1][0]
