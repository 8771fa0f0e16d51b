"""The substrate in brian2: a fixed number of objects, whatever the depth of the network.

| object      | what it is                                                                                       |
|-------------|--------------------------------------------------------------------------------------------------|
| `ports`     | two per neuron: the wave that leaves (`u`), the sum that arrives (`v`); emits graded events      |
| `ring`      | amplitudes in flight: one cell per port and step of the longest delay                            |
| `nodes`     | one per neuron: the node law                                                                     |
| `terminals` | the data: clamp the sources and set the targets when a sample begins                             |
| `lines`     | one synapse per line direction; delivers the amplitude latched at emission                       |
| `taps`      | the receivers at the crossbars, holding the last amplitude that arrived                          |
| `xbar`      | one two-port synapse per weight: states forward, costates back, the weight once                  |

An event carries an absolute amplitude, latched in the ring when it is emitted; a receiver turns it into a change, so a
sum is only ever added to. One step: data, node update, emission, latch, arrival at the taps, multiplication by the
weights. What arrives in a step is seen by the nodes in the next, so a line of d steps has a pathway delay of d - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, Synapses, TimedArray, second
from brian2.core.variables import Variable

from emulator.engine.events import OnEvent, refer, set_unique
from emulator.engine.monitors import monitors_of
from emulator.engine.nodes import nodes_of
from emulator.engine.plan import STEP, Plan
from emulator.engine.wiring import ADVANCE, crossbars_of, lines_of

SCHEDULE = ["start", "groups", "thresholds", "latch", "lines", "taps", "synapses", "resets", "end"]


@dataclass
class Fabric:
    """The brian2 objects of a plan, and the variables through which numbers go in and come out."""

    network: Network
    inputs: dict[str, Variable]
    outputs: dict[str, Variable]
    lines: Synapses

    def set_delays(self) -> None:
        """Pass the delays, which are an ordinary variable, on to the pathway (standalone: after the run arguments)."""
        self.lines.pre.delay = f"line_delay*{STEP!r}*second"


def build(plan: Plan, feed: np.ndarray) -> Fabric:
    """Create the brian2 objects of a plan.

    Parameters
    ----------
    plan : Plan
    feed : (samples, inputs + outputs) float64
        Data and targets, one row per sample.
    """
    layout, dt = plan.layout, STEP * second
    clock = Clock(dt=dt, name="step_clock")
    hold = Clock(dt=plan.hold * dt, name="hold_clock")
    count, depth = layout.neurons, layout.ring_depth
    space = {"depth": depth}

    ports = NeuronGroup(
        2 * count,
        """u : 1
        v : 1
        sent : 1
        n_sent : integer
        cell : integer
        q : 1 (shared, constant)""",
        events={"emit": "abs(u - sent) >= q"},
        namespace=space, clock=clock, name="ports",
    )  # fmt: skip
    ports.set_event_schedule("emit", when="thresholds")
    ring = NeuronGroup(2 * count * depth, "amplitude : 1", clock=clock, name="ring")
    refer(ports, "latched", ring, "amplitude", index="cell")
    set_unique(ports, "cell", np.arange(2 * count) * depth)
    objects: list[Any] = [
        ports,
        ring,
        OnEvent(ports, "emit", "latched = u", when="latch"),
        OnEvent(
            ports,
            "emit",
            "sent = u\nn_sent = n_sent + 1\n" + ADVANCE.format(cell="cell", port="i"),
            when="after_latch",
        ),
    ]

    nodes, extra = nodes_of(plan, ports, clock)
    objects += [nodes, *extra]
    terminals = NeuronGroup(feed.shape[1], "at : integer (constant)", clock=clock, name="terminals")
    refer(terminals, "ext", nodes, "ext", index="at")
    set_unique(terminals, "at", np.concatenate([layout.inputs, layout.outputs]))
    data = TimedArray(feed, dt=plan.hold * dt, name="feed")
    terminals.namespace["feed"] = data
    terminals.run_regularly("ext = feed(t, i)", clock=hold, when="start", order=-2, name="present")
    objects.append(terminals)

    inputs = {"bias": nodes, "load": nodes, "slope": nodes, "Z": nodes, "q": ports}
    if plan.probe:
        inputs["resolution"] = nodes
    inputs |= dict.fromkeys(plan.law.parameters, nodes)
    lines, receivers = lines_of(plan, ports, ring, clock)
    by_name = {o.name: o for o in [*objects, *receivers]}
    xbar = crossbars_of(plan, ports, by_name["taps"], clock, hold)
    by_name["xbar"] = xbar
    inputs |= {"line_delay": lines, "w": xbar}
    monitors, outputs = monitors_of(plan, by_name, clock, hold)
    network = Network(*objects, *receivers, xbar, *monitors)
    network.schedule = SCHEDULE
    variables = {name: owner.variables[name] for name, owner in inputs.items()}
    return Fabric(network, variables, outputs, lines)
