"""What is asked of the wave-pmp law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from emulator.engine import Fabric, Layout, Recording
from emulator.engine.effects import CLAIMS
from emulator.engine.plan import Values
from emulator.families.base import Family
from emulator.families.wave_pmp.deviation import data_and_targets, deviation_of
from emulator.families.wave_pmp.linear_step import WavePMPStep
from emulator.families.wave_pmp.metric import carried
from emulator.families.wave_pmp.noise import noise_around
from emulator.families.wave_pmp.objects import build
from emulator.families.wave_pmp.plan import WavePMPPlan, plan_of, values_of
from emulator.families.wave_pmp.power import energy_balance
from emulator.families.wave_pmp.recording import WavePMPRecording, collect
from emulator.families.wave_pmp.rest import bias_of, law_of, numbers_sent, rest_near
from emulator.graph import ScatteringGraph
from emulator.laws.wave_pmp import Calibrated
from emulator.learning import Learning
from emulator.measure.bias import Bias
from emulator.measure.deviation import Deviation
from emulator.measure.fields import Fields
from emulator.measure.linear_step import LinearStep
from emulator.measure.noise_floor import Disturbance, noise_of_sums
from emulator.measure.power import PowerAccount
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, exact_point
from emulator.measure.result import Floats, SettleResult


class WavePMPFamily(Family[WavePMPPlan]):
    """Waves that are transported whole, and sink the residuals; it rests at its own rest."""

    patience = 60
    claims = CLAIMS

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
        return values_of(
            graph, plan, loaded=loaded, threshold=threshold, resolution=resolution, seed=seed, age=age, weight=weight
        )

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
    ) -> Iterable[Deviation]:
        assert isinstance(recording, WavePMPRecording)
        return (deviation_of(graph, plan, values, recording, feed, loaded),)

    def noise(self, graph: ScatteringGraph, layout: Layout, held: Fields, by: Disturbance, feed: Floats) -> Fields:
        """That of waves which go round; that of a single pass where it would grow for ever."""
        loaded = bool(np.any(held.lam))
        found = noise_around(graph, held, data_and_targets(graph, layout, feed), by, loaded)
        return noise_of_sums(graph, layout, held, by) if found is None else found

    def sent(self, graph: ScatteringGraph, reference: Reference) -> tuple[Floats, Floats]:
        """States and waves, of its own rest."""
        return numbers_sent(graph, reference)

    def calibrated(self, graph: ScatteringGraph, inputs: Any) -> ScatteringGraph:
        """With the metric carried at the rest of the first samples."""
        law = law_of(graph)
        metric = carried(graph, inputs, law.form, law.floor)
        return replace(graph, law=replace(law, metric=Calibrated(metric)))

    def bias(self, graph: ScatteringGraph, reference: Reference) -> Bias | None:
        """That of its own rest, if waves are transported."""
        return bias_of(graph, reference) if law_of(graph).biased and reference.costates else None

    def held_back(self, graph: ScatteringGraph, rest: Fields, q: float, loaded: bool) -> Fields | None:
        """Nothing bounds it: what ports hold back is transported on."""
        return None

    def power_account(self, result: SettleResult) -> PowerAccount | None:
        """Theorem 2.6 in its discrete form, where lines take one step as in the paper."""
        if result.waves is None or result.graph.longest_delay > 1:
            return None
        return energy_balance(result).account()


WAVE_PMP = WavePMPFamily()
