"""What ports make of the numbers that they send, as far as a rest depends on it: levels, full scale, and stuck ports.

A level is a step: between steps a sent number does not follow its wave at all, and no method of slopes finds a rest. But at a
rest no port changes its level, so the error of its rounding is a constant of the line, like an offset. It is taken from where
the substrate is; full scale and stuck ports are followed as they are.
"""

from __future__ import annotations

import numpy as np

from emulator.engine.effects import Effects, lsb
from emulator.graph import ScatteringGraph
from emulator.measure.noise_floor import noisy
from emulator.measure.result import Floats
from hwmodels import Quantizer

#: numbers that neurons send, and whether they do so backward
NUMBERS = {"x": False, "a": False, "mu": True, "m": True, "c": True}


class Sending:
    """Of N neurons.

    Parameters
    ----------
    graph : ScatteringGraph
    effects : Effects

    Attributes
    ----------
    errors : dict of (N,)
        Constants that rounding adds, by number.
    """

    def __init__(self, graph: ScatteringGraph, effects: Effects) -> None:
        count, values = graph.neurons, effects.values
        precision = graph.hardware.precision
        self._quantisers = (precision.forward, precision.backward)
        stuck = np.asarray(values.get("stuck", np.zeros(2 * count))) > 0
        level = np.asarray(values.get("stuck_at", np.zeros(2 * count)), dtype=np.float64)
        self._stuck, self._level = np.split(stuck, 2), np.split(level, 2)
        #: where noise moves waves across levels, rounding is part of the noise
        self._blurred = noisy(graph)
        self.errors: dict[str, Floats] = {}

    @property
    def rounds(self) -> bool:
        """Whether a rest depends on levels."""
        return not self._blurred and any(q.bits is not None and q.rounding != "stochastic" for q in self._quantisers)

    def error(self, name: str, wave: Floats) -> Floats:
        """What rounding adds to a wave."""
        quantiser = self._quantisers[NUMBERS[name]]
        if quantiser.bits is None or quantiser.rounding == "stochastic" or self._blurred:
            return np.zeros_like(wave)
        step = lsb(quantiser)
        more = 0.5 if quantiser.rounding == "nearest" else 1e-9
        return np.asarray(np.sign(wave) * np.floor(np.abs(wave) / step + more) * step - wave)

    def sent(self, name: str, wave: Floats) -> Floats:
        """What is sent of a wave."""
        back = NUMBERS[name]
        sent = _clipped(self._quantisers[back], wave + self.errors.get(name, 0.0))
        return np.where(self._stuck[back], self._level[back], sent)

    def slope(self, name: str, wave: Floats) -> Floats:
        """By how much what is sent follows a wave: 1, or 0 at full scale and of a stuck port."""
        back = NUMBERS[name]
        quantiser, wave = self._quantisers[back], wave + self.errors.get(name, 0.0)
        return np.where(self._stuck[back] | (_clipped(quantiser, wave) != wave), 0.0, 1.0)


def _clipped(quantiser: Quantizer, wave: Floats) -> Floats:
    if quantiser.bits is None or not quantiser.saturate:
        return wave
    return np.clip(wave, -quantiser.full_scale, quantiser.full_scale)
