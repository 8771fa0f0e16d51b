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
from emulator.engine.entries import watched
from emulator.engine.events import refer
from emulator.engine.expressions import node_functions, selected
from emulator.engine.fabric import SCHEDULE, Fabric
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.recorders import MOVED, power_of, terminals_of
from emulator.engine.wiring import constants
from emulator.families.upwind.stack import UpwindPlan
from emulator.families.wave_pmp.load import load_object

#: what the cells read of stations: states and costates as they are on wires; elsewhere as sent last, when moved by `q`, as in branches
_READ = """held = int(level == 0)
goes_up = held*int(after == i)*int(not (abs(x - y) < q))
goes_down = held*int(before == i)*int(not (abs(lam - l) < q))
y = either(int(goes_up + int(after != i) > 0), x, y)
l = either(int(goes_down + int(before != i) > 0), lam, l)
n_up = n_up + goes_up
n_down = n_down + goes_down
"""
#: the waves that wires carry, likewise
_SEND = """B = {pulled} + shunt*x
rising = a + (F_after - Z*B)/2
falling = b
goes_up = int(level == 0)*int(after != i)*int(not (abs(rising - up) < q))
goes_down = int(level == 0)*int(before != i)*int(not (abs(falling - down) < q))
up = either(goes_up, rising, up)
down = either(goes_down, falling, down)
n_up = n_up + goes_up
n_down = n_down + goes_down
"""
_ARRIVE = """rises = either(int(before != i), up_before + (Z - Z_before)*lam/2, (F + Z*lam)/2)
kept = Z*M_after
falls = either(int(after != i), kept*(down_after - F_after/2) + ((1 - kept)*x - Z*B)/2, (x - Z*B)/2)
b = either(ends, b, (1 - nu)*b + nu*falls)
a = either(int(rank == 0), ext - b, (1 - nu)*a + nu*rises)
"""
#: what the load answers: its state `ended` agrees with its own answer
_ENDED = {
    "mse": "ended = (2*a + Z*load*ext)/(1 + Z*(load + shunt))\n",
    "softmax_cross_entropy": "",
}
_ANSWER = """b = either(ends, ended - a, b)
rx = either(int(level == 0), (a + b - x)/nu, 0.0)
rl = either(int(level == 0), ((a - b)*M - lam)/nu, 0.0)
x = either(int(level == 0), a + b, x)
lam = either(int(level == 0), (a - b)*M, lam)
s = either(int(level == 0)*int(before != i or rank == 0), x, s)
mu = either(int(level == 0), int(rank != 0)*D*lam, mu)
P = (rx*rx*M + Z*rl*rl)/4
"""


def build(plan: UpwindPlan, feed: np.ndarray) -> Fabric:
    """Create the brian2 objects of a plan; `feed` is (samples, inputs + outputs)."""
    layout, stack = plan.layout, plan.cells
    levels = len(stack.synapses)
    clock, hold = clocks_of(plan.hold)
    nodes = _nodes(plan, clock)
    objects: list[Any] = [nodes]
    owned: list[tuple[Any, str, str]] = []
    nodes.run_regularly(_READ, clock=clock, when="start", order=1, name="read")
    for k, part in enumerate(stack.synapses, 1):
        model = f"w : 1\ninto{k}_post = w*y_pre : 1 (summed)\nback{k}_pre = w*mu_post : 1 (summed)"
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
    pulled = " + ".join(f"back{k}" for k in range(1, levels + 1))
    blocks = _SEND.format(pulled=pulled), _ARRIVE + _ENDED[plan.loss], _ANSWER
    for name, order, text in zip(("send", "arrive", "answer"), (4, 5, 7), blocks, strict=True):
        nodes.run_regularly(text, clock=clock, when="start", order=4 * levels + order, name=name)
    if plan.loss == "softmax_cross_entropy":
        objects += load_object(layout.outputs, nodes, clock, 4 * levels + 6)
    terminals = terminals_of(plan, nodes, feed, clock, hold)
    monitors, outputs = _monitors(plan, nodes, clock, hold)
    network = Network(*objects, terminals, *monitors, heartbeat_of(plan.steps * STEP, hold))
    network.schedule = SCHEDULE
    names = ("bias", "slope", "Z", "M", "load", "shunt", "nu", "q", "resolution")
    owned += [(nodes, name, name) for name in names]
    inputs = {key: owner.variables[name] for owner, name, key in owned}
    return Fabric(network, inputs, outputs, objects[1])


def _nodes(plan: UpwindPlan, clock: Clock) -> NeuronGroup:
    stack = plan.cells
    levels = range(1, len(stack.synapses) + 1)
    names = ["x", "lam", "s", "mu", "y", "l", "F", "D", "B", "a", "b", "up", "down", "ended", "ext"]
    names += ["seen_x", "seen_lam", "rx", "rl", "P"]
    names += [f"{name}{k}" for k in levels for name in ("into", "back")]
    equations = "".join(f"{name} : 1\n" for name in names)
    indices = ("level", "rank", "before", "after", "ends", "act")
    equations += "".join(f"{name} : integer (constant)\n" for name in indices)
    equations += "n_up : integer\nn_down : integer\n" + constants(("bias", "slope", "Z", "M", "load", "shunt"))
    equations += constants((), ("nu", "q", "resolution"))
    nodes = NeuronGroup(
        plan.layout.neurons, equations, events={"moved": MOVED}, namespace=node_functions(), clock=clock,
        name="nodes",
    )  # fmt: skip
    for name in indices[:-2]:
        setattr(nodes, name, getattr(stack, name))
    nodes.ends = np.isin(np.arange(plan.layout.neurons), plan.layout.outputs).astype(np.int32)
    nodes.act = plan.activation
    for name, variable, index in (
        ("up_before", "up", "before"), ("Z_before", "Z", "before"),
        ("down_after", "down", "after"), ("F_after", "F", "after"), ("M_after", "M", "after"),
    ):  # fmt: skip
        refer(nodes, name, nodes, variable, index=index)
    return nodes


def _forward(plan: UpwindPlan, rank: int) -> str:
    """What comes together at a rank, from what arrived there: states of branches, and what brings stations forward."""
    return f"""here = int(rank == {rank})
inner = here*int(level != 0)
s = either(here, into{rank} + bias, s)
F = either(here, {selected(plan.used, 0)}, F)
D = either(here, {selected(plan.used, 1)}, D)
x = either(inner, F, x)
goes_up = inner*int(not (abs(x - y) < q))
y = either(goes_up, x, y)
n_up = n_up + goes_up
"""


def _backward(rank: int, ranks: int) -> str:
    """Costates at a rank: of a station what it sent, of a branch what comes from all ranks above."""
    pulled = " + ".join(["shunt*x", *(f"back{k}" for k in range(rank + 1, ranks + 1))])
    return f"""here = int(rank == {rank})
inner = here*int(level != 0)
lam = either(inner, {pulled}, lam)
goes_down = inner*int(not (abs(lam - l) < q))
l = either(goes_down, lam, l)
n_down = n_down + goes_down
mu = either(here, D*l, mu)
"""


def _monitors(plan: UpwindPlan, nodes: NeuronGroup, clock: Clock, hold: Clock) -> tuple[list[Any], dict[str, Variable]]:
    """What is recorded: the end of every hold, movements and power; traces on request."""
    names = ["x", "lam", "s", "mu", "rx", "rl", "n_up", "n_down"]
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
