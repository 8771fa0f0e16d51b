"""The recording of a substrate of two-way lines, in the form of any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.engine.plan import SMALLEST, Values
from emulator.engine.recording import Recording, WaveTraces, movements, until
from emulator.families.bilateral.layout import BilateralLayout
from emulator.families.bilateral.plan import BilateralPlan

Floats = NDArray[np.float64]
#: share of its largest term that may be left of a junction's equation
SOLVED = 1e-9
#: rounding of a wave that has met a junction
_EPSILON = 4 * 2.0**-52


@dataclass
class BilateralRecording(Recording):
    """A recording, with what only two-way lines have.

    Parameters
    ----------
    unsolved : (B,)
        Largest residual of any neuron's equation at any step of a sample, over the equation's largest term.
    several : (B, 2) int64
        Steps of every sample in which some neuron had more than one answer, and neurons that had, summed over steps.
    rounding : (B,)
        By how much rounding of waves may be off a costate, a difference of two waves over an impedance, at the end of
        each hold: over the largest costate, or the largest term of the load whose difference it is.
    waves : WaveTraces or None
    rounded : (B, P) or None
        Where waves are rounded as they leave: what each port made less what it sent, at the end of each hold.
    missed : (B, P) or None
        Where events get lost: what each tap took in less what had come, likewise.
    """

    unsolved: Floats = field(default_factory=lambda: np.zeros(0))
    several: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    rounding: Floats = field(default_factory=lambda: np.zeros(0))
    waves: WaveTraces | None = None
    rounded: Floats | None = None
    missed: Floats | None = None

    by_sample = (*Recording.by_sample, "unsolved", "several", "rounding", "rounded", "missed")

    @property
    def extras(self) -> dict[str, Any]:
        """What a result keeps of it."""
        return {"unsolved": self.unsolved, "several": self.several, "waves": self.waves}

    def exact(self, tolerance: float) -> NDArray[np.bool_]:
        """Samples (B,) whose junctions were solved, and whose costates rounding leaves within the tolerance."""
        return np.asarray((self.unsolved <= SOLVED) & (self.rounding <= tolerance))

    def inexact(self, sample: int, tolerance: float) -> str | None:
        """Why a sample is not exact, as a clause; None if it is."""
        found = []
        unsolved, rounding = float(self.unsolved[sample]), float(self.rounding[sample])
        if not unsolved <= SOLVED:
            found.append(
                f"at some step a junction was not solved: {unsolved:.2g} of its equation's largest term was left "
                f"(allowed: {SOLVED:g})"
            )
        if not rounding <= tolerance:
            found.append(
                "costates are differences of waves over impedances, of which the rounding of numbers may be "
                f"{rounding:.2g} of the largest, more than the tolerance of {tolerance:g}; "
                "raise the impedance, or lower the taper"
            )
        return "; ".join(found) or None


def collect(
    plan: BilateralPlan, values: Values, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str
) -> BilateralRecording:
    """What the outputs of a run by name (see `emulator.families.bilateral.objects`) say."""
    found = _collected(plan, np.asarray(values["bias"]), outputs, times, target)
    if np.any(values["load"]):
        found.rounding = _rounding(plan, found, outputs["end.sent"][1 : plan.samples + 1])
    else:
        found.rounding = np.zeros(plan.samples)
        _forget_costates(found)
    return found


def _collected(
    plan: BilateralPlan, bias: Floats, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str
) -> BilateralRecording:
    layout, steps = plan.layout, plan.hold * plan.samples
    end = {
        name: outputs[f"end.{name}"][1 : plan.samples + 1]
        for name in ("sent", "a", "x", "lam", "s", "mu", "row", "column")
    }
    held = {name: outputs[f"held.{name}"][1 : plan.samples + 1] for name in ("worst", "n_several", "n_steps")}
    counts = outputs["end.n_sent"][: plan.samples + 1].astype(np.int64)
    state_residual, costate_residual = _line_residuals(layout, plan.carries.arriving(end["sent"]), end["a"])
    emitted = waves = None
    moved = movements(plan.samples, plan.hold, outputs) if plan.probe else {"moved": None}
    if plan.traces:
        emitted = until(steps, **_sent_by_neurons(layout, outputs))
        waves = WaveTraces(*(outputs[f"trace.{name}"][:steps] for name in ("u", "a", "x", "lam", "s", "mu")))
    return BilateralRecording(
        u=np.hstack([end["x"], end["mu"]]),
        v=np.hstack([end["lam"], end["s"] - bias]),
        lam=end["lam"],
        state_residual=state_residual,
        costate_residual=costate_residual,
        sent=np.diff(counts, axis=0),
        tap=np.hstack([end["row"], end["column"]]),
        products=None,
        **moved,
        power=outputs["power"][:steps, 0] if plan.power else None,
        trace_u=None if waves is None else np.hstack([waves.x, waves.mu]),
        trace_lam=None if waves is None else waves.lam,
        emitted=emitted,
        target=target,
        times=times,
        rails=end["sent"][:, : 2 * layout.lines.count],
        unsolved=held["worst"].max(axis=1),
        several=np.stack([held["n_steps"][:, 0], held["n_several"].sum(axis=1)], axis=1).astype(np.int64),
        waves=waves,
        missed=outputs["end.missed"][1 : plan.samples + 1] if plan.effects.drops else None,
        rounded=None if not plan.rounds else outputs["end.u"][1 : plan.samples + 1] - end["sent"],
    )


def _rounding(plan: BilateralPlan, recording: BilateralRecording, sent: Floats) -> Floats:
    """See `BilateralRecording.rounding`; `sent` stands for what arrives, too, since at rest one is the other."""
    layout = plan.layout
    with np.errstate(all="ignore"):
        answer = np.ones(len(recording.lam))
        if plan.loss == "mse":
            answer = plan.law.kappa * np.abs(recording.u[:, layout.outputs]).max(axis=1)
        scale = np.maximum(np.abs(recording.lam).max(axis=1), answer)
        waves = _EPSILON * np.abs(sent[:, : 2 * layout.lines.count]) + 16 * SMALLEST
        currents = waves / layout.impedance[: 2 * layout.lines.count]
        return np.asarray(currents.max(axis=1, initial=0.0) / np.where(scale > 0, scale, 1.0))


def _forget_costates(recording: BilateralRecording) -> None:
    """Without a load no costate arises: what currents still flow die away, and only states are judged."""
    recording.lam[:] = 0.0
    recording.costate_residual[:] = 0.0
    if recording.moved is not None:
        recording.moved["lam"][:] = 0.0


def _sent_by_neurons(layout: BilateralLayout, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Events that neurons sent into lines: forward as from port `n`, backward as from port ``N + n``."""
    port = outputs["emitted.i"]
    kept = (layout.at_neuron & (layout.lines_of_port > 0))[port]
    port = port[kept]
    return {
        "port": layout.node[port] + layout.neurons * ~layout.out[port],
        "t": outputs["emitted.t"][kept],
        "amplitude": outputs["emitted.sent"][kept],
    }


def _line_residuals(layout: BilateralLayout, coming: Floats, held: Floats) -> tuple[Floats, Floats]:
    """By how much state and costate differ from what the two ends of a neuron's lines ask for, the largest; (B, N).

    `coming` is what will have arrived of the waves that were sent last, `held` what has.
    """
    lost = np.abs(coming - held)
    lost = lost + lost[:, layout.partner]
    state, costate = np.zeros((2, len(lost), layout.neurons))
    at = np.flatnonzero(layout.at_neuron & (layout.lines_of_port > 0))
    at = at[np.argsort(layout.node[at], kind="stable")]
    neurons, first = np.unique(layout.node[at], return_index=True)
    state[:, neurons] = np.maximum.reduceat(lost[:, at], first, axis=1)
    costate[:, neurons] = np.maximum.reduceat(lost[:, at] / layout.impedance[at], first, axis=1)
    return state, costate
