"""What a settled (or unsettled) run hands back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.measure.agreement import cosine, in_one_row, relative_error
from emulator.measure.clipping import Clipping
from emulator.measure.energy import EnergyUse
from emulator.measure.reference import Reference
from emulator.measure.several import told
from emulator.network import Gradient
from hwmodels.markup import table

if TYPE_CHECKING:
    from emulator.engine import WaveTraces

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Traces:
    """Everything at every step; T steps, N neurons.

    Parameters
    ----------
    x, lam : (T, N)
        State and costate of every neuron after each node update.
    port, step, amplitude : (E,)
        Every event: ports below N emit states, the others costates of the pre-activation of neuron ``port - N``.
    rest_x, rest_lam : (B, N)
        Where each sample rests; see `emulator.measure.rests`.
    """

    x: Floats
    lam: Floats
    port: NDArray[np.int64]
    step: NDArray[np.int64]
    amplitude: Floats
    rest_x: Floats
    rest_lam: Floats


@dataclass(frozen=True)
class SettleResult:
    """Outcome of presenting B samples to a substrate.

    Numbers of a sample that did not settle are NaN in `states`, `costates` and `gradients`: they would not be a
    forward or backward pass. What the substrate held at the end of the hold all the same is in `held_states` and
    `held_costates`.

    Parameters
    ----------
    graph : ScatteringGraph
    hold : int
        Steps for which each sample was presented.
    held_states, held_costates : dict of (B, n)
        State and costate of every layer at the end of each hold (of a dense layer: pre-activation and its costate).
    held_gradients : dict of Gradient
        Derivative of the loss averaged over the batch, from the states and costates that the crossbars received.
    settled : (B,) bool
    settling_steps : (B,) int64
        Steps until it settled; the hold where it did not.
    outcome : (B,) str
        ``settled``, ``not settled``, ``lost in noise``, or ``below the threshold``: where the noise, or what the
        threshold holds back, is as large as the values of a row.
    residual : (B,)
        Largest node residual at the end of the hold, relative to its row.
    deviation : (B,)
        Largest distance from rest at the end of the hold, relative to its row, by the residuals of all rest equations.
    events : (B,) int64
        Events carried by lines during each hold, both directions.
    reflected_power : (T,)
        Power of the waves that nodes reflected at each step, summed over nodes, in units of state times costate.
    energy : EnergyUse
        Joules per sample by contribution, and what is not known of the hardware.
    reason : str or None
        Why samples did not settle, as far as it could be found.
    tolerance, threshold : float
        Relative settling tolerance; send-on-change threshold `q`.
    target : str
        brian2 target that ran.
    seeds : dict
        Every seed, by the name of what it draws.
    versions : dict
        Versions of what computed this.
    times : dict
        Seconds spent building, running, and reading out.
    traces : Traces or None
    unsolved : (B,)
        Two-way lines: largest residual of a junction's equation at any step of a sample, over its largest term; a
        sample whose equations were not solved has not settled.
    several : (B, 2) int64
        Two-way lines: steps of every sample in which some junction had more than one answer, and junctions that had,
        summed over steps; the branch that a junction with a little capacitance stays on is followed.
    waves : WaveTraces or None
        Two-way lines: every wave at every step, with `traces`.
    clipping : Clipping
        Shares of waves and weights that the hardware cut off at its full scale.
    """

    graph: ScatteringGraph
    hold: int
    held_states: dict[str, Floats]
    held_costates: dict[str, Floats]
    held_gradients: dict[str, Gradient]
    settled: NDArray[np.bool_]
    settling_steps: NDArray[np.int64]
    outcome: NDArray[np.object_]
    residual: Floats
    deviation: Floats
    events: NDArray[np.int64]
    reflected_power: Floats
    energy: EnergyUse
    reason: str | None
    tolerance: float
    threshold: float
    target: str
    seeds: dict[str, int]
    versions: dict[str, str]
    times: dict[str, float]
    traces: Traces | None = field(default=None, repr=False)
    unsolved: Floats = field(default_factory=lambda: np.zeros(0))
    several: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    waves: WaveTraces | None = field(default=None, repr=False)
    clipping: Clipping = field(default_factory=Clipping)

    def recorded(self, what: str) -> WaveTraces:
        """The recorded waves, which the measurement called `what` needs.

        Raises
        ------
        EngineError
            If there are none.
        """
        if self.waves is None:
            raise EngineError(
                f"{what} of a run with law {self.graph.law.name}: it has no recorded waves; "
                "allowed: law bilateral, settled with traces=True"
            )
        return self.waves

    @property
    def status(self) -> str:
        """``settled``, ``partly settled``, or where none did what became of most samples: see `outcome`."""
        if self.settled.all():
            return "settled"
        if self.settled.any():
            return "partly settled"
        names, counts = np.unique(self.outcome.astype(str), return_counts=True)
        return str(names[counts.argmax()])

    @property
    def states(self) -> dict[str, Floats]:
        """State of every layer, (B, n); NaN for samples that did not settle."""
        return {name: self._masked(values) for name, values in self.held_states.items()}

    @property
    def costates(self) -> dict[str, Floats]:
        """Costate of every layer, (B, n), each sample's own; NaN for samples that did not settle."""
        return {name: self._masked(values) for name, values in self.held_costates.items()}

    @property
    def gradients(self) -> dict[str, Gradient]:
        """Weight and bias gradient of every dense layer, averaged over the batch; NaN unless every sample settled."""
        if self.settled.all():
            return dict(self.held_gradients)
        return {name: Gradient(*(np.full_like(part, np.nan) for part in g)) for name, g in self.held_gradients.items()}

    @property
    def outputs(self) -> Floats:
        """State of the output layer, (B, n); NaN for samples that did not settle."""
        return self._masked(self.held_states[self.graph.network.output])

    @property
    def settling_time(self) -> Floats:
        """Seconds until each sample settled; NaN where it did not."""
        return np.where(self.settled, self.settling_steps * self.graph.step, np.nan)

    @property
    def settling_transits(self) -> Floats:
        """Mean line delays until each sample settled; NaN where it did not."""
        return np.where(self.settled, self.settling_steps / self.graph.transit, np.nan)

    @property
    def warning(self) -> str | None:
        """What a reader must know of the run: that junctions had more than one answer; None without."""
        return told(int(self.several[:, 0].sum()), len(self.several) * self.hold)

    def errors(self, reference: Reference) -> dict[str, float]:
        """Deviation of the settled samples from an exact reference; the measurement never uses the reference itself.

        Returns
        -------
        dict
            ``state`` and ``costate``: largest absolute error over layers; ``gradient``: error norm over the norm of
            the gradient; ``gradient_cosine``. NaN where nothing settled or the run had no targets.
        """
        good = self.settled
        worst = {"state": math.nan, "costate": math.nan, "gradient": math.nan, "gradient_cosine": math.nan}
        if not good.any():
            return worst
        for key, held, exact in (
            ("state", self.held_states, reference.states),
            ("costate", self.held_costates, reference.costates),
        ):
            if exact:
                worst[key] = max(float(np.abs(held[name][good] - exact[name][good]).max()) for name in exact)
        if good.all() and reference.gradients and self.held_gradients:
            ours, true = in_one_row(self.held_gradients, reference.gradients)
            found = {"gradient": relative_error(ours, true), "gradient_cosine": cosine(ours, true)}
            worst |= {name: value for name, value in found.items() if value is not None}
        return worst

    def to_dict(self) -> dict[str, Any]:
        """The figures, without arrays per neuron, ready for JSON (NaN becomes None)."""
        graph = self.graph
        return {
            "status": self.status,
            "reason": self.reason,
            "samples": len(self.settled),
            "settled": int(self.settled.sum()),
            "outcomes": [str(outcome) for outcome in self.outcome],
            "tolerance": self.tolerance,
            "threshold": self.threshold,
            "hold": {
                "steps": self.hold,
                "seconds": self.hold * graph.step,
                "transits": self.hold / graph.transit,
            },
            "settling_seconds": [None if math.isnan(t) else float(t) for t in self.settling_time],
            "settling_transits": [None if math.isnan(t) else float(t) for t in self.settling_transits],
            "events": [int(n) for n in self.events],
            "residual": [float(r) if math.isfinite(r) else None for r in self.residual],
            "deviation": [float(d) if math.isfinite(d) else None for d in self.deviation],
            "reflected_energy": float(self.reflected_power.sum() * graph.step) if len(self.reflected_power) else 0.0,
            "energy_joules": None if self.energy.total is None else [float(e) for e in self.energy.total],
            "energy_known_parts_joules": {name: float(part.mean()) for name, part in self.energy.parts.items()},
            "energy_missing": list(self.energy.missing),
            "clipped": self.clipping.to_dict(),
            "several_answers": {
                "samples": int((self.several[:, 0] > 0).sum()),
                "steps": int(self.several[:, 0].sum()),
                "junction_steps": int(self.several[:, 1].sum()),
            },
            "unsolved": [float(r) if math.isfinite(r) else None for r in self.unsolved],
            "warning": self.warning,
            "step_seconds": graph.step,
            "transit_seconds": graph.transit_seconds,
            "longest_round_trip_seconds": graph.longest_round_trip * graph.step,
            "target": self.target,
            "seeds": self.seeds,
            "versions": self.versions,
            "times": self.times,
        }

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        found, graph = self.to_dict(), self.graph
        times = self.settling_time[self.settled]
        rows: list[tuple[object, ...]] = [
            ("status", self.status + (f": {self.reason}" if self.reason else "")),
            ("settled", f"{found['settled']} of {found['samples']} samples"),
            (
                "settling time",
                f"{np.median(times):.4g} s (median), {times.max():.4g} s (worst)" if len(times) else "none",
            ),
            ("hold", f"{self.hold} steps, {self.hold * graph.step:.4g} s"),
            ("events", f"{self.events.mean():.4g} per sample"),
            ("energy", "not known" if self.energy.total is None else f"{self.energy.total.mean():.4g} J per sample"),
            ("computed by", self.target),
        ]
        return table(f"Settled on law {graph.law.name}, hardware {graph.hardware.name}", rows)

    def _masked(self, values: Floats) -> Floats:
        if self.settled.all():
            return values
        masked = np.array(values)
        masked[~self.settled] = np.nan
        return masked
