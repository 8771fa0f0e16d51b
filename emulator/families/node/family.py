"""What is asked of node laws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from emulator.engine import Fabric, Recording, effects_of
from emulator.engine.effects import CLAIMS, moving
from emulator.engine.kept import MOST_KEPT, Kept
from emulator.engine.plan import Values
from emulator.engine.programming import top_weight
from emulator.families.base import Family
from emulator.families.node.linear_step import NodeStep
from emulator.families.node.objects import build
from emulator.families.node.plan import NodePlan, lay_out
from emulator.families.node.recording import collect
from emulator.families.node.values import values_of
from emulator.graph import ScatteringGraph
from emulator.learning import Learning
from emulator.measure.deviation import Deviation, deviation
from emulator.measure.linear_step import LinearStep
from emulator.measure.passage import Passage, passage_of
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint
from emulator.measure.result import Floats

#: of every plan, the numbers of its last run, and what its lines deliver with them
_passages: Kept[tuple[Values, Passage]] = Kept()


class NodeFamily(Family[NodePlan]):
    """Laws of a neuron's own, on lines of one direction each; the impedance gives their waves power."""

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
    ) -> NodePlan:
        layout, learns = lay_out(graph), learning is not None
        effects = effects_of(graph, layout, seed)
        return NodePlan(
            layout, graph.law, graph.loss, hold, samples, probe=not learns, power=not learns, traces=traces,
            effects=moving(graph, effects) if learns else effects, learning=learning, seed=seed,
        )  # fmt: skip

    def values(
        self,
        graph: ScatteringGraph,
        plan: NodePlan,
        *,
        loaded: bool,
        threshold: float = 0.0,
        resolution: float = 0.0,
        seed: int = 0,
        age: float | None = None,
        weight: Floats | None = None,
    ) -> Values:
        effects = plan.effects if seed == plan.seed else effects_of(graph, plan.layout, seed)
        return values_of(
            graph, plan.layout, effects, loaded=loaded, threshold=threshold, resolution=resolution, seed=seed, age=age,
            w_max=top_weight(plan.learning), weight=weight,
        )  # fmt: skip

    def objects(self, plan: NodePlan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
        return build(plan, feed, rates)

    def collect(
        self, plan: NodePlan, values: Values, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str
    ) -> Recording:
        return collect(plan, outputs, times, target)

    def linearised(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> LinearStep:
        return NodeStep(graph, point)

    def deviation(
        self, graph: ScatteringGraph, plan: NodePlan, values: Values, recording: Recording, feed: Floats, loaded: bool
    ) -> Iterable[Deviation]:
        kept = _passages.get(plan)
        if kept is None or kept[0] is not values:
            weight = np.asarray(values["w"], dtype=np.float64)
            kept = values, passage_of(graph, plan.layout, plan.effects, weight)
            if plan.layout.synapses <= MOST_KEPT:
                _passages.put(plan, kept)
        passage = kept[1]
        return deviation(graph, plan.layout, recording, passage, feed, loaded)


NODE = NodeFamily()
