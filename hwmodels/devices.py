"""Arrays of programmable devices: weights to conductances, and back to the weights a network sees.

Programming, stuck devices, drift and reading are independent effects; each draws from its own named stream,
so that switching one on leaves the samples of the others unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwmodels.errors import HardwareError
from hwmodels.pulses import PulsedUpdate
from hwmodels.seeds import rng
from hwmodels.weights import PowerSpread, Weights

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DeviceArray:
    """Programmed devices of one weight matrix.

    Every array has shape (p, *shape of the weights): p = 2 for differential pairs (plus, minus), else 1.
    """

    law: Weights
    """The device parameters."""
    w_max: float
    """Weight of a device at `g_max`."""
    target: Array
    """Conductances asked for [S]."""
    programmed: Array
    """Conductances after programming, stuck devices included [S]."""
    exponents: Array
    """Drift exponents nu; 0 without drift and for stuck devices."""
    stuck: Array
    """-1 where a device is stuck at `g_min`, 1 where at `g_max`, 0 where it can be written."""

    def conductances(self, time: float | None = None, noise: np.random.Generator | None = None) -> Array:
        """Conductances [S] at `time` [s] after programming (None: just programmed).

        With `noise`, one reading is drawn; else the noiseless value is returned.

        Raises
        ------
        HardwareError
            If `time` is outside the fitted range, or missing where the read noise depends on it.
        """
        present = self.programmed
        if time is not None:
            self._check_time(time)
            if self.law.drift is not None:
                present = present * (time / self.law.drift.first_reading) ** -self.exponents
        if noise is None or self.law.read_noise is None:
            return present
        sigma = self._read_sigma(present, time)
        return np.maximum(present + sigma * noise.standard_normal(present.shape), 0.0)

    def weights(self, time: float | None = None, noise: np.random.Generator | None = None) -> Array:
        """Effective weights at `time` [s] after programming, with one reading's noise if `noise` is given."""
        return to_weights(self.law, self.conductances(time, noise), self.w_max)

    def read_sigma(self, time: float | None = None) -> Array:
        """Standard deviation of one reading of each weight at `time` [s], of the shape of the weights."""
        present = self.conductances(time)
        spread = np.sqrt(np.sum(self._read_sigma(present, time) ** 2, axis=0))
        scale = self.w_max / (g_max(self.law) - self.law.g_min)
        return np.asarray(scale * spread if self.law.differential else 2 * scale * spread)

    def _check_time(self, time: float) -> None:
        """Raise outside the fitted times."""
        earliest = 0.0 if self.law.drift is None else self.law.drift.first_reading
        latest = np.inf if self.law.fitted_time is None else self.law.fitted_time
        if not earliest <= time <= latest:
            problem = f"{time:g} s is outside the fitted range, allowed: {earliest:g} s to {latest:g} s"
            raise HardwareError("weights.time", problem)

    def _read_sigma(self, present: Array, time: float | None) -> Array:
        """Standard deviation [S] of one reading."""
        spread = self.law.read_noise
        if not isinstance(spread, PowerSpread):
            return np.zeros_like(present) if spread is None else spread.sigma(present)
        if time is None and spread.reading_time is not None:
            if self.law.drift is None:
                raise HardwareError("weights.time", "must be given: the read noise depends on it")
            time = self.law.drift.first_reading
        g = self.programmed / g_max(self.law)
        relative = spread.relative(np.where(g > 0, g, 1.0), 0.0 if time is None else time)
        return np.where(g > 0, present * relative, 0.0)


