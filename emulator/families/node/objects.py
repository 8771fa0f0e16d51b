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

from typing import Any

import numpy as np
from brian2 import Network

from emulator.engine.clocks import STEP, clocks_of
from emulator.engine.fabric import SCHEDULE, Fabric
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.learning import deaf_taps, learning_objects
from emulator.engine.plan import Plan
from emulator.engine.port_code import Received
from emulator.engine.reading import read_names
from emulator.engine.recorders import terminals_of
from emulator.engine.sums import adders_of, directions, sums_of
from emulator.engine.wiring import crossbars_of, lines_of, ports_of, taps_of
from emulator.families.node.monitors import monitors_of
from emulator.families.node.nodes import nodes_of


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
    clock, hold = clocks_of(plan.hold)
    ports, ring, latching = ports_of(plan, clock)
    nodes, node_objects = nodes_of(plan, ports, clock)
    terminals = terminals_of(plan, nodes, feed, clock, hold)
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
        ends, drive = (layout.row, layout.column), (ports, "v", "costate_port")
        received = Received("a_pre", "a_post", ends, (ports, "u", "costate_port"), bend, drive, True)
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
        (taps, (*(("spill",) if effects.crosstalk else ()), *(("pole", "grain") if effects.bandwidth else ()))),
        (xbar, ("w", *read_names(effects))),
    ]
    inputs = {name: owner.variables[name] for owner, names in owned for name in names}
    if learning is not None:
        inputs |= learning.inputs
    return Fabric(network, inputs, outputs, lines)
