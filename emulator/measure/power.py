"""Power on a substrate of two-way lines: what comes in, is stored, is dissipated, and where the balance breaks.

With `w` the amplitudes in flight on a line direction and `y` what its low-pass of coefficient `c` holds, the energy
before the junctions answer at a step is ``E = sum over directions [sum w^2 + (1 + (1-c)/c) y^2]/Z`` in units of state
times costate times step, and a step changes it by

    E_new - E = P_source + P_bias - P_load - sum (1-c)(u - y)^2/Z

as long as every crossbar and neuron gives back what it takes. What a place takes beyond that is its excess: an
activation that is not homogeneous takes ``s mu - x lam``, of either sign; noise, rounding and a send-on-change
threshold show at the line that carries them. What each port and junction reflects: `emulator.measure.reflections`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.laws import family_of
from emulator.measure.result import SettleResult

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PowerAccount:
    """Where the energy of a run came from, for its report.

    Parameters
    ----------
    stored : float
        The largest energy stored at any step, in units of state times costate times step.
    unexplained : float
        The largest change of a step that the balance does not explain, over it: round-off.
    injected : dict of float
        What added energy over the run, and how much, the largest first.
    """

    stored: float
    unexplained: float
    injected: dict[str, float]

    def text(self) -> str:
        """One sentence for tables."""
        most = ", ".join(f"{name} ({energy:.3g})" for name, energy in list(self.injected.items())[:3])
        return (
            f"explained to {self.unexplained:.1e} of the {self.stored:.3g} stored at most; added by {most or 'nothing'}"
        )


@dataclass(frozen=True)
class PowerBalance:
    """Power at every step of a run, in units of state times costate; T steps, P ports, N neurons, K crossbars.

    Parameters
    ----------
    ports : (T, P)
        Net power into the junction of each port, ``(i^2 - r^2)/Z``.
    stored : (T,)
        Energy in flight and in low-passes and terminations, before the junctions answer.
    source, bias, load : (T,)
        Power that sources and biases deliver, and that the load takes.
    dissipated : (T,)
        Power lost in low-passes and terminations.
    neurons, crossbars, lines : (T, N), (T, K), (T, P)
        What each place takes beyond what the balance knows: 0 for lossless junctions, below 0 where it delivers.
    places : dict of tuple of str
        Their names, by the same three keys.
    """

    ports: Floats
    stored: Floats
    source: Floats
    bias: Floats
    load: Floats
    dissipated: Floats
    neurons: Floats
    crossbars: Floats
    lines: Floats
    places: dict[str, tuple[str, ...]]

    @property
    def imbalance(self) -> Floats:
        """By how much the stored energy changes beyond what the balance says, (T - 1,)."""
        known = self.source + self.bias - self.load - self.dissipated
        return np.asarray(np.diff(self.stored) - known[:-1])

    @property
    def worst(self) -> float:
        """Largest imbalance of any step over the largest stored energy."""
        most = float(self.stored.max())
        return float(np.abs(self.imbalance).max()) / most if most > 0 else 0.0

    def violators(self, tolerance: float = 1e-9) -> dict[str, float]:
        """Places whose excess at some step is above `tolerance` times the largest stored energy, largest first.

        Returns
        -------
        dict of str to float
            Largest excess of the place, in units of the largest stored energy, below 0 where it delivers.
        """
        most = max(float(self.stored.max()), 1e-300)
        found: dict[str, float] = {}
        for kind in ("neurons", "crossbars", "lines"):
            excess = getattr(self, kind)
            if not excess.size:
                continue
            step = np.abs(excess).argmax(axis=0)
            found |= dict(zip(self.places[kind], excess[step, np.arange(excess.shape[1])] / most, strict=True))
        above = {name: float(value) for name, value in found.items() if abs(value) > tolerance}
        return dict(sorted(above.items(), key=lambda item: -abs(item[1])))


def power_balance(result: SettleResult) -> PowerBalance:
    """Account for the power of a run of two-way lines.

    Parameters
    ----------
    result : SettleResult
        Of ``settle(graph, ..., traces=True)`` with a bilateral law.

    Raises
    ------
    EngineError
        If the run has no waves to account for.
    """
    return family_of(result.graph.law).power_balance(result.graph, result.recorded("power balance"))
