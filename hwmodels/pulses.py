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

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, StrictBool, model_validator

from hwmodels.errors import HardwareError
from hwmodels.fields import Quantity, Section

Array = npt.NDArray[np.float64]
_NonNegative = Annotated[float, Quantity("1", low=0)]
_Share = Annotated[float, Quantity("1", low=0, high=1)]
_Half = Annotated[float, Quantity("1", low=0, high=0.5)]
_Seconds = Annotated[float, Quantity("s", low=0, above=True)]
_Steps = Annotated[tuple[_NonNegative, ...], Field(min_length=2)]
#: ends of a device's range stay at least a tenth of the range apart, and its anchor half as much from both
_BEND, _INSIDE = 0.45, 0.05
#: standard deviations within which devices are taken to lie
_MOST_SCORE = 6.0


class PulsedUpdate(Section):
    """In-situ changes by identical pulses, on the relative range from 0 (`g_min`) to 1 (`g_max`)."""

    pulses: Annotated[float, Quantity("1", low=1)]
    """Number of pulses over the whole range of a linear, symmetric device."""
    asymmetry: Annotated[float, Quantity("1", low=-1, high=1)] = 0.0
    """Relative excess of upward over downward steps: they are (1 + a) and (1 - a) times the mean."""
    shape: Literal["exponential", "linear", "power", "table"] = "exponential"
    """How steps shrink: p + (1 - p) exp(-k d), 1 - k d, (1 - d)^k with d the way gone in the pulse's direction, or tables."""
    nonlinearity: _NonNegative = 0.0
    """The k of the shape; linear with k = 1 are soft bounds."""
    nonlinearity_down: _NonNegative | None = None
    """The k of pulses down; absent: as up."""
    plateau: _Share = 0.0
    """The p of an exponential shape: share of a first step that is left however far a device has gone."""
    plateau_down: _Share | None = None
    """The p of pulses down; absent: as up."""
    up_steps: _Steps | None = None
    """Table: steps upwards, in mean steps, at equal distances from x = 0 to 1; straight lines between them."""
    down_steps: _Steps | None = None
    """Table: steps downwards, likewise from x = 0 to 1."""
    anchor: _Share | None = None
    """Relative conductance at which a step of any shape is a mean step; absent: where a linear or exponential shape begins."""
    write_noise: _NonNegative = 0.0
    """Relative standard deviation of one step, from pulse to pulse."""
    constant_noise: _NonNegative = 0.0
    """Further standard deviation of one step, in mean steps, wherever the device is."""
    scatter: _NonNegative = 0.0
    """Standard deviation, in mean steps, of what a device shows after a pulse, about the state from which the next one starts."""
    step_spread: _NonNegative = 0.0
    """Relative standard deviation of the mean step from device to device (of its logarithm if lognormal)."""
    step_law: Literal["normal", "lognormal"] = "normal"
    """How mean steps spread; a normal one is no less than 0."""
    asymmetry_spread: _NonNegative = 0.0
    """Standard deviation of the asymmetry from device to device."""
    nonlinearity_spread: _NonNegative = 0.0
    """Standard deviation of the nonlinearity from device to device, up and down each on its own; none is below 0."""
    bound_spread: _Half = 0.0
    """Standard deviation of the ends of the range from device to device, as a share of it; of pairs only the upper ends."""
    bound_spread_low: _Half | None = None
    """The same of the lower ends; absent: as the upper ones."""
    shape_follows: StrictBool = True
    """Whether the shape goes from end to end of each device's own range; otherwise along the mean device's, cut off."""
    lifetime: _Seconds | None = None
    """Time in which a weight leaks to 1/e of itself; absent: it does not leak."""
    lifetime_spread: _NonNegative = 0.0
    """Relative standard deviation of the lifetime from device to device; none is below a tenth of the mean."""
    diffusion: Annotated[float, Quantity("Hz", low=0)] = 0.0
    """Variance of the relative conductance that a device gathers in a second without being written."""
    one_sided: StrictBool = False
    """Whether pulses only raise a conductance: the other device of a pair is pulsed to lower a weight, and pairs are refreshed."""
    refresh_at: Annotated[float, Quantity("1", low=0, high=1, above=True)] = 0.8
    """Relative conductance at which a one-sided pair is reset and its difference written again."""
    endurance: Annotated[float, Quantity("1", low=0, above=True)] | None = None
    """Number of pulses a device survives; absent: unlimited."""
    pulse_time: _Seconds | None = None
    """Duration of one pulse, its recovery included; absent: unknown."""
    pulse_energy: Annotated[float, Quantity("J", low=0)] | None = None
    """Energy of one pulse; absent: unknown."""

    @model_validator(mode="after")
    def _one_shape(self) -> PulsedUpdate:
        tables = (self.up_steps, self.down_steps)
        if self.shape == "table":
            if None in tables:
                raise HardwareError("shape", "'table' needs up_steps and down_steps, allowed: with both")
            if self.nonlinearity:
                raise HardwareError("nonlinearity", "is set beside tables, allowed: 0 with shape = 'table'")
            if self.nonlinearity_down or self.nonlinearity_spread:
                raise HardwareError("nonlinearity_down, nonlinearity_spread", "are set beside tables, allowed: neither")
        elif tables != (None, None):
            raise HardwareError("up_steps, down_steps", f"are set and the shape is {self.shape!r}, allowed: 'table'")
        if self.shape != "exponential" and (self.plateau or self.plateau_down):
            raise HardwareError("plateau", f"is set and the shape is {self.shape!r}, allowed: 'exponential'")
        for name in ("nonlinearity", "nonlinearity_down"):
            k = getattr(self, name)
            if self.shape == "linear" and k is not None and k > 1:
                raise HardwareError(name, f"{k:g} makes steps of a linear shape negative, allowed: at most 1")
        self._check_heard()
        if self.anchor is not None:
            steepest = self._bent((np.array(_MOST_SCORE), np.array(_MOST_SCORE)))
            if not np.all(self._plain(self.anchor, np.array([1, -1]), steepest) > 0):
                raise HardwareError(
                    "anchor", f"{self.anchor:g} is where the shape of a device has no step, allowed: where all have one"
                )
        return self

    def _check_heard(self) -> None:
        """Refuse what nothing would hear."""
        if self.lifetime_spread and self.lifetime is None:
            raise HardwareError("lifetime_spread", "is set and no lifetime is, allowed: with one")
        if self.refresh_at != type(self).model_fields["refresh_at"].default and not self.one_sided:
            raise HardwareError("refresh_at", "is set and devices are not one_sided, allowed: with one_sided = true")
        for name in ("nonlinearity_down", "plateau_down"):
            if self.one_sided and getattr(self, name) is not None:
                raise HardwareError(name, "is set of devices whose pulses only raise (one_sided), allowed: without")

    @property
    def spreads(self) -> dict[str, float]:
        """Spreads from device to device that are not 0, by what varies."""
        found = {
            "step": self.step_spread,
            "asymmetry": self.asymmetry_spread,
            "nonlinearity": self.nonlinearity_spread,
            "bound": max(self.bound_spread, self.low_spread),
            "lifetime": self.lifetime_spread if self.lifetime is not None else 0.0,
        }
        return {name: value for name, value in found.items() if value}

    @property
    def low_spread(self) -> float:
        """Spread of the lower ends."""
        return self.bound_spread if self.bound_spread_low is None else self.bound_spread_low

    @property
    def bends(self) -> tuple[float, float]:
        """The k of pulses up and of pulses down."""
        return self.nonlinearity, self.nonlinearity if self.nonlinearity_down is None else self.nonlinearity_down

    @property
    def plateaus(self) -> tuple[float, float]:
        """The p of pulses up and of pulses down."""
        return self.plateau, self.plateau if self.plateau_down is None else self.plateau_down

    def steps(
        self,
        x: npt.ArrayLike,
        direction: npt.ArrayLike,
        bend: tuple[Array, Array] | None = None,
        anchor: Array | None = None,
    ) -> Array:
        """The shape: steps at relative conductances, in mean steps, without sign and asymmetry.

        `bend`: other k than its own; `anchor`: where the anchor lies, if elsewhere than in the range of a mean device.
        """
        found = self._plain(x, direction, bend)
        if self.anchor is None:
            return found
        return found / self._plain(self.anchor if anchor is None else anchor, direction, bend)

    def _plain(self, x: npt.ArrayLike, direction: npt.ArrayLike, bend: tuple[Array, Array] | None = None) -> Array:
        """The shape as it is without an anchor."""
        place, up = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(direction) > 0)
        if self.up_steps is not None and self.down_steps is not None:
            tables = [np.interp(place, np.linspace(0, 1, len(t)), t) for t in (self.up_steps, self.down_steps)]
            return np.where(up, tables[0], tables[1])
        gone, k = np.where(up, place, 1 - place), _sided(up, self.bends if bend is None else bend)
        if self.shape == "linear":
            return np.asarray(np.maximum(1 - k * gone, 0.0))
        if self.shape == "power":
            return np.asarray(np.clip(1 - gone, 0.0, 1.0) ** k)
        left = _sided(up, self.plateaus)
        return np.asarray(left + (1 - left) * np.exp(-k * gone))

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

    def symmetry_points(self, scores: Mapping[str, tuple[Array, Array]]) -> Array:
        """Where pulses up and down in turn take each of many devices, by its own law: its symmetry point.

        Parameters
        ----------
        scores : mapping of name to (array, array)
            Standard scores of the devices, by the names of `spreads`; `bound` and `nonlinearity` have one for each direction.

        Returns
        -------
        ndarray
            Relative conductances; the end of the range to which a device without such a point is driven, and the middle
            of one whose steps undo each other everywhere.
        """
        shape = np.shape(next(iter(scores.values()))[0]) if scores else ()
        none = (np.zeros(shape), np.zeros(shape))
        a = self.asymmetry + self.asymmetry_spread * scores.get("asymmetry", none)[0]
        bend = self._bent(scores.get("nonlinearity", none))
        bottom, top = self.ends(scores.get("bound", none))
        low, high = bottom.copy(), top.copy()

        def along(x: Array) -> Array:
            return np.asarray((x - bottom) / (top - bottom) if self.shape_follows else x)

        def excess(x: Array) -> Array:
            place, anchor = along(x), None if self.anchor is None else along(np.asarray(self.anchor))
            return np.asarray(
                (1 + a) * self.steps(place, 1, bend, anchor) - (1 - a) * self.steps(place, -1, bend, anchor)
            )

        even = (np.abs(excess(low)) < 1e-12) & (np.abs(excess(high)) < 1e-12)
        for _ in range(50):
            middle = (low + high) / 2
            rising = excess(middle) > 0
            low, high = np.where(rising, middle, low), np.where(rising, high, middle)
        return np.where(even, (bottom + top) / 2, (low + high) / 2)

    def ends(self, scores: tuple[Array, Array]) -> tuple[Array, Array]:
        """Ends (bottom, top) of the ranges of devices with these scores of the upper and of the lower end."""
        (down, rise), (fall, up) = self.end_limits
        return np.clip(self.low_spread * scores[1], down, rise), 1 + np.clip(self.bound_spread * scores[0], fall, up)

    @property
    def end_limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """How far the lower and the upper end of a device may lie from those of the range; beyond, they are cut off.

        A shape that goes with the ends has no step beyond them, so that its anchor stays inside.
        """
        if self.anchor is None or not self.shape_follows:
            return (-_BEND, _BEND), (-_BEND, _BEND)
        rise, fall = (min(_BEND, max(room - _INSIDE, 0.0)) for room in (self.anchor, 1 - self.anchor))
        return (-_BEND, rise), (-fall, _BEND)

    def _bent(self, scores: tuple[Array, Array]) -> tuple[Array, Array]:
        """The k of devices with these scores, up and down."""
        most = 1.0 if self.shape == "linear" else np.inf
        up, down = (np.clip(k + self.nonlinearity_spread * s, 0, most) for k, s in zip(self.bends, scores, strict=True))
        return up, down


def _sided(up: npt.NDArray[np.bool_], pair: tuple[npt.ArrayLike, npt.ArrayLike]) -> Array:
    """The first of a pair for pulses up, the second for pulses down."""
    return np.asarray(np.where(up, pair[0], pair[1]), dtype=np.float64)
