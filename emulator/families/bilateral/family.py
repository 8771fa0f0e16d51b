"""What is asked of the bilateral law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

from emulator.engine import Fabric, Layout, Recording, WaveTraces
from emulator.engine.effects import moving
from emulator.engine.plan import Values
from emulator.engine.reading import as_read
from emulator.errors import EngineError
from emulator.families.base import Family
from emulator.families.bilateral.answers import foreseen, largest_margin
from emulator.families.bilateral.bias import bias_of, own_deviation, own_rest
from emulator.families.bilateral.carriage import carriage_of
from emulator.families.bilateral.charge import charges_of
from emulator.families.bilateral.effects import bilateral_effects
from emulator.families.bilateral.held import as_held
from emulator.families.bilateral.layout import lay_out
from emulator.families.bilateral.lines import law_of, thermal_noise
from emulator.families.bilateral.noise import wave_noise
from emulator.families.bilateral.objects import build
from emulator.families.bilateral.plan import BilateralPlan, bilateral_values
from emulator.families.bilateral.power import power_balance
from emulator.families.bilateral.recording import BilateralRecording, collect
from emulator.families.bilateral.reflections import reflections
from emulator.families.bilateral.rounding import line_rounding
from emulator.families.bilateral.scattering import BilateralStep, swap_test
from emulator.graph import ScatteringGraph
from emulator.learning import Learning
from emulator.measure.bias import Bias
from emulator.measure.deviation import Deviation, deviation
from emulator.measure.fields import Fields
from emulator.measure.linear_step import LinearStep
from emulator.measure.noise_floor import Disturbance
from emulator.measure.passage import plain_passage
from emulator.measure.power import PowerBalance
from emulator.measure.reference import Reference
from emulator.measure.reflections import Reflections
from emulator.measure.rest import OperatingPoint
from emulator.measure.result import Floats

#: ports up to which the bound on the bandwidth is computed, and the share of it that is tried
_MOST_PORTS, _BELOW = 600, 0.9


class BilateralFamily(Family[BilateralPlan]):
    """Two-way lines between junctions: what reaches a port is answered by what leaves it."""

    claims = (
        "lines.impedance", "lines.impedance_tolerance", "lines.bandwidth", "lines.attenuation_", "lines.loss_per_length",
        "lines.temperature", "lines.crosstalk", "noise.receiver", "noise.gain_", "noise.offset_", "precision.", "faults.",
        "weights.g_", "weights.levels", "weights.differential", "weights.programming", "weights.read_noise", "weights.drift",
        "weights.stuck_", "weights.update", "weights.fitted_",
    )  # fmt: skip
    reasons = MappingProxyType(
        {
            "lines.jitter": "a two-way line carries its waves in order, one at every step: a wave that is late makes all after "
            "it late, which is a longer line",
            "noise.node": "a junction of two-way lines is passive, and has no driver that could be noisy",
            "noise.flicker": "a junction of two-way lines is passive, and has no driver that could be noisy",
        }
    )
    patience = 60
    tells = True
    circuits = ("bilateral",)

    def plan(
        self,
        graph: ScatteringGraph,
        hold: int,
        samples: int,
        *,
        seed: int = 0,
        traces: bool = False,
        learning: Learning | None = None,
    ) -> BilateralPlan:
        layout, learns = lay_out(graph), learning is not None
        carriage = carriage_of(layout)
        effects = bilateral_effects(graph, layout, carriage, seed)
        return BilateralPlan(
            layout, law_of(graph), graph.loss, hold, samples, probe=not learns, power=not learns, traces=traces,
            effects=moving(graph, effects) if learns else effects, learning=learning, seed=seed, carriage=carriage,
        )  # fmt: skip

    def values(
        self,
        graph: ScatteringGraph,
        plan: BilateralPlan,
        *,
        loaded: bool,
        threshold: float = 0.0,
        resolution: float = 0.0,
        seed: int = 0,
        age: float | None = None,
        weight: Floats | None = None,
    ) -> Values:
        effects = plan.effects if seed == plan.seed else bilateral_effects(graph, plan.layout, plan.carries, seed)
        return bilateral_values(
            graph, plan, effects, loaded=loaded, threshold=threshold, resolution=resolution, age=age
        )

    def objects(self, plan: BilateralPlan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
        return build(plan, feed, rates)

    def collect(
        self,
        plan: BilateralPlan,
        values: Values,
        outputs: Mapping[str, np.ndarray],
        times: dict[str, float],
        target: str,
    ) -> BilateralRecording:
        return collect(plan, values, outputs, times, target)

    def impedance_range(self, graph: ScatteringGraph) -> float:
        found = [bundle.impedance for bundle in graph.bundles if bundle.is_line and bundle.impedance]
        return max(found) / min(found) if found else 1.0

    def linearised(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> LinearStep:
        return BilateralStep(as_held(graph), point)

    def rest(self, graph: ScatteringGraph, reference: Reference, sample: int = 0) -> OperatingPoint:
        """Its own rest where lines change what they carry; backpropagation where none is found near."""
        return own_rest(as_held(graph), reference, sample)

    def bias(self, graph: ScatteringGraph, reference: Reference) -> Bias | None:
        """That of its own rest, where lines change what they carry."""
        return bias_of(as_held(graph), reference)

    def deviation(
        self,
        graph: ScatteringGraph,
        plan: BilateralPlan,
        values: Values,
        recording: Recording,
        feed: Floats,
        loaded: bool,
    ) -> Iterable[Deviation]:
        assert isinstance(recording, BilateralRecording)
        if not plan.effects.read_noise:
            return _deviation(as_held(graph, np.asarray(values["w"])), plan, recording, feed, loaded)
        bars = plan.layout.crossbars
        return chain.from_iterable(
            _deviation(
                as_held(graph, as_read(values, bars.row, bars.column, len(bars.column_tap), k * plan.hold)), plan,
                recording.only(slice(k, k + 1), plan.hold), feed[k : k + 1], loaded,
            )
            for k in range(len(feed))
        )  # fmt: skip

    def noise(self, graph: ScatteringGraph, layout: Layout, held: Fields, by: Disturbance, feed: Floats) -> Fields:
        """Those of pre-activations and their costates are as large as those at the lines' other ends allow."""
        values = zip(held.x, held.s, held.lam, strict=True)
        chip, (backward, forward) = as_held(graph), np.split(by.thermal, 2)
        variances = (by.forward + forward, by.backward + backward)
        found = [wave_noise(chip, OperatingPoint(*point), variances) for point in values]
        state, costate = (np.array([one[k] for one in found]) for k in (0, 1))
        unknown = np.full(held.x.shape, np.inf)
        return Fields(unknown, state, costate, unknown)

    def thermal(self, graph: ScatteringGraph) -> Floats:
        """Of lines alone, (2L,): terminations are at 0 K."""
        return thermal_noise(graph)

    def held_back(self, graph: ScatteringGraph, rest: Fields, q: float, loaded: bool) -> None:
        """Nothing bounds it, since it echoes."""

    def margin(self, graph: ScatteringGraph, points: Sequence[OperatingPoint]) -> float:
        return largest_margin(graph, points)

    def charges(self, graph: ScatteringGraph) -> tuple[Floats, Floats]:
        return charges_of(graph)

    def foreseen(self, graph: ScatteringGraph, point: OperatingPoint) -> str | None:
        return foreseen(graph, point)

    def changes(self, graph: ScatteringGraph, point: OperatingPoint) -> dict[str, Sequence[Any]]:
        """What the law proposes; for lines of one step without terminations also the bound on their bandwidth."""
        changes = super().changes(graph, point)
        if 4 * graph.neurons <= _MOST_PORTS:
            try:
                bound = float(f"{_BELOW * swap_test(as_held(graph), point).bound:.3g}")
            except EngineError:
                return changes
            if 0 < bound < law_of(graph).bandwidth:
                changes["bandwidth"] = sorted({bound, *changes["bandwidth"]}, reverse=True)
        return changes

    def power_balance(self, graph: ScatteringGraph, waves: WaveTraces) -> PowerBalance:
        return power_balance(graph, waves)

    def reflections(self, graph: ScatteringGraph, waves: WaveTraces, part: slice) -> Reflections:
        return reflections(graph, waves, part)


def _deviation(
    held: ScatteringGraph, plan: BilateralPlan, recording: BilateralRecording, feed: Floats, loaded: bool
) -> Iterable[Deviation]:
    """The distance from rest of samples on crossbars with the weights that `held` has."""
    rounded, carriage, lost = recording.rounded, plan.carries, recording.missed
    if not carriage.ideal or lost is not None:
        more = None if rounded is None else -(carriage.through @ rounded.T).T
        if lost is not None:
            more = (0.0 if more is None else more) + carriage.mix.diagonal() * lost
        return (own_deviation(held, plan.layout, recording, feed, loaded, more),)
    allowed = None if rounded is None else line_rounding(held, plan.layout, rounded)
    return deviation(held, plan.layout, recording, plain_passage(held), feed, loaded, allowed)


BILATERAL = BilateralFamily()
