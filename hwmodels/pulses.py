"""What one identical pulse does to a device that is written while it is in use.

``x`` is the conductance on the relative range from 0 (`g_min`) to 1 (`g_max`). A pulse up moves it by
``(1 + a) s_up(x)/pulses`` and a pulse down by ``-(1 - a) s_down(x)/pulses``, with the asymmetry ``a`` and a shape ``s``.
That is the one definition of asymmetry here. Others write ``up = dw_min``, ``down = dw_min (1 - b)`` (the up-down parameter
of some simulators, by sign and half): ``dw_min = (1 + a)/pulses`` and ``b = 2 a/(1 + a)``.

In a differential pair *up* is growth of the device that holds the weight: with ``a > 0`` weights of both signs grow more
easily than they shrink, and run away from zero; with a single device they run towards +w_max.

Shapes: exponential (nonlinearity k, as is fitted to phase-change and resistive memory: P.-Y. Chen et al., NeuroSim, IEEE TCAD
37, 3067, 2018), linear (soft bounds at k = 1: S. Fusi and L. Abbott, Nature Neuroscience 10, 485, 2007), power, or tables.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from hwmodels.errors import HardwareError
from hwmodels.fields import Quantity, Section

Array = npt.NDArray[np.float64]
_NonNegative = Annotated[float, Quantity("1", low=0)]
_Steps = Annotated[tuple[_NonNegative, ...], Field(min_length=2)]


class PulsedUpdate(Section):
    """In-situ changes by identical pulses, on the relative range from 0 (`g_min`) to 1 (`g_max`)."""

    pulses: Annotated[int, Quantity("1", low=1, whole=True)]
    """Number of pulses over the whole range of a linear, symmetric device."""
    asymmetry: Annotated[float, Quantity("1", low=-1, high=1)] = 0.0
    """Relative excess of upward over downward steps: they are (1 + a) and (1 - a) times the mean."""
    shape: Literal["exponential", "linear", "power", "table"] = "exponential"
    """How steps shrink along the range: exp(-k d), 1 - k d, (1 - d)^k with d the way gone in the pulse's direction, or tables."""
    nonlinearity: _NonNegative = 0.0
    """The k of the shape; linear with k = 1 are soft bounds."""
    up_steps: _Steps | None = None
    """Table: steps upwards, in mean steps, at equal distances from x = 0 to 1; straight lines between them."""
    down_steps: _Steps | None = None
    """Table: steps downwards, likewise from x = 0 to 1."""
    write_noise: _NonNegative = 0.0
    """Relative standard deviation of one step, from pulse to pulse."""
    step_spread: _NonNegative = 0.0
    """Relative standard deviation of the mean step from device to device; no step is below 0."""
    asymmetry_spread: _NonNegative = 0.0
    """Standard deviation of the asymmetry from device to device."""
    bound_spread: Annotated[float, Quantity("1", low=0, high=0.5)] = 0.0
    """Standard deviation of the ends of the range from device to device, as a share of it; of pairs only the upper ends."""
    endurance: Annotated[float, Quantity("1", low=0, above=True)] | None = None
    """Number of pulses a device survives; absent: unlimited."""

    @model_validator(mode="after")
    def _one_shape(self) -> PulsedUpdate:
        tables = (self.up_steps, self.down_steps)
        if self.shape == "table":
            if None in tables:
                raise HardwareError("shape", "'table' needs up_steps and down_steps, allowed: with both")
            if self.nonlinearity:
                raise HardwareError("nonlinearity", "is set beside tables, allowed: 0 with shape = 'table'")
        elif tables != (None, None):
            raise HardwareError("up_steps, down_steps", f"are set and the shape is {self.shape!r}, allowed: 'table'")
        if self.shape == "linear" and self.nonlinearity > 1:
            problem = f"{self.nonlinearity:g} makes steps of a linear shape negative, allowed: at most 1"
            raise HardwareError("nonlinearity", problem)
        return self

    @property
    def spreads(self) -> dict[str, float]:
        """Spreads from device to device that are not 0, by what varies."""
        found = {"step": self.step_spread, "asymmetry": self.asymmetry_spread, "bound": self.bound_spread}
        return {name: value for name, value in found.items() if value}

    def steps(self, x: npt.ArrayLike, direction: npt.ArrayLike) -> Array:
        """The shape: steps at relative conductances, in mean steps, without sign and asymmetry."""
        place, up = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(direction) > 0)
        if self.up_steps is not None and self.down_steps is not None:
            tables = [np.interp(place, np.linspace(0, 1, len(t)), t) for t in (self.up_steps, self.down_steps)]
            return np.where(up, tables[0], tables[1])
        gone, k = np.where(up, place, 1 - place), self.nonlinearity
        if self.shape == "linear":
            return np.asarray(np.maximum(1 - k * gone, 0.0))
        if self.shape == "power":
            return np.asarray(np.clip(1 - gone, 0.0, 1.0) ** k)
        return np.asarray(np.exp(-k * gone))

    def mean_step(self, x: npt.ArrayLike, direction: npt.ArrayLike) -> Array:
        """Mean change of the relative conductance by one pulse of each direction (+1, -1, or 0 for none)."""
        sign = np.sign(np.asarray(direction, dtype=np.float64))
        return np.asarray(sign * (1 + sign * self.asymmetry) * self.steps(x, sign) / self.pulses)

    @property
    def symmetry_point(self) -> float | None:
        """Relative conductance at which a pulse up and a pulse down undo each other; None where there is none."""
        x = np.linspace(0.0, 1.0, 100_001)
        excess = self.mean_step(x, 1) + self.mean_step(x, -1)
        turns = np.flatnonzero((excess[:-1] > 0) & (excess[1:] <= 0))
        if not len(turns):
            return None
        k = int(turns[0])
        return float(x[k] + (x[k + 1] - x[k]) * excess[k] / (excess[k] - excess[k + 1]))
