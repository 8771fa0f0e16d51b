"""The upwind law in brian2: one group of neurons, one set of synapses per level of the branches, whatever the depth.

A step evaluates the branches from the states and costates that the stations hold, level by level up and down again; then
every station sends one wave up and one down, which arrive within the step: one cell per step, that is the law.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, StateMonitor, Synapses
from brian2.core.variables import Variable

from emulator.engine.clocks import STEP, clocks_of
from emulator.engine.entries import judges, watched
from emulator.engine.events import refer
from emulator.engine.expressions import activation_text, node_functions
from emulator.engine.fabric import SCHEDULE, Fabric
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.recorders import MOVED, power_of, terminals_of
from emulator.engine.wiring import constants
from emulator.families.upwind.stack import UpwindPlan

#: what a station sends up and down, held until it has moved by `q`; what it adds to the wave from above
_SEND = """rising = a + int(tip != i)*(x_tip - Z*back1)/2
falling = b
goes_up = int(abs(rising - up) >= q)*int(level == 0)
goes_down = int(abs(falling - down) >= q)*int(level == 0)
up = goes_up*rising + (1 - goes_up)*up
down = goes_down*falling + (1 - goes_down)*down
n_up = n_up + goes_up
n_down = n_down + goes_down
added = (x_tip + Z*back1)/2
"""
_ARRIVE = """x_before = a + b
lam_before = (a - b)/Z
a = int(before != i)*((1 - nu)*a + nu*up_before) + int(before == i)*a
b = int(after != i)*((1 - nu)*b + nu*(down_after - added)) + int(after == i)*b
a = int(before != i)*a + int(before == i)*(ext - b)
b = int(after != i)*b + int(after == i)*((1 - Z*conductance)*a + Z*conductance*ext)/(1 + Z*conductance)
station = int(level == 0)
x = station*(a + b) + (1 - station)*x
lam = station*(a - b)/Z + (1 - station)*lam
s = station*x + (1 - station)*s
mu = station*lam*int(before != i) + (1 - station)*mu
rx = station*(x - x_before)/nu
rl = station*(lam - lam_before)/nu
P = (rx*rx/Z + Z*rl*rl)/4
"""


def build(plan: UpwindPlan, feed: np.ndarray) -> Fabric:
    """Create the brian2 objects of a plan; `feed` is (samples, inputs + outputs)."""
    layout, stack = plan.layout, plan.cells
    levels = len(stack.synapses)
    clock, hold = clocks_of(plan.hold)
    nodes = _nodes(plan, clock)
    objects: list[Any] = [nodes]
    owned: list[tuple[Any, str, str]] = []
    for k, part in enumerate(stack.synapses, 1):
        model = f"w : 1\ninto{k}_post = w*x_pre : 1 (summed)\nback{k}_pre = w*mu_post : 1 (summed)"
        synapses = Synapses(nodes, nodes, model, clock=clock, name=f"level{k}")
        synapses.connect(i=layout.to_costate[part], j=layout.to_state[part] - layout.neurons)
        rising, falling = synapses.summed_updaters[f"into{k}_post"], synapses.summed_updaters[f"back{k}_pre"]
        rising.when = falling.when = "start"
        rising.order, falling.order = 2 * k, 4 * levels - 2 * k + 4
        objects.append(synapses)
        owned.append((synapses, "w", f"w{k}"))
        nodes.run_regularly(_forward(plan, k), clock=clock, when="start", order=2 * k + 1, name=f"forward{k}")
        nodes.run_regularly(
            _backward(k, levels), clock=clock, when="start", order=4 * levels - 2 * k + 3, name=f"backward{k}"
        )
    nodes.run_regularly(_SEND, clock=clock, when="start", order=4 * levels + 4, name="send")
    nodes.run_regularly(_ARRIVE, clock=clock, when="start", order=4 * levels + 5, name="arrive")
    terminals = terminals_of(plan, nodes, feed, clock, hold)
    monitors, outputs = _monitors(plan, nodes, clock, hold)
    network = Network(*objects, terminals, *monitors, heartbeat_of(plan.steps * STEP, hold))
    network.schedule = SCHEDULE
    names = ("bias", "slope", "Z", "nu", "conductance", "q", "resolution")
    owned += [(nodes, name, name) for name in names]
    inputs = {key: owner.variables[name] for owner, name, key in owned}
    return Fabric(network, inputs, outputs, objects[1])


def _nodes(plan: UpwindPlan, clock: Clock) -> NeuronGroup:
    stack = plan.cells
    levels = range(1, len(stack.synapses) + 1)
    names = ["x", "lam", "s", "mu", "a", "b", "up", "down", "added", "ext", "seen_x", "seen_lam", "rx", "rl", "P", "D"]
    names += [f"{name}{k}" for k in levels for name in ("into", "back")]
    equations = "".join(f"{name} : 1\n" for name in names)
    indices = ("level", "before", "after", "tip", "above", "act")
    equations += "".join(f"{name} : integer (constant)\n" for name in indices)
    equations += "n_up : integer\nn_down : integer\n" + constants(("bias", "slope"))
    equations += constants((), ("Z", "nu", "conductance", "q", "resolution"))
    nodes = NeuronGroup(
        plan.layout.neurons, equations, events={"moved": MOVED}, namespace=node_functions(), clock=clock,
        name="nodes",
    )  # fmt: skip
    for name in indices[:-1]:
        setattr(nodes, name, getattr(stack, name))
    nodes.act = plan.activation
    for name, variable, index in (
        ("x_tip", "x", "tip"), ("lam_above", "lam", "above"), ("up_before", "up", "before"),
        ("down_after", "down", "after"),
    ):  # fmt: skip
        refer(nodes, name, nodes, variable, index=index)
    return nodes


def _forward(plan: UpwindPlan, level: int) -> str:
    """States of the branches at a level, from what arrived there."""

    def select(which: int) -> str:
        parts = [f"int(act == {k})*({activation_text(n, which)})" for k, n in enumerate(plan.used) if n != "source"]
        return " + ".join(parts)

    return f"""here = int(level == {level})
