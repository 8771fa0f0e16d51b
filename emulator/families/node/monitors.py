"""What a run records."""

from __future__ import annotations

from typing import Any

from brian2 import Clock, EventMonitor, StateMonitor
from brian2.core.variables import Variable

from emulator.engine.entries import judges, watched
from emulator.engine.plan import Plan
from emulator.engine.recorders import power_of


def monitors_of(
    plan: Plan, by_name: dict[str, Any], clock: Clock, hold: Clock
) -> tuple[list[Any], dict[str, Variable]]:
    """What is recorded: the end of every hold; movements, power and traces on request."""
    ports, nodes = by_name["ports"], by_name["nodes"]
    at_end = {"clock": hold, "when": "start", "order": -9}
    if plan.learning is not None:
        answers = StateMonitor(ports, "u", record=plan.layout.outputs, name="end_ports", **at_end)
        return [answers], {"end.outputs": answers.variables["u"], "n_sent": ports.variables["n_sent"]}
    kept = ["lam"] if plan.probe and judges(plan) else ["lam", "rx", "rl"]
    snapshots = [
        (
            ports,
            ["u", "v", "n_sent"],
            StateMonitor(ports, ["u", "v", "n_sent"], record=True, name="end_ports", **at_end),
        ),
        (
            nodes,
            kept,
            StateMonitor(nodes, kept, record=True, name="end_nodes", **at_end),
        ),
    ]
    if plan.layout.tile:
        taps = by_name["taps"]
        snapshots.append((taps, ["a"], StateMonitor(taps, ["a"], record=True, name="end_taps", **at_end)))
    outputs = {f"end.{name}": mon.variables[name] for _, names, mon in snapshots for name in names}
    monitors: list[Any] = [mon for _, _, mon in snapshots]
    if not plan.layout.tile:
        outputs["g"] = by_name["xbar"].variables["g"]
    if plan.probe:
        moved, seen = watched(plan, nodes, hold)
        monitors, outputs = monitors + moved, outputs | seen
    if plan.power:
        meter, power = power_of(nodes, clock)
        monitors, outputs = monitors + meter, outputs | power
    if plan.traces:
        waves = StateMonitor(ports, "u", record=True, clock=clock, when="after_groups", order=1, name="trace_ports")
        costates = StateMonitor(
            nodes, "lam", record=True, clock=clock, when="after_groups", order=1, name="trace_nodes"
        )
        emitted = EventMonitor(ports, "emit", variables=["sent"], when="after_latch", order=1, name="emissions")
        outputs |= {"trace.u": waves.variables["u"], "trace.lam": costates.variables["lam"]}
        outputs |= {f"emitted.{name}": emitted.variables[name] for name in ("i", "t", "sent")}
        monitors += [waves, costates, emitted]
    return monitors, outputs
