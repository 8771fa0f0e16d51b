"""Substrates whose parameters move: the plan and the numbers, whatever the law."""

from __future__ import annotations

from dataclasses import replace

from emulator.engine.effects import Effects, effects_of
from emulator.engine.junction_effects import junction_effects
from emulator.engine.junction_layout import lay_out_junctions
from emulator.engine.junction_plan import JunctionPlan, junction_values
from emulator.engine.layout import Floats, lay_out
from emulator.engine.plan import Plan
from emulator.engine.values import values_of
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral, Upwind
from emulator.learning import Device, Learning
from emulator.learning.device_code import read_noise_code


def plastic_plan(graph: ScatteringGraph, learning: Learning, hold: int, samples: int, seed: int) -> Plan:
    """A plan for samples that the parameters learn from; it records outputs and port powers only.

    Raises
    ------
    EngineError
        If the substrate of this law cannot learn.
    """
    law, loss = graph.law, graph.loss
    quiet = {"probe": False, "power": False}
    if isinstance(law, Bilateral):
        layout = lay_out_junctions(graph, law, learns=True)
        effects = junction_effects(graph, layout, seed, written=learning.port.devices)
        return JunctionPlan(layout, law, loss, hold, samples, **quiet, effects=effects, learning=learning)
    if isinstance(law, Upwind):
        raise EngineError(
            f"law {law.name} does not learn on the substrate; allowed: matched, worldsheet, bilateral, or a node law"
        )
    flat = lay_out(graph)
    effects = _moving(graph, effects_of(graph, flat, seed))
    return Plan(flat, law, loss, hold, samples, **quiet, effects=effects, learning=learning)


def plastic_values(
    graph: ScatteringGraph,
    plan: Plan,
    *,
    loaded: bool,
    threshold: float,
    seed: int,
    weight: Floats | None = None,
) -> dict[str, Floats | float]:
    """Everything but the data, the rates and the port's numbers.

    `seed` is that of the effects' random draws, and `weight` (S,) are weights that have moved, if they have.
    """
    w_max = top_weight(plan.learning)
    if isinstance(plan, JunctionPlan) and isinstance(graph.law, Bilateral):
        written = plan.learning is not None and plan.learning.port.devices
        effects = junction_effects(graph, plan.layout, seed, written=written)
        return junction_values(graph, graph.law, plan.layout, effects, loaded=loaded, threshold=threshold, w_max=w_max)
    effects = effects_of(graph, plan.layout, seed)
    return values_of(
        graph, plan.layout, effects, loaded=loaded, threshold=threshold, seed=seed, w_max=w_max, weight=weight
    )


def top_weight(learning: Learning | None) -> float | None:
    """Weight of a device at `g_max`: the port's if it writes devices; None for that of the largest in its layer."""
    return learning.port.w_max if learning is not None and isinstance(learning.port, Device) else None


def _moving(graph: ScatteringGraph, effects: Effects) -> Effects:
    """Effects that follow the weights as they move: what is read with noise is the weight as it then is."""
    law = graph.hardware.weights
    if law.read_noise is None:
        return effects
    sigma = f"int(plastic)*{read_noise_code(law, 'w', 'w_top')}"
    return replace(effects, read_sigma=sigma, read_variable="w_top")
