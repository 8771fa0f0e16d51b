"""Weights stored as conductances of programmable devices: the parameters.

`hwmodels.devices` draws and reads arrays of such devices. Throughout, `g` is the conductance relative to
`g_max`, and time counts from the end of programming.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, StrictBool, model_validator

from hwmodels.errors import HardwareError
from hwmodels.fields import Quantity, Section
from hwmodels.pulses import PulsedUpdate

Array = npt.NDArray[np.float64]
Conductance = Annotated[float, Quantity("S", low=0)]
Fraction = Annotated[float, Quantity("1", low=0, high=1)]
Positive = Annotated[float, Quantity("1", low=0, above=True)]
NonNegative = Annotated[float, Quantity("1", low=0)]
Number = Annotated[float, Quantity("1")]
Duration = Annotated[float, Quantity("s", low=0, above=True)]


class PolynomialSpread(Section):
    """Standard deviation of a conductance G as a polynomial, ``sum_i c_i (G / reference)^i``."""

    kind: Literal["polynomial"] = "polynomial"
    """Name of the law."""
    coefficients: Annotated[tuple[Annotated[float, Quantity("S")], ...], Field(min_length=1)]
    """Coefficients c_0, c_1, ... of the polynomial."""
    reference: Annotated[float, Quantity("S", low=0, above=True)]
    """Conductance at which the argument of the polynomial is 1."""

    def sigma(self, conductance: npt.ArrayLike) -> Array:
        """Standard deviation [S] at each conductance [S]; where the polynomial is negative, 0."""
        g = np.asarray(conductance, dtype=np.float64) / self.reference
        value = np.polynomial.polynomial.polyval(g, np.array(self.coefficients))
        return np.maximum(np.asarray(value, dtype=np.float64), 0.0)


class SaturatingSpread(Section):
    """Standard deviation of a conductance G that saturates, ``plateau (1 - exp(-G / scale))``."""

    kind: Literal["saturating"] = "saturating"
    """Name of the law."""
    plateau: Conductance
    """Standard deviation at high conductance."""
    scale: Annotated[float, Quantity("S", low=0, above=True)]
    """Conductance at which 63 % of the plateau is reached."""

    def sigma(self, conductance: npt.ArrayLike) -> Array:
        """Standard deviation [S] at each conductance [S]."""
        return -self.plateau * np.expm1(-np.asarray(conductance, dtype=np.float64) / self.scale)


class PowerSpread(Section):
    """Standard deviation ``G min(coefficient g^-exponent, ceiling) h(t)`` of one reading.

    With a `reading_time` the noise of the 1/f kind accumulates, ``h = sqrt(ln((t + t_r) / (2 t_r)))``
    (S. R. Nandakumar et al., ICECS 2019); without one, ``h = 1``.
    """

    kind: Literal["power"] = "power"
    """Name of the law."""
    coefficient: NonNegative
    """Relative standard deviation at g = 1."""
    exponent: NonNegative = 0.0
    """How fast it rises towards low conductance; 1 makes the absolute noise independent of G."""
    ceiling: NonNegative | None = None
    """Largest relative standard deviation; absent: none."""
    reading_time: Duration | None = None
    """Duration t_r of one reading."""

    def relative(self, g: npt.ArrayLike, time: float) -> Array:
        """Standard deviation over G at relative conductance `g` > 0, `time` [s] after programming."""
        value = self.coefficient * np.asarray(g, dtype=np.float64) ** -self.exponent
        if self.ceiling is not None:
            value = np.minimum(value, self.ceiling)
        if self.reading_time is None:
            return np.asarray(value, dtype=np.float64)
        growth = math.log((time + self.reading_time) / (2 * self.reading_time))
        return np.asarray(value * math.sqrt(max(growth, 0.0)), dtype=np.float64)


Spread = Annotated[PolynomialSpread | SaturatingSpread, Field(discriminator="kind")]
ReadSpread = Annotated[PolynomialSpread | SaturatingSpread | PowerSpread, Field(discriminator="kind")]


class LogLaw(Section):
    """``slope ln(g) + intercept``, clipped to [floor, ceiling]."""

    slope: Number = 0.0
    """Change for a factor e of conductance."""
    intercept: Number
    """Value at g = 1 before clipping."""
    floor: NonNegative
    """Smallest value."""
    ceiling: NonNegative
    """Largest value."""

    @model_validator(mode="after")
    def _ordered(self) -> LogLaw:
        if self.floor > self.ceiling:
            raise HardwareError("floor", f"{self.floor:g} exceeds the ceiling {self.ceiling:g}")
        return self

    def at(self, g: npt.ArrayLike) -> Array:
        """Value at each relative conductance `g`; at g = 0 the limit."""
        logarithm = np.log(np.maximum(np.asarray(g, dtype=np.float64), 1e-7))
        value = self.slope * logarithm + self.intercept
        return np.asarray(np.clip(value, self.floor, self.ceiling), dtype=np.float64)


class Drift(Section):
    """Power-law drift ``G(t) = G(t_0) (t / t_0)^-nu``; every device has its own exponent nu."""

    first_reading: Duration
    """Time t_0 after programming to which the programmed conductance refers."""
    exponent_mean: LogLaw
    """Mean of nu over devices."""
    exponent_std: LogLaw
    """Standard deviation of nu over devices."""


class Weights(Section):
    """How weights are stored; without `g_max` they are exact numbers."""

    g_min: Conductance = 0.0
    """Conductance of a weight of 0 in a differential pair, or of the most negative single weight."""
    g_max: Annotated[float, Quantity("S", low=0, above=True)] | None = None
    """Conductance of the largest weight; absent: weights are exact."""
    levels: Annotated[int, Quantity("1", low=2, whole=True)] | None = None
    """Number of conductances from g_min to g_max at which a device can rest; absent: a continuum."""
    differential: StrictBool = True
    """Two devices per weight, the difference counts; otherwise one device with a fixed offset."""
    programming: Spread | None = None
    """Standard deviation of the programmed conductance; absent: exact programming."""
    read_noise: ReadSpread | None = None
    """Standard deviation of one reading; absent: noiseless."""
    drift: Drift | None = None
    """Change with time after programming; absent: none."""
    stuck_low: Fraction = 0.0
    """Fraction of devices stuck at g_min."""
    stuck_high: Fraction = 0.0
    """Fraction of devices stuck at g_max."""
    update: PulsedUpdate | None = None
    """In-situ changes by pulses; absent: unknown."""
    accumulator: StrictBool = False
    """Whether an exact memory beside every device adds up what it is owed; it decides how a technology learns of itself."""
    fitted_low: Conductance | None = None
    """Smallest conductance the laws were fitted to."""
    fitted_high: Conductance | None = None
    """Largest conductance the laws were fitted to."""
    fitted_time: Duration | None = None
    """Longest time after programming the laws were fitted to."""

    @model_validator(mode="after")
    def _consistent(self) -> Weights:
        if self.g_max is None:
            effects = ("levels", "programming", "read_noise", "drift", "stuck_low", "stuck_high", "update")
            for name in effects:
                if getattr(self, name):
                    raise HardwareError(name, "needs a conductance range, allowed: only with g_max given")
            return self
        if self.update is not None and self.update.one_sided and not self.differential:
            raise HardwareError("update.one_sided", "is true of single devices, which could only grow, allowed: pairs")
        if self.g_min >= self.g_max:
            raise HardwareError("g_min", f"{self.g_min:g} S is not below g_max = {self.g_max:g} S")
        if self.stuck_low + self.stuck_high > 1:
            total = self.stuck_low + self.stuck_high
            raise HardwareError("stuck_low", f"stuck_low + stuck_high = {total:g}, allowed: at most 1")
        if self.fitted_low is not None and self.g_min < self.fitted_low:
            problem = f"{self.g_min:g} S is outside the fitted range, allowed: at least {self.fitted_low:g} S"
            raise HardwareError("g_min", problem)
        if self.fitted_high is not None and self.g_max > self.fitted_high:
            problem = f"{self.g_max:g} S is outside the fitted range, allowed: at most {self.fitted_high:g} S"
            raise HardwareError("g_max", problem)
        return self

    @property
    def exact(self) -> bool:
        """Whether weights are exact numbers rather than devices."""
        return self.g_max is None
