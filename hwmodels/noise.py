"""Noise of receivers and nodes, and frozen mismatch."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from hwmodels.errors import HardwareError
from hwmodels.fields import Quantity, Section

Array = npt.NDArray[np.float64]
Amplitude = Annotated[float, Quantity("1", low=0)]
Frequency = Annotated[float, Quantity("Hz", low=0, above=True)]


class BandNoise(Section):
    """Gaussian noise behind a one-pole low-pass."""

    rms: Amplitude = 0.0
    """Root mean square, in the units of the state."""
    bandwidth: Frequency | None = None
    """Corner frequency of its spectrum; absent: white at the time step."""

    def recursion(self, step: float) -> tuple[float, float]:
        """Coefficients `(decay, drive)` of ``x <- decay x + drive N(0, 1)`` at the time step `step` [s].

        The stationary rms of the recursion is `rms` at every step, and its autocorrelation is
        ``exp(-2 pi bandwidth |t|)`` (Ornstein-Uhlenbeck process).
        """
        if self.bandwidth is None:
            return 0.0, self.rms
        decay = math.exp(-2 * math.pi * self.bandwidth * step)
        return decay, self.rms * math.sqrt(-math.expm1(-4 * math.pi * self.bandwidth * step))


class FlickerNoise(Section):
    """Noise with a 1/f spectrum between two frequencies, flat below and steeper above them."""

    rms: Amplitude = 0.0
    """Root mean square of the whole noise, in the units of the state."""
    f_low: Frequency | None = None
    """Lower end of the 1/f band."""
    f_high: Frequency | None = None
    """Upper end of the 1/f band."""

    @model_validator(mode="after")
    def _band(self) -> FlickerNoise:
        if self.rms and (self.f_low is None or self.f_high is None):
            raise HardwareError("rms", f"{self.rms:g} needs a band, allowed: 0, or f_low and f_high given")
        if self.f_low is not None and self.f_high is not None and self.f_low >= self.f_high:
            raise HardwareError("f_low", f"{self.f_low:g} Hz is not below f_high = {self.f_high:g} Hz")
        return self

    def poles(self, per_decade: int = 2) -> tuple[BandNoise, ...]:
        """Independent one-pole noises whose sum has this spectrum.

        Corner frequencies are spaced evenly on a logarithmic scale and share the power equally; with two
        poles per decade the spectrum follows 1/f within 2 % inside the band (superposition of Lorentzians,
        A. van der Ziel, Physica 16, 1950).
        """
        if not self.rms or self.f_low is None or self.f_high is None:
            return ()
        count = max(2, math.ceil(per_decade * math.log10(self.f_high / self.f_low)) + 1)
        corners = np.geomspace(self.f_low, self.f_high, count)
        return tuple(BandNoise(rms=self.rms / math.sqrt(count), bandwidth=float(f)) for f in corners)


class Noise(Section):
    """Noise and mismatch, in the units of the network's states and costates."""

    receiver: Amplitude = 0.0
    """Rms of the noise added to the amplitude of every received event, fresh each time."""
    node: BandNoise = BandNoise()
    """Noise of a node's state."""
    flicker: FlickerNoise = FlickerNoise()
    """1/f noise of a node's state."""
    gain_mismatch_forward: Amplitude = 0.0
    """Standard deviation of the relative gain error of forward waves, frozen per receiver."""
    gain_mismatch_backward: Amplitude = 0.0
    """Standard deviation of the relative gain error of backward waves, frozen per receiver."""
    offset_mismatch_forward: Amplitude = 0.0
    """Standard deviation of the offset of forward waves, frozen per receiver."""
    offset_mismatch_backward: Amplitude = 0.0
    """Standard deviation of the offset of backward waves, frozen per receiver."""
