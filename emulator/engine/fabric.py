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
| `adders`    | one per direction of a crossbar: adds up anew what its receivers get when an amplitude changes   |

An event carries an absolute amplitude, latched in the ring when it is emitted, and a sum is that of the amplitudes
held. One step: data, node update, emission, latch, arrival at the taps, sums by the weights. What arrives in a step is
seen by the nodes in the next, so a line of d steps has a pathway delay of d - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, Synapses, TimedArray, second
from brian2.core.variables import Variable

from emulator.engine.clocks import clocks_of
from emulator.engine.events import OnEvent, refer, set_unique
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.learning import Received, deaf_taps, learning_objects
from emulator.engine.monitors import monitors_of
from emulator.engine.nodes import nodes_of
from emulator.engine.plan import STEP, Plan
from emulator.engine.random import functions
from emulator.engine.sums import adders_of, directions, sums_of
from emulator.engine.wiring import ADVANCE, constants, crossbars_of, lines_of, taps_of

SCHEDULE = ["start", "groups", "thresholds", "latch", "lines", "taps", "synapses", "resets", "end"]


@dataclass
class Fabric:
    """The brian2 objects of a plan, and the variables through which numbers go in and come out."""

    network: Network
    inputs: dict[str, Variable]
    outputs: dict[str, Variable]
    lines: Synapses

    def set_delays(self) -> None:
        """Pass the delays, which are ordinary variables, on to the pathways (standalone: after the run arguments)."""
        for pathway in self.lines._pathways:
            pathway.delay = f"line_delay*{STEP!r}*second"


def build(plan: Plan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
    """Create the brian2 objects of a plan.

    Parameters
    ----------
    plan : Plan
    feed : (samples, inputs + outputs) float64
        Data and targets, one row per sample.
    rates : (samples, 3) float64, optional
        How fast the parameters move, if the plan learns; see `emulator.engine.learning`.
    """
    layout, effects = plan.layout, plan.effects
    clock, hold = clocks_of(plan)
    ports, ring, latching = ports_of(plan, clock)
    nodes, node_objects = nodes_of(plan, ports, clock)
    terminals = NeuronGroup(feed.shape[1], "at : integer (constant)", clock=clock, name="terminals")
    refer(terminals, "ext", nodes, "ext", index="at")
    set_unique(terminals, "at", np.concatenate([layout.inputs, layout.outputs]))
    terminals.namespace["feed"] = TimedArray(feed, dt=plan.hold * STEP * second, name="feed")
    terminals.run_regularly("ext = feed(t, i)", clock=hold, when="start", order=-1, name="present")
    found = directions(layout, None if plan.learning is None else deaf_taps(layout))
    adders = adders_of(found, clock)
    taps, receivers = taps_of(plan, adders, found, clock)
    lines, line_objects = lines_of(plan, ports, ring, taps, clock, adders, found)
    xbar, weight = crossbars_of(plan, taps, clock, hold)
    amplitude = (lines if plan.direct else taps).variables["inbox" if plan.direct else "a"]
    changing = plan.learning is not None or effects.read_noise or "offset" in effects.line_variables
    anew = (clock if plan.moving else hold) if changing else None
    sums = sums_of(found, adders, ports, weight, amplitude, clock, anew)
    groups = {"ports": ports, "nodes": nodes, "taps": taps, "xbar": xbar}
    monitors, outputs = monitors_of(plan, groups, clock, hold)
    objects = [ports, ring, *latching, *node_objects, terminals, *receivers, *line_objects, xbar, *sums, *monitors]
    objects.append(heartbeat_of(plan.steps * STEP, hold))
    learning = None
    if plan.learning is not None and rates is not None:
        bend = "load*p*(1 - p)" if plan.loss == "softmax_cross_entropy" else "load"
        bend += " + shunt" * plan.shunted
        received = Received("a_pre", "a_post", (ports, "u", "costate_port"), bend)
        learning = learning_objects(plan, plan.learning, rates, xbar, nodes, received, clock, hold)
        objects += learning.objects
        outputs |= learning.outputs
    network = Network(*objects)
    network.schedule = SCHEDULE
    receiver = taps if effects.jitter else lines
    owned: list[tuple[Any, tuple[str, ...]]] = [
        (ports, ("q", *effects.port_variables, *effects.port_keys)),
        (nodes, ("bias", "load", "slope", "Z", *plan.law.parameters, *effects.node_variables)),
        (nodes, tuple(f"eta{k}" for k in range(effects.noise_poles))),
        (nodes, ("resolution",) if plan.probe else ()),
        (nodes, ("shunt",) if plan.shunted else ()),
        (lines, ("line_delay", *(("jitter_key", "jitter_sigma") if effects.jitter else ()))),
        (
            receiver,
            (*effects.line_variables, *effects.line_keys, *(("inbox",) if "offset" in effects.line_variables else ())),
        ),
        (taps, (*(("leak",) if effects.crosstalk else ()), *(("pole", "grain") if effects.bandwidth else ()))),
        (xbar, ("w", *((effects.read_variable, "read_key") if effects.read_noise else ()))),
    ]
    inputs = {name: owner.variables[name] for owner, names in owned for name in names}
    if learning is not None:
        inputs |= learning.inputs
    return Fabric(network, inputs, outputs, lines)


def ports_of(plan: Plan, clock: Clock, more: str = "") -> tuple[NeuronGroup, NeuronGroup, list[Any]]:
    """The ports (`more`: further equations), the ring of what they sent, and the latching of every amplitude."""
    effects, count, depth = plan.effects, plan.layout.ports, plan.ring_depth
    # a rounding that is drawn anew for every event is not compared: it would never rest
    moved = "abs(u - unrounded) >= q" if effects.dithered else f"abs({effects.wave} - sent) >= q"
    ports = NeuronGroup(
        count,
        """u : 1
        v : 1
        sent : 1
        unrounded : 1
        n_sent : integer
        cell : integer
        q : 1 (shared, constant)
        """
        + constants(effects.port_variables, effects.port_keys)
        + more,
        events={"emit": moved},
        namespace=functions(),
        clock=clock,
        name="ports",
    )
    ports.set_event_schedule("emit", when="thresholds")
    ring = NeuronGroup(count * depth, "amplitude : 1", clock=clock, name="ring")
    refer(ports, "latched", ring, "amplitude", index="cell")
    set_unique(ports, "cell", np.arange(count) * depth)
    sending = f"sent = {effects.wave}\nunrounded = u\nn_sent = n_sent + 1\n"
    return (
        ports,
        ring,
        [
            OnEvent(ports, "emit", f"latched = {effects.wave}", when="latch"),
            OnEvent(ports, "emit", sending + ADVANCE.format(cell="cell", depth=depth, index="i"), when="after_latch"),
        ],
    )
