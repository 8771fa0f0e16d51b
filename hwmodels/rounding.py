"""The amplitude quantiser of waves and weights.

Levels are the whole multiples of ``step = full_scale / (2**(bits - 1) - 1)``, from ``-full_scale`` to
``+full_scale``: zero and both ends are levels, and ``quantize(-x) == -quantize(x)`` in the deterministic
modes. One of the ``2**bits`` codes is unused, as in sign-magnitude converters.

Magnitude truncation never enlarges a wave, so it cannot add power; rounding to nearest can, and may sustain
limit cycles (A. Fettweis, "Wave digital filters: theory and practice", Proc. IEEE 74, 1986).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from hwmodels.errors import HardwareError

Rounding = Literal["nearest", "stochastic", "magnitude_truncation"]
ROUNDINGS: tuple[Rounding, ...] = ("nearest", "stochastic", "magnitude_truncation")

_SNAP = 1e-9
"""A value this close to a level, in steps, is that level: quantising twice changes nothing."""


def step_size(bits: int, full_scale: float) -> float:
    """Distance of two levels, in the units of `full_scale`."""
    if not 2 <= bits <= 32:
        raise HardwareError("bits", f"{bits} is out of range, allowed: a whole number from 2 to 32")
    if not (math.isfinite(full_scale) and full_scale > 0):
        raise HardwareError("full_scale", f"{full_scale} is out of range, allowed: a number above 0")
    return full_scale / float(2 ** (bits - 1) - 1)


def quantize(
    x: npt.ArrayLike,
    bits: int,
    full_scale: float,
    rounding: Rounding = "nearest",
    saturate: bool = True,
    uniform: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """Quantise amplitudes.

    Parameters
    ----------
    x : array_like
        Amplitudes, any shape.
    bits : int
        Word length including the sign, 2 to 32.
    full_scale : float
        Largest representable amplitude, in the units of `x`.
    rounding : {"nearest", "stochastic", "magnitude_truncation"}
        Nearest rounds ties away from zero; stochastic rounds to a neighbour with probability proportional
        to nearness (unbiased); magnitude truncation rounds towards zero.
    saturate : bool
        Clip at the full scale; otherwise the levels continue beyond it.
    uniform : array_like, optional
        Samples in [0, 1), broadcastable to `x`; stochastic rounding needs them.

    Returns
    -------
    ndarray
        Quantised amplitudes, the shape of `x`.
    """
    step = step_size(bits, full_scale)
    scaled = np.asarray(x, dtype=np.float64) / step
    level = np.rint(scaled)
    scaled = np.where(np.abs(scaled - level) < _SNAP, level, scaled)
    if rounding == "nearest":
        code = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)
    elif rounding == "magnitude_truncation":
        code = np.trunc(scaled)
    elif rounding == "stochastic":
        if uniform is None:
            raise HardwareError("uniform", "stochastic rounding needs uniform samples in [0, 1)")
        code = np.floor(scaled + np.asarray(uniform, dtype=np.float64))
    else:
        raise HardwareError("rounding", f"{rounding!r} is not known, allowed: {', '.join(ROUNDINGS)}")
    if saturate:
        largest = 2 ** (bits - 1) - 1
        code = np.clip(code, -largest, largest)
    return np.asarray(code * step, dtype=np.float64)
