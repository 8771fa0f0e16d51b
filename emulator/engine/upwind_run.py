"""Running a residual stack under the upwind law, and its recording in the form of any other."""

from __future__ import annotations

import numpy as np

from emulator.engine import runtime
from emulator.engine.layout import Floats, Layout, biases
from emulator.engine.simulate import Recording, execute, until
from emulator.engine.stack import StackPlan, lay_out_stack, stack_values
from emulator.graph import ScatteringGraph
from emulator.laws import Upwind


def run_upwind(
    graph: ScatteringGraph,
    law: Upwind,
    feed: Floats,
    *,
    hold: int,
    loaded: bool,
    threshold: float = 0.0,
    resolution: float = 0.0,
    target: str = "auto",
    traces: bool = False,
    report: runtime.Report | None = None,
) -> tuple[Layout, Recording]:
    """Present `feed` (samples, inputs + outputs), `hold` steps each."""
    layout, stack = lay_out_stack(graph)
    plan = StackPlan(layout, law, graph.loss, hold, len(feed), traces=traces, stack=stack)
    values = stack_values(graph, law, plan, loaded=loaded, threshold=threshold, resolution=resolution)
    return layout, _collect(graph, plan, *execute(plan, values, feed, target, report))


def _collect(
    graph: ScatteringGraph, plan: StackPlan, outputs: dict[str, np.ndarray], times: dict[str, float], target: str
) -> Recording:
    layout, steps = plan.layout, plan.hold * plan.samples
    end = {name: outputs[f"end.{name}"][1 : plan.samples + 1] for name in ("x", "lam", "s", "mu", "rx", "rl")}
    counts = np.hstack([outputs["end.n_up"], outputs["end.n_down"]])[: plan.samples + 1].astype(np.int64)
    waves = np.hstack([end["x"], end["mu"]])
    columns = {name: outputs[f"moved.{name}"] for name in ("t", "x", "lam")}
    traced = plan.traces
    none = np.zeros(0, np.int64)
    return Recording(
        u=waves,
        v=np.hstack([end["lam"], end["s"] - biases(graph)]),
        lam=end["lam"],
        state_residual=end["rx"],
        costate_residual=end["rl"],
        sent=np.diff(counts, axis=0),
        tap=waves[:, layout.tap_port],
        products=None,
        moved=until(steps, neuron=outputs["moved.i"], **columns),
        power=outputs["power"][:steps, 0],
        trace_u=np.hstack([outputs["trace.x"], outputs["trace.mu"]])[:steps] if traced else None,
        trace_lam=outputs["trace.lam"][:steps] if traced else None,
        emitted={"port": none, "step": none, "amplitude": np.zeros(0)} if traced else None,
        target=target,
        times=times,
    )
