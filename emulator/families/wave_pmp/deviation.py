"""How far a substrate is from its own rest: from what it holds to the root of its stationary equations next to it.

They are the equations of this very substrate: with the weights that it has (as they were read for the sample), what its
lines do, the levels that its ports are at, and, where events get lost, what its receivers still have of older ones.
"""

from __future__ import annotations

import numpy as np

from emulator.engine.layout import Layout, biases
from emulator.engine.plan import Values
from emulator.engine.reading import as_read
from emulator.families.wave_pmp.equations import CARRIES, Equations, Point
from emulator.families.wave_pmp.links import links_of
from emulator.families.wave_pmp.newton import solve_levels
from emulator.families.wave_pmp.plan import WavePMPPlan
from emulator.families.wave_pmp.recording import WavePMPRecording
from emulator.families.wave_pmp.rest import law_of
from emulator.families.wave_pmp.sending import NUMBERS
from emulator.graph import ScatteringGraph
from emulator.measure.deviation import Deviation
from emulator.measure.fields import Fields
from emulator.measure.result import Floats
from emulator.measure.roundoff import EPSILON, Rounding

#: round-offs of the terms of a step that a rest may be off by
_ROUNDINGS = 64


def deviation_of(
    graph: ScatteringGraph, plan: WavePMPPlan, values: Values, recording: WavePMPRecording, feed: Floats, loaded: bool
) -> Deviation:
    """The distance from its own rest; infinite where none is found."""
    count, layout = graph.neurons, plan.layout
    held = Fields(recording.v[:, count:] + biases(graph), recording.u[:, :count], recording.lam, recording.u[:, count:])
    off = Fields(*(np.full_like(held.x, np.inf) for _ in range(4)))
    rounding = Fields(*(np.zeros_like(held.x) for _ in range(4)))
    ext = data_and_targets(graph, layout, feed)
    equations = None
    with np.errstate(all="ignore"):
        for k, left in enumerate(recording.left):
            if equations is None or plan.effects.read_noise:
                equations = _equations(graph, plan, values, loaded, k)
            point, found = _rest(equations, plan, recording, k, ext[k]) if np.isfinite(left).all() else (None, False)
            if point is None or not found:
                continue
            least = _ROUNDINGS * EPSILON * np.abs(left).max()
            current = abs(equations.links.mass) @ np.full(count, least)
            flow = np.full(count, least)
            parts: list[tuple[str, Floats, Floats]] = [("s", point.s, abs(equations.maps["up"]) @ flow)]
            parts += [("x", point.x, flow)]
            parts += [("lam", point.lam, current), ("mu", point.mu, current)] if loaded else []
            for name, rest, error in parts:
                getattr(off, name)[k] = getattr(held, name)[k] - rest
                getattr(rounding, name)[k] = error
            if not loaded:
                off.lam[k] = off.mu[k] = 0.0
    terms = np.abs(held.x[:, layout.outputs]) + np.abs(ext[:, layout.outputs])
    return Deviation(held, off, Rounding(lambda: rounding), loaded * terms.max(axis=1))


def data_and_targets(graph: ScatteringGraph, layout: Layout, feed: Floats) -> Floats:
    """Of every neuron, (B, N), 0 where there is neither; `feed` is (B, inputs + outputs)."""
    ext = np.zeros((len(feed), graph.neurons))
    ext[:, layout.inputs] = feed[:, : len(layout.inputs)]
    ext[:, layout.outputs] = feed[:, len(layout.inputs) :]
    return ext


def _equations(graph: ScatteringGraph, plan: WavePMPPlan, values: Values, loaded: bool, sample: int) -> Equations:
    """Those of the weights with which a sample was presented."""
    layout, weight = plan.layout, np.asarray(values["w"], dtype=np.float64)
    if plan.effects.read_noise:  # the very draws of the run
        weight = as_read(values, layout.row, layout.column, len(layout.tap_port), sample * plan.hold)
    links = links_of(graph, law_of(graph), layout, plan.effects, weight)
    return Equations(graph, law_of(graph), np.asarray(values["bias"]), loaded, links, plan.effects)


def _rest(
    equations: Equations, plan: WavePMPPlan, recording: WavePMPRecording, sample: int, ext: Floats
) -> tuple[Point, bool]:
    """The rest next to what is held at the end of a sample."""
    sending, links = equations.sending, equations.links
    numbers = {name: recording.numbers[name][sample] for name in NUMBERS}
    sending.errors = {name: sending.error(name, wave) for name, wave in numbers.items()} if sending.rounds else {}
    if plan.effects.drops:
        for name, what in CARRIES.items():
            came = recording.held["state" if what in ("x", "mu") else "wave"][sample]
            missed = came - links.heard.offset - links.sent(name, 1) @ sending.sent(what, numbers[what])
            equations.offsets[name] = links.offsets[name] + links.at[name] @ missed
    return solve_levels(equations, recording.left[sample], ext)
