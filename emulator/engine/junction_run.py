"""Running a substrate of two-way lines, and its recording in the form of any other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emulator.engine import runtime
from emulator.engine.junction_effects import junction_effects
from emulator.engine.junction_layout import JunctionLayout, lay_out_junctions
from emulator.engine.junction_plan import SMALLEST_WAVE, JunctionPlan, junction_values
from emulator.engine.layout import biases
from emulator.engine.simulate import Recording, execute, until
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral

Floats = NDArray[np.float64]
#: rounding of a wave that has met a junction
_EPSILON = 4 * 2.0**-52


@dataclass(frozen=True)
class WaveTraces:
    """Every wave at every step; T steps, P ports, N neurons.

    Parameters
    ----------
    leaving, arriving : (T, P)
        Wave that leaves each port at a step, and the wave at its tap that the junction answered with it.
    x, lam, s, mu : (T, N)
    """

    leaving: Floats
    arriving: Floats
    x: Floats
    lam: Floats
    s: Floats
    mu: Floats


@dataclass
class JunctionRecording(Recording):
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
    """

    unsolved: Floats = field(default_factory=lambda: np.zeros(0))
    several: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    rounding: Floats = field(default_factory=lambda: np.zeros(0))
    waves: WaveTraces | None = None
    rounded: Floats | None = None


def run_junctions(
    graph: ScatteringGraph,
    law: Bilateral,
    feed: Floats,
    *,
    hold: int,
    loaded: bool,
    threshold: float = 0.0,
    resolution: float = 0.0,
    target: str = "auto",
    traces: bool = False,
    seed: int = 0,
    report: runtime.Report | None = None,
) -> tuple[JunctionLayout, JunctionRecording]:
    """Present `feed` (samples, inputs + outputs), `hold` steps each."""
    layout = lay_out_junctions(graph, law)
    effects = junction_effects(graph, layout, seed)
    plan = JunctionPlan(layout, law, graph.loss, hold, len(feed), traces=traces, effects=effects)
    values = junction_values(graph, law, layout, effects, loaded=loaded, threshold=threshold, resolution=resolution)
    outputs, times, target = execute(plan, values, feed, target, report)
    recording = collect_junctions(plan, biases(graph), outputs, times, target)
    if loaded:
        recording.rounding = _rounding(graph, law, layout, recording, outputs["end.sent"][1 : plan.samples + 1])
    else:
        recording.rounding = np.zeros(len(feed))
        _forget_costates(recording)
    return layout, recording


def collect_junctions(
    plan: JunctionPlan, bias: Floats, outputs: dict[str, np.ndarray], times: dict[str, float], target: str
) -> JunctionRecording:
    """What the outputs of a run by name (see `emulator.engine.junctions`) say; `bias` is that of every neuron."""
    layout, steps = plan.layout, plan.hold * plan.samples
    end = {name: outputs[f"end.{name}"][1 : plan.samples + 1] for name in ("sent", "v", "a", "x", "lam", "s", "mu")}
    held = {name: outputs[f"held.{name}"][1 : plan.samples + 1] for name in ("worst", "n_several", "n_steps")}
    counts = outputs["end.n_sent"][: plan.samples + 1].astype(np.int64)
    state_residual, costate_residual = _line_residuals(layout, end["sent"], end["a"])
    moved = emitted = waves = None
    if plan.probe:
        columns = {name: outputs[f"moved.{name}"] for name in ("t", "x", "lam")}
        moved = until(steps, neuron=outputs["moved.i"], **columns)
    if plan.traces:
        emitted = until(steps, **_sent_by_neurons(layout, outputs))
        waves = WaveTraces(*(outputs[f"trace.{name}"][:steps] for name in ("u", "a", "x", "lam", "s", "mu")))
    return JunctionRecording(
        u=np.hstack([end["x"], end["mu"]]),
        v=np.hstack([end["lam"], end["s"] - bias]),
        lam=end["lam"],
        state_residual=state_residual,
        costate_residual=costate_residual,
        sent=np.diff(counts, axis=0),
        tap=_at_crossbars(layout, end["v"], end["a"]),
        products=None,
        moved=moved,
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
        rounded=None if plan.effects.wave == "u" else _leaving(layout, end) - end["sent"],
    )


def _leaving(layout: JunctionLayout, end: dict[str, np.ndarray]) -> Floats:
    """The waves that the junctions make of what is held at their taps, (B, P)."""
    driven = layout.on_x * end["x"][:, layout.node] + layout.on_mu * end["mu"][:, layout.node]
    return np.asarray(end["v"] + driven + layout.own * end["a"] + layout.other * end["a"][:, layout.mate])


def _rounding(
    graph: ScatteringGraph, law: Bilateral, layout: JunctionLayout, recording: JunctionRecording, sent: Floats
) -> Floats:
    """See `JunctionRecording.rounding`; `sent` stands for what arrives, too, since at rest one is the other."""
    with np.errstate(all="ignore"):
        answer = np.ones(len(recording.lam))
        if graph.loss == "mse":
            answer = law.kappa * np.abs(recording.u[:, layout.outputs]).max(axis=1)
        scale = np.maximum(np.abs(recording.lam).max(axis=1), answer)
        waves = _EPSILON * np.abs(sent[:, : 2 * layout.lines.count]) + 16 * SMALLEST_WAVE
        currents = waves / layout.impedance[: 2 * layout.lines.count]
        return np.asarray(currents.max(axis=1, initial=0.0) / np.where(scale > 0, scale, 1.0))


def _forget_costates(recording: JunctionRecording) -> None:
    """Without a load no costate arises: what currents still flow die away, and only states are judged."""
    recording.lam[:] = 0.0
    recording.costate_residual[:] = 0.0
    if recording.moved is not None:
        recording.moved["lam"][:] = 0.0


def _sent_by_neurons(layout: JunctionLayout, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Events that neurons sent into lines: forward as from port `n`, backward as from port ``N + n``."""
    port = outputs["emitted.i"]
    kept = (layout.at_neuron & (layout.lines_of_port > 0))[port]
    port = port[kept]
    return {
        "port": layout.node[port] + layout.neurons * ~layout.out[port],
        "t": outputs["emitted.t"][kept],
        "amplitude": outputs["emitted.sent"][kept],
    }


def _line_residuals(layout: JunctionLayout, leaving: Floats, arriving: Floats) -> tuple[Floats, Floats]:
    """By how much state and costate differ between the two ends of a neuron's lines, the largest of each; (B, N)."""
    lost = np.abs(leaving - arriving[:, layout.partner])
    lost = lost + lost[:, layout.partner]
    state, costate = np.zeros((2, len(leaving), layout.neurons))
    at = np.flatnonzero(layout.at_neuron & (layout.lines_of_port > 0))
    for sample in range(len(leaving)):
        np.maximum.at(state[sample], layout.node[at], lost[sample, at])
        np.maximum.at(costate[sample], layout.node[at], lost[sample, at] / layout.impedance[at])
    return state, costate


def _at_crossbars(layout: JunctionLayout, scattered: Floats, arriving: Floats) -> Floats:
    """State at the port of every crossbar row, current into the line of every column, by port; (B, P)."""
    found = scattered + arriving
    columns = np.arange(layout.lines.count)
    found[:, columns] = (scattered[:, columns] - arriving[:, columns]) / layout.impedance[columns]
    return found
