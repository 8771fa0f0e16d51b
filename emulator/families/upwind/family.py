"""What is asked of the upwind law."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emulator.engine import Fabric, Recording
from emulator.engine.plan import Values
from emulator.errors import EngineError
from emulator.families.base import Family
from emulator.families.upwind.linear_step import UpwindStep
from emulator.families.upwind.objects import build
from emulator.families.upwind.recording import collect
from emulator.families.upwind.stack import UpwindPlan, impedances, law_of, lay_out_stack, stack_values
from emulator.graph import ScatteringGraph
from emulator.learning import Learning
from emulator.measure.linear_step import LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint
from emulator.measure.result import Floats


class UpwindFamily(Family[UpwindPlan]):
    """Chains of cells on ideal hardware, one step per cell."""

    patience = 40

    def plan(
        self,
        graph: ScatteringGraph,
        hold: int,
        samples: int,
        *,
        seed: int = 0,
        traces: bool = False,
        learning: Learning | None = None,
    ) -> UpwindPlan:
        if learning is not None:
            raise EngineError(
                f"law {graph.law.name} does not learn on the substrate; allowed: matched, worldsheet, bilateral, or a node law"
            )
        layout, stack = lay_out_stack(graph)
        return UpwindPlan(layout, graph.law, graph.loss, hold, samples, traces=traces, seed=seed, stack=stack)

    def values(
        self,
        graph: ScatteringGraph,
        plan: UpwindPlan,
        *,
        loaded: bool,
        threshold: float = 0.0,
        resolution: float = 0.0,
        seed: int = 0,
        age: float | None = None,
        weight: Floats | None = None,
    ) -> Values:
        return stack_values(graph, plan, loaded=loaded, threshold=threshold, resolution=resolution)

    def objects(self, plan: UpwindPlan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
        return build(plan, feed)

    def collect(
        self, plan: UpwindPlan, values: Values, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str
    ) -> Recording:
        return collect(plan, values, outputs, times, target)

    def impedance_range(self, graph: ScatteringGraph) -> float:
        z = impedances(law_of(graph), graph.cells)
        return float(z.max() / z.min())

    def linearised(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> LinearStep:
        return UpwindStep(graph, point)


UPWIND = UpwindFamily()