def program(law: Weights, weights: npt.ArrayLike, root_seed: int, name: str, w_max: float | None = None) -> DeviceArray:
    """Program a weight matrix into devices.

    Parameters
    ----------
    law : Weights
        Device parameters with a conductance range.
    weights : array_like
        Weights of any shape.
    root_seed : int
        Seed of the sampled chip.
    name : str
        Stable name of the matrix; its streams are `name` with the effect's name.
    w_max : float, optional
        Weight that maps to `g_max`; by default the largest magnitude in `weights`.

    Raises
    ------
    HardwareError
        If the law has no conductance range, or a weight is not finite or larger than `w_max`.
    """
    matrix = np.asarray(weights, dtype=np.float64)
    if w_max is None:
        w_max = float(np.max(np.abs(matrix), initial=0.0)) or 1.0
    target = to_conductances(law, matrix, w_max)
    programmed = target
    if law.programming is not None:
        scores = rng(root_seed, name, "programming").standard_normal(target.shape)
        programmed = np.maximum(target + law.programming.sigma(target) * scores, 0.0)
    exponents = np.zeros_like(target)
    if law.drift is not None:
        g = target / g_max(law)
        scores = rng(root_seed, name, "drift").standard_normal(target.shape)
        exponents = np.abs(law.drift.exponent_mean.at(g) + law.drift.exponent_std.at(g) * scores)
    lot = rng(root_seed, name, "stuck").random(target.shape)
    low, high = lot < law.stuck_low, lot >= 1 - law.stuck_high
    programmed = np.where(low, law.g_min, np.where(high, g_max(law), programmed))
    stuck = high.astype(np.float64) - low
    return DeviceArray(law, w_max, target, programmed, np.where(low | high, 0.0, exponents), stuck)


def to_conductances(law: Weights, weights: npt.ArrayLike, w_max: float) -> Array:
    """Target conductances [S] of weights, on the programmable levels; shape (p, *weights.shape).

    A differential pair holds the positive part of a weight in its first device and the negative part in its
    second; a single device spans -w_max (`g_min`) to w_max (`g_max`).
    """
    matrix = np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(w_max) and w_max > 0):
        raise HardwareError("w_max", f"{w_max} is out of range, allowed: a number above 0")
    largest = float(np.max(np.abs(matrix), initial=0.0))
    if not largest <= w_max:
        problem = f"largest magnitude {largest} is out of range, allowed: at most w_max = {w_max}"
        raise HardwareError("weights", problem)
    relative = matrix / w_max
    if law.differential:
        x = np.stack([np.maximum(relative, 0.0), np.maximum(-relative, 0.0)])
    else:
        x = (1 + relative)[np.newaxis] / 2
    if law.levels is not None:
        x = np.rint(x * (law.levels - 1)) / (law.levels - 1)
    return law.g_min + (g_max(law) - law.g_min) * x


def to_weights(law: Weights, conductances: Array, w_max: float) -> Array:
    """Weights that devices of shape (p, ...) represent; the inverse of `to_conductances`."""
    scale = w_max / (g_max(law) - law.g_min)
    if law.differential:
        return np.asarray(scale * (conductances[0] - conductances[1]))
    return np.asarray(2 * scale * (conductances[0] - law.g_min) - w_max)


def pulse(law: PulsedUpdate, x: npt.ArrayLike, direction: npt.ArrayLike, rng: np.random.Generator) -> Array:
    """Relative conductances in [0, 1] after one pulse per mean device; what differs from device to device is left out.

    Parameters
    ----------
    law : PulsedUpdate
        Parameters of the update.
    x : array_like
        Relative conductances in [0, 1].
    direction : array_like
        +1, -1 or 0 (no pulse) per device.
    rng : numpy.random.Generator
        Stream of the write noise, relative and constant.

    Raises
    ------
    HardwareError
        For a pulse down where pulses only raise a conductance (`one_sided`).
    """
    state, sign = np.asarray(x, dtype=np.float64), np.sign(np.asarray(direction, dtype=np.float64))
    if law.one_sided and np.any(sign < 0):
        raise HardwareError("direction", "is -1, and pulses of these devices (one_sided) only raise, allowed: 1 or 0")
    shape = np.broadcast_shapes(state.shape, sign.shape)
    step = law.mean_step(state, sign) * (1 + law.write_noise * rng.standard_normal(shape))
    if law.constant_noise:
        first = np.abs(sign) * (1 + sign * law.asymmetry) / law.pulses
        step = step + first * law.constant_noise * rng.standard_normal(shape)
    return np.asarray(np.clip(state + step, 0.0, 1.0))


def g_max(law: Weights) -> float:
    """Upper end of the conductance range [S]."""
    if law.g_max is None:
        raise HardwareError("weights.g_max", "is not given: the weights are exact numbers, not devices")
    return law.g_max