s = here*(into{level} + bias) + (1 - here)*s
F = {select(0)}
x = here*F + (1 - here)*x
D = here*({select(1)}) + (1 - here)*D
"""


def _backward(level: int, levels: int) -> str:
    """Costates of the branches at a level: from the station that a tip adds to, from the level above elsewhere."""
    deeper = f"back{level + 1}" if level < levels else "0*lam"
    return f"""here = int(level == {level})
lam = here*(int(above != i)*lam_above + int(above == i)*{deeper}) + (1 - here)*lam
mu = here*D*lam + (1 - here)*mu
"""


def _monitors(plan: UpwindPlan, nodes: NeuronGroup, clock: Clock, hold: Clock) -> tuple[list[Any], dict[str, Variable]]:
    """What is recorded: the end of every hold, movements and power; traces on request."""
    names = ["x", "lam", "s", "mu", "n_up", "n_down"] + ["rx", "rl"] * (not judges(plan))
    end = StateMonitor(nodes, names, record=True, clock=hold, when="start", order=-9, name="end_nodes")
    outputs = {f"end.{name}": end.variables[name] for name in names}
    moved, seen = watched(plan, nodes, hold)
    meter, power = power_of(nodes, clock)
    monitors: list[Any] = [end, *moved, *meter]
    outputs |= seen | power
    if plan.traces:
        traced = ["x", "lam", "mu"]
        trace = StateMonitor(nodes, traced, record=True, clock=clock, when="after_groups", order=1, name="trace_nodes")
        outputs |= {f"trace.{name}": trace.variables[name] for name in traced}
        monitors.append(trace)
    return monitors, outputs
