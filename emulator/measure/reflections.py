"""Reflections on two-way lines: what each port sends back of the waves that reach it, and what each junction adds.

A junction answers the waves `i` that arrive at its ports by waves `r` that leave. Sources, biases and targets add
constants to both; deviations from the end of the hold are free of them, and their ratio ``(r - r_end)/(i - i_end)`` is the
reflection coefficient of a port: -1 at a clamp and ``(1 - Z kappa)/(1 + Z kappa)`` at a squared-loss load at every step, and
at ports of larger junctions whatever arrives at the other ports makes of it.

At rest what leaves a port equals what is held at the other end of its line. The power ``(r - a)^2/(2 Z)`` of the
difference is the residual reflection: it vanishes where nothing moves any more, and its sum over the ports of a junction
and the time of a run is that junction's part of the budget, `SettleResult.reflected_power` the sum over all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.errors import EngineError
from emulator.laws import family_of
from emulator.measure.result import SettleResult

Floats = NDArray[np.float64]

#: deviations of the incident wave below this share of its port's largest say nothing about a ratio
FLOOR = 1e-6


@dataclass(frozen=True)
class Reflections:
    """One sample of a run of two-way lines; T steps of its hold, P ports, J junctions (neurons, then crossbars).

    Parameters
    ----------
    coefficient : (T, P)
        Reflection coefficient of every port; NaN while no deviation arrives there.
    residual : (T, J)
        Power of the residual reflection of every junction, in units of state times costate.
    junction : (P,) int64
        Junction of every port.
    names : tuple of str
        Of the junctions.
    rows : tuple of str
        Row of neurons, or crossbar, of every junction.
    step : float
        Seconds per step.
    """

    coefficient: Floats
    residual: Floats
    junction: NDArray[np.int64]
    names: tuple[str, ...]
    rows: tuple[str, ...]
    step: float

    def budget(self, by_row: bool = False) -> dict[str, float]:
        """Energy that every junction reflected in vain during the hold (state times costate times seconds).

        Parameters
        ----------
        by_row : bool
            Sum over the neurons of a row.

        Returns
        -------
        dict of str to float
            In the order of the junctions.
        """
        energy = self.residual.sum(axis=0) * self.step
        found: dict[str, float] = {}
        for name, part in zip(self.rows if by_row else self.names, energy, strict=True):
            found[name] = found.get(name, 0.0) + float(part)
        return found


def reflections(result: SettleResult, sample: int = -1) -> Reflections:
    """Reflection coefficients and residual reflections of one sample.

    Parameters
    ----------
    result : SettleResult
        Of ``settle(graph, ..., traces=True)`` with a bilateral law.
    sample : int
        Which sample; by default the last.

    Raises
    ------
    EngineError
        If the run has no recorded waves, or no such sample.
    """
    waves, count = result.recorded("reflections"), len(result.settled)
    if not -count <= sample < count:
        raise EngineError(f"reflections: sample is {sample!r}; allowed: 0 to {count - 1}")
    begin = sample % count * result.hold
    return family_of(result.graph.law).reflections(result.graph, waves, slice(begin, begin + result.hold))
