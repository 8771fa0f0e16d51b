"""Two-way lines: delay, loss, bandwidth, impedance and crosstalk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from hwmodels.distributions import Constant, Delay, PerLength
from hwmodels.errors import HardwareError
from hwmodels.fields import Quantity, Section
from hwmodels.seeds import rng
from hwmodels.units import parse

Array = npt.NDArray[np.float64]
#: of the SI since 2019 [J/K], exactly
BOLTZMANN = 1.380649e-23


class Attenuation(Quantity):
    """An amplitude factor above 0 and at most 1; a text in dB is read as a loss (``"3 dB"`` is 0.708)."""

    def number(self, value: object) -> float:
        """`value` as an amplitude factor."""
        if isinstance(value, str) and value.rstrip().endswith("dB"):
            return amplitude(parse(value, "dB"))
        return super().number(value)


def amplitude(loss: float) -> float:
    """Amplitude factor of a loss in dB: 20 dB are a factor 10 in amplitude, 100 in power."""
    return float(10 ** (-loss / 20))


@dataclass(frozen=True)
class LineSample:
    """The frozen properties of `n` sampled lines; every array has shape (n,)."""

    delay_forward: Array
    """Delay of the forward wave [s]."""
    delay_backward: Array
    """Delay of the backward wave [s]."""
    gain_forward: Array
    """Amplitude factor of the forward wave at rest."""
    gain_backward: Array
    """Amplitude factor of the backward wave at rest."""
    impedance_ratio: Array
    """Characteristic impedance over its nominal value."""


class Lines(Section):
    """Properties of the lines between nodes."""

    delay_forward: Delay | None = Constant(value=1e-9)
    """Delay of a line from its driver to its receiver, drawn once per line."""
    delay_backward: Delay | None = None
    """Delay in the other direction, drawn on its own; absent: the forward draw (a symmetric line)."""
    delay_asymmetry: Annotated[float, Quantity("1", low=0, above=True)] = 1.0
    """Backward over forward delay of every line; only without a backward delay of its own."""
    jitter: Annotated[float, Quantity("s", low=0)] = 0.0
    """Rms timing error of every event; lines stay first-in-first-out."""
    attenuation_forward: Annotated[float, Attenuation("1", low=0, high=1, above=True)] = 1.0
    """Amplitude factor of a line at rest, forward; may be written in dB."""
    attenuation_backward: Annotated[float, Attenuation("1", low=0, high=1, above=True)] | None = None
    """Amplitude factor of a line at rest, backward; absent: as forward."""
    loss_per_length: Annotated[float, Quantity("dB/m", low=0)] = 0.0
    """Further loss in proportion to the drawn length of the line; needs a delay per length."""
    bandwidth: Annotated[float, Quantity("Hz", low=0, above=True)] | None = None
    """Corner frequency of the one-pole low-pass of a line; absent: unlimited."""
    impedance: Annotated[float, Quantity("ohm", low=0, above=True)] | None = None
    """Nominal characteristic impedance; absent: whatever the network asks for."""
    impedance_tolerance: Annotated[float, Quantity("1", low=0, high=1)] = 0.0
    """Relative standard deviation of the characteristic impedance (lognormal)."""
    temperature: Annotated[float, Quantity("K", low=0)] = 0.0
    """Temperature of the lines' loss, which adds its thermal noise to what arrives; at 0 K there is none."""
    crosstalk: Annotated[float, Quantity("1", low=0, high=0.5)] = 0.0
    """Fraction of a wave's amplitude that reaches each neighbouring line of its bundle."""

    @model_validator(mode="after")
    def _consistent(self) -> Lines:
        forward, backward = self.delay_forward, self.delay_backward
        if backward is not None and self.delay_asymmetry != 1:
            problem = f"{self.delay_asymmetry:g} contradicts delay_backward, allowed: 1, or no delay_backward"
            raise HardwareError("delay_asymmetry", problem)
        if self.loss_per_length and not isinstance(forward, PerLength):
            problem = "needs line lengths, allowed: 0, or a delay_forward of kind 'per_length'"
            raise HardwareError("loss_per_length", f"{self.loss_per_length:g} dB/m {problem}")
        if isinstance(backward, PerLength) and (
            not isinstance(forward, PerLength) or forward.length != backward.length
        ):
            problem = "differs from that of delay_forward, allowed: the same length law in both directions"
            raise HardwareError("delay_backward.length", problem)
        return self

    def filter_coefficient(self, step: float) -> float:
        """Coefficient `c` of the low-pass ``y <- (1 - c) y + c u`` at the time step `step` [s].

        It is ``1 - exp(-2 pi bandwidth step)``, the exact one-pole response to a held input; 1 without a
        bandwidth limit.
        """
        return 1.0 if self.bandwidth is None else -math.expm1(-2 * math.pi * self.bandwidth * step)

    def thermal_variance(self, gain: Array, impedance: Array | float, step: float) -> Array:
        """Variance [V^2] of the thermal noise that a line adds to the wave that leaves it, in the band of a time step.

        An attenuator whose amplitude factor is `g` at the temperature `T` sends ``k T B (1 - g^2)`` into each of its matched
        ends, as it takes ``1 - g^2`` of the noise power ``k T B`` that comes to it where all is in equilibrium (H. Nyquist,
        Phys. Rev. 32, 1928; D. M. Pozar, Microwave Engineering, section 10.1). A wave of voltage `v` carries ``v^2/Z``. Waves
        that change once in a time step have the band ``B = 1/(2 step)``.

        Parameters
        ----------
        gain : (n,)
            Amplitude factors of the lines at rest.
        impedance : (n,) or float
            Characteristic impedances [ohm].
        step : float
            Time step [s].
        """
        return np.asarray(BOLTZMANN * self.temperature / (2 * step) * impedance * (1 - gain**2))

    def sample(self, n: int, root_seed: int, name: str = "lines") -> LineSample:
        """Draw the frozen properties of `n` lines, each property from its own stream.

        Raises
        ------
        HardwareError
            If the forward delay is not known.
        """
        forward, backward = self.delay_forward, self.delay_backward
        if forward is None:
            raise HardwareError("lines.delay_forward", "is not known and must be supplied")
        loss = np.ones(n)
        if isinstance(forward, PerLength):
            length = forward.length.sample(n, rng(root_seed, name, "length"))
            delay_forward = forward.per_length * length
            loss = 10 ** (-self.loss_per_length * length / 20)
        else:
            delay_forward = forward.sample(n, rng(root_seed, name, "delay_forward"))
        if backward is None:
            delay_backward = self.delay_asymmetry * delay_forward
        elif isinstance(backward, PerLength):
            delay_backward = backward.per_length * length
        else:
            delay_backward = backward.sample(n, rng(root_seed, name, "delay_backward"))
        gain_backward = self.attenuation_backward or self.attenuation_forward
        variance = math.log1p(self.impedance_tolerance**2)
        normal = rng(root_seed, name, "impedance").standard_normal(n)
        return LineSample(
            delay_forward=delay_forward,
            delay_backward=delay_backward,
            gain_forward=self.attenuation_forward * loss,
            gain_backward=gain_backward * loss,
            impedance_ratio=np.exp(math.sqrt(variance) * normal - variance / 2),
        )
