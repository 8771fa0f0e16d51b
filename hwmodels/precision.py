"""Word length, full scale and rounding of waves and weights."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import StrictBool

from hwmodels.fields import Quantity, Section
from hwmodels.rounding import Rounding, quantize


class Quantizer(Section):
    """A quantiser; without bits it is exact."""

    bits: Annotated[int, Quantity("1", low=2, high=32, whole=True)] | None = None
    """Word length including the sign; absent: exact."""
    full_scale: Annotated[float, Quantity("1", low=0, above=True)] = 1.0
    """Largest representable amplitude, in the units of the network's states, costates or weights."""
    rounding: Rounding = "nearest"
    """How values between two levels are rounded: nearest, stochastic or magnitude_truncation."""
    saturate: StrictBool = True
    """Clip at the full scale; otherwise the levels continue beyond it."""

    def apply(self, x: npt.ArrayLike, uniform: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
        """Quantised `x`, of the same shape; `uniform` in [0, 1) is needed for stochastic rounding."""
        if self.bits is None:
            return np.array(x, dtype=np.float64)
        return quantize(x, self.bits, self.full_scale, self.rounding, self.saturate, uniform)


class Precision(Section):
    """Quantisers of the three kinds of numbers in a network."""

    forward: Quantizer = Quantizer()
    """Forward waves (states)."""
    backward: Quantizer = Quantizer()
    """Backward waves (costates)."""
    weights: Quantizer = Quantizer()
    """Weights."""
