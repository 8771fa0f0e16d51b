"""What a run of Wave-PMP records."""

from __future__ import annotations

from typing import Any

from brian2 import Clock, NeuronGroup, StateMonitor, Synapses

from emulator.engine.entries import watched
from emulator.engine.recorders import Recorded, power_of
from emulator.families.wave_pmp.plan import WavePMPPlan

#: of nodes, at the end of every hold
HELD = ("x", "lam", "s", "mu", "rx", "rl", "up", "down", "a", "m", "c")
TRACED = ("x", "lam", "s", "mu", "a", "c", "up", "down", "rx", "rl")


def monitors_of(
    plan: WavePMPPlan, nodes: NeuronGroup, xbar: Synapses, ports: NeuronGroup, receivers: tuple[NeuronGroup, NeuronGroup], clock: Clock,
    hold: Clock,
) -> Recorded:  # fmt: skip
    """The end of every hold, movements and power."""
    monitors, outputs = watched(plan, nodes, hold)
    if plan.power:
        meters, power = power_of(nodes, clock)
        monitors, outputs = monitors + meters, outputs | power
    for group, names, prefix in (
        (nodes, HELD, "end"), (ports, ("n_sent",), "end"), (receivers[0], ("a",), "end.state"), (receivers[1], ("a",), "end.wave"),
    ):  # fmt: skip
        end = StateMonitor(group, names, record=True, clock=hold, when="start", order=-9, name=f"end_{group.name}")
        outputs |= {f"{prefix}.{name}": end.variables[name] for name in names}
        monitors.append(end)
    if not plan.layout.tile:
        outputs["g"] = xbar.variables["g"]
    return monitors, outputs


def traces_of(plan: WavePMPPlan, nodes: NeuronGroup, xbar: Synapses, clock: Clock) -> Recorded:
    """Everything at every step; of weights and biases that move, those with which the step was made."""
    groups: list[tuple[Any, list[str]]] = [(nodes, [*TRACED])]
    if plan.learning is not None:
        groups = [(nodes, [*TRACED, "bias"]), (xbar, ["w"])]
    monitors: list[Any] = []
    outputs: dict[str, Any] = {}
    for group, names in groups:
        trace = StateMonitor(
            group, names, record=True, clock=clock, when="after_groups", order=1, name=f"trace_{group.name}"
        )
        outputs |= {f"trace.{name}": trace.variables[name] for name in names}
        monitors.append(trace)
    return monitors, outputs
