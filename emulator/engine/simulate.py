"""Simulating a plan on the target that suits its size, and the arrays that come back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from emulator.engine import runtime
from emulator.engine.cost import expected_cost, suitable_target
from emulator.engine.plan import STEP, Plan, Values
from emulator.errors import EngineError, suggest

TARGETS = ("auto", "numpy", "cython", "standalone")


@dataclass
class Recording:
    """What a simulated plan left behind; B samples, N neurons, T = hold * B steps.

    Parameters
    ----------
    u, v : (B, 2N)
        Outgoing wave and arrived sum of every port at the end of each hold.
    lam, state_residual, costate_residual : (B, N)
        Costate, and the node's residuals ``x - F`` and ``lam - B`` at its last update.
    sent : (B, 2N)
        Events emitted by every port during each hold.
    tap : (B, C) or None
        Tile wiring: amplitude last received at every tap.
    products : (S,) or None
        Synapse wiring: received state times received costate, summed over the ends of the holds.
    moved : dict or None
        ``neuron``, ``step``, ``x``, ``lam`` of every movement the probe saw.
    power : (T,) or None
        Reflected power, summed over the nodes.
    trace_u, trace_lam : (T, 2N), (T, N) or None
    emitted : dict or None
        ``port``, ``step``, ``amplitude`` of every event.
    target : str
        brian2 target that ran.
    times : dict
        Seconds for ``build`` and ``run``.
    rails : (B, 2L) or None
        Two-way lines: what the tail, then the head end of each line sent last, as it was sent.
    """

    u: np.ndarray
    v: np.ndarray
    lam: np.ndarray
    state_residual: np.ndarray
    costate_residual: np.ndarray
    sent: np.ndarray
    tap: np.ndarray | None
    products: np.ndarray | None
    moved: dict[str, np.ndarray] | None
    power: np.ndarray | None
    trace_u: np.ndarray | None
    trace_lam: np.ndarray | None
    emitted: dict[str, np.ndarray] | None
    target: str
    times: dict[str, float] = field(default_factory=dict)
    rails: np.ndarray | None = None


def choose_target(plan: Plan) -> str:
    """The target that suits the size of a plan."""
    return suitable_target(expected_cost(plan.samples, plan.hold, plan.layout.synapses))


def simulate(
    plan: Plan, values: Values, feed: np.ndarray, target: str = "auto", report: runtime.Report | None = None
) -> Recording:
    """Run a plan and collect what it recorded; raises as `execute` does."""
    return _collect(plan, *execute(plan, values, feed, target, report))


def execute(
    plan: Plan, values: Values, feed: np.ndarray, target: str = "auto", report: runtime.Report | None = None
) -> tuple[dict[str, np.ndarray], dict[str, float], str]:
    """Run a plan: recorded arrays by name, seconds spent, and the target that ran.

    Raises
    ------
    EngineError
        For an unknown target, a missing compiler, or a program that fails.
    """
    if target not in TARGETS:
        raise EngineError(f"unknown target {suggest(target, TARGETS)}")
    if target == "auto":
        target = choose_target(plan)
    if target == "standalone":
        from emulator.engine.standalone import program

        outputs, times = program(plan).run(values, feed, report)
    else:
        outputs, times = runtime.run(plan, values, feed, target, report)
    return outputs, times, target


def _collect(plan: Plan, outputs: dict[str, np.ndarray], times: dict[str, float], target: str) -> Recording:
    steps = plan.hold * plan.samples
    end = {name: outputs[f"end.{name}"][1 : plan.samples + 1] for name in ("u", "v", "lam", "rx", "rl")}
    counts = outputs["end.n_sent"][: plan.samples + 1].astype(np.int64)
    moved = emitted = None
    if plan.probe:
        moved = until(
            steps,
            neuron=outputs["moved.i"],
            t=outputs["moved.t"],
            x=outputs["moved.x"],
            lam=outputs["moved.lam"],
        )
    if plan.traces:
        emitted = until(steps, port=outputs["emitted.i"], t=outputs["emitted.t"], amplitude=outputs["emitted.sent"])
    return Recording(
        u=end["u"],
        v=end["v"],
        lam=end["lam"],
        state_residual=end["rx"],
        costate_residual=end["rl"],
        sent=np.diff(counts, axis=0),
        tap=outputs["end.a"][1 : plan.samples + 1] if plan.layout.tile else None,
        products=None if plan.layout.tile else outputs["g"],
        moved=moved,
        power=outputs["power"][:steps, 0] if plan.power else None,
        trace_u=outputs["trace.u"][:steps] if plan.traces else None,
        trace_lam=outputs["trace.lam"][:steps] if plan.traces else None,
        emitted=emitted,
        target=target,
        times=times,
    )


def until(steps: int, t: np.ndarray, **columns: np.ndarray) -> dict[str, np.ndarray]:
    """Event columns with their time in steps, without the one step after the last hold."""
    step = np.rint(t / STEP).astype(np.int64)
    inside = step < steps
    return {"step": step[inside], **{name: column[inside] for name, column in columns.items()}}
