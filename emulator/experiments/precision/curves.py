"""Errors of runs against word length and noise, as curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.measure import Reference, SettleResult
from emulator.measure.agreement import in_one_row, relative_error

Floats = NDArray[np.float64]
#: what is compared with the reference
QUANTITIES = ("states", "costates", "gradients")


@dataclass(frozen=True)
class Curve:
    """Errors of n runs, each the norm of the deviation over the norm of the exact values.

    Parameters
    ----------
    x : (n,)
        Bits, or rms of the receiver noise.
    states, costates, gradients : (n,)
    """

    x: Floats
    states: Floats
    costates: Floats
    gradients: Floats

    def slope(self, quantity: str, per_bit: bool) -> float:
        """Slope of a straight line through the logarithms of the errors.

        With `per_bit`, against bits: -1 is a factor 2 per bit. Else against the logarithm of x: 1 is proportional.
        """
        errors = np.log2(getattr(self, quantity))
        return float(np.polyfit(self.x if per_bit else np.log2(self.x), errors, 1)[0])


@dataclass(frozen=True)
class PrecisionStudy:
    """Errors against word length and against noise.

    Parameters
    ----------
    bits : Curve
        Waves of so many bits both ways, without noise.
    bits_with_noise : Curve
        The same, with receiver noise of rms `floor`.
    noise : Curve
        Receiver noise of this rms, waves of unlimited precision.
    floor : float
    """

    bits: Curve
    bits_with_noise: Curve
    noise: Curve
    floor: float

    def to_dict(self) -> dict[str, Any]:
        """The same as plain tables."""
        curves = {name: getattr(self, name) for name in ("bits", "bits_with_noise", "noise")}
        columns = ("x", *QUANTITIES)
        return {
            **{name: {column: getattr(curve, column).tolist() for column in columns} for name, curve in curves.items()},
            "floor": self.floor,
        }


def errors_of(result: SettleResult, exact: Reference) -> dict[str, float | None]:
    """Norm of the deviation of what was held over the norm of the exact values, by quantity."""
    held = {quantity: getattr(result, f"held_{quantity}") for quantity in QUANTITIES}
    return {name: relative_error(*in_one_row(held[name], getattr(exact, name))) for name in QUANTITIES}
