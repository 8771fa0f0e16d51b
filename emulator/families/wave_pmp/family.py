"""What is asked of the wave-pmp law."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emulator.engine import Fabric, Recording
from emulator.engine.plan import Values
from emulator.families.base import Family
from emulator.families.wave_pmp.equations import Equations, solve
from emulator.families.wave_pmp.linear_step import WavePMPStep
from emulator.families.wave_pmp.objects import build
from emulator.families.wave_pmp.plan import WavePMPPlan, plan_of, values_of
from emulator.families.wave_pmp.recording import WavePMPRecording, collect
from emulator.families.wave_pmp.rest import bias_of, law_of, rest_near
from emulator.graph import ScatteringGraph
from emulator.learning import Learning
from emulator.measure.bias import Bias
from emulator.measure.deviation import EPSILON, Deviation, Fields
from emulator.measure.linear_step import LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, exact_point
from emulator.measure.result import Floats

#: round-offs of the terms of a step that a rest may be off by
_ROUNDINGS = 64


class WavePMPFamily(Family[WavePMPPlan]):
    """Waves that are transported whole, and sink the residuals; it rests at its own rest."""

    patience = 60

    def plan(
        self,
        graph: ScatteringGraph,
        hold: int,
        samples: int,
        *,
        seed: int = 0,
        traces: bool = False,
        learning: Learning | None = None,
    ) -> WavePMPPlan:
        return plan_of(graph, law_of(graph), hold, samples, seed, traces, learning)

    def values(
        self,
        graph: ScatteringGraph,
        plan: WavePMPPlan,
        *,
        loaded: bool,
        threshold: float = 0.0,
        resolution: float = 0.0,
        seed: int = 0,
        age: float | None = None,
        weight: Floats | None = None,
    ) -> Values:
        return values_of(graph, plan, loaded=loaded, threshold=threshold, resolution=resolution, age=age, weight=weight)

    def objects(self, plan: WavePMPPlan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
        return build(plan, feed, rates)

    def collect(
        self, plan: WavePMPPlan, values: Values, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str
    ) -> Recording:
        return collect(plan, values, outputs, times, target)

    def linearised(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> LinearStep:
        return WavePMPStep(graph, point)

    def rest(self, graph: ScatteringGraph, reference: Reference, sample: int = 0) -> OperatingPoint:
        """Its own rest, from the stationary equations; backpropagation where none is found near."""
        exact = exact_point(graph, reference, sample)
        own = rest_near(graph, exact)[0]
        return own if own.found else exact

    def deviation(
        self,
        graph: ScatteringGraph,
        plan: WavePMPPlan,
        values: Values,
        recording: Recording,
        feed: Floats,
        loaded: bool,
    ) -> tuple[Deviation, ...]:
        """The distance from its own rest: from what is held to the root of the stationary equations next to it."""
        assert isinstance(recording, WavePMPRecording)
        count, layout = graph.neurons, plan.layout
        equations = Equations(graph, law_of(graph), np.asarray(values["bias"]), loaded)
        held = Fields(
            recording.v[:, count:] + values["bias"], recording.u[:, :count], recording.lam, recording.u[:, count:]
        )
        off = Fields(*(np.full_like(held.x, np.inf) for _ in range(4)))
        rounding = Fields(*(np.zeros_like(held.x) for _ in range(4)))
        weight = abs(equations.maps["up"])
        ext = np.zeros((len(feed), count))
        ext[:, layout.inputs] = feed[:, : len(layout.inputs)]
        ext[:, layout.outputs] = feed[:, len(layout.inputs) :]
        with np.errstate(all="ignore"):
            for k, left in enumerate(recording.left):
                point, found = solve(equations, left, ext[k]) if np.isfinite(left).all() else (None, False)
                if point is None or not found:
                    continue
                least = _ROUNDINGS * EPSILON * np.abs(left).max()
                current = abs(equations.links.mass) @ np.full(count, least)
                flow = np.full(count, least)
                parts: list[tuple[str, Floats, Floats]] = [("s", point.s, weight @ flow), ("x", point.x, flow)]
                parts += [("lam", point.lam, current), ("mu", point.mu, current)] if loaded else []
                for name, rest, error in parts:
                    getattr(off, name)[k] = getattr(held, name)[k] - rest
                    getattr(rounding, name)[k] = error
                if not loaded:
                    off.lam[k] = off.mu[k] = 0.0
        terms = np.abs(held.x[:, layout.outputs]) + np.abs(ext[:, layout.outputs])
        return (Deviation(held, off, rounding, loaded * terms.max(axis=1)),)

    def bias(self, graph: ScatteringGraph, reference: Reference) -> Bias | None:
        """That of its own rest, if waves are transported."""
        return bias_of(graph, reference) if law_of(graph).biased and reference.costates else None

    def held_back(self, graph: ScatteringGraph, rest: Fields, q: float, loaded: bool) -> Fields | None:
        """Nothing bounds it: what ports hold back is transported on."""
        return None


WAVE_PMP = WavePMPFamily()
