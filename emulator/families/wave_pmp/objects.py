"""Wave-PMP in brian2: a fixed number of objects, whatever the depth of the network.

| object      | what it is                                                                                            |
|-------------|-------------------------------------------------------------------------------------------------------|
| `nodes`     | one per neuron: the two waves `a` and `c` in units of the state, state, costate, residuals            |
| `lines`     | receivers of states and costates, one per line direction                                              |
| `waves`     | receivers of waves, likewise                                                                          |
| `ring`      | events under way, where lines are longer than a step or something counts events                       |
| `ports`     | two per neuron: the sums that arrive, of states and costates (`v`), and of waves (`w`)                |
| `adders...` | sums by the weights: waves both ways, states forward, costates back; the same weights                 |
| `xbar`      | one synapse per weight, which learns                                                                  |
| `passing`   | waves that the identity transports                                                                    |
| `metric`    | products with ``Z`` and ``M`` of rows whose metric is a matrix                                        |
| `terminals` | the data, when a sample begins                                                                        |

A step is the paper's: transport, read, sources, parameters, ports. Parameters move before the next step's transport, by
what the sources saw.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Network, StateMonitor

from emulator.engine.clocks import STEP, clocks_of
from emulator.engine.fabric import Fabric
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.layout import Layout
from emulator.engine.learning import learning_objects
from emulator.engine.port_code import Received
from emulator.engine.reading import read_names
from emulator.engine.recorders import terminals_of
from emulator.engine.sums import adders_of, directions, sums_of
from emulator.engine.wiring import crossbars_of
from emulator.families.node.softmax import softmax_of
from emulator.families.wave_pmp.code import Code, blocks_of
from emulator.families.wave_pmp.lines import receivers_of, ring_of
from emulator.families.wave_pmp.load import load_object
from emulator.families.wave_pmp.monitors import monitors_of, traces_of
from emulator.families.wave_pmp.nodes import metric_of, nodes_of, passing_of, ports_of
from emulator.families.wave_pmp.plan import WavePMPPlan
from emulator.families.wave_pmp.schedule import ANSWER_LOAD, BACK, CARRY, FORWARD, LOAD, SCHEDULE


def build(plan: WavePMPPlan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
    """Create the brian2 objects of a plan; see `emulator.families.base.Family.objects`."""
    layout, effects = plan.layout, plan.effects
    clock, hold = clocks_of(plan.hold)
    code = Code(plan)
    blocks = blocks_of(plan, code)
    ports = ports_of(plan, clock)
    nodes = nodes_of(plan, code, ports, clock)
    ring = ring_of(plan, nodes, clock)
    lines, waves, numbers = receivers_of(plan, nodes, ports, ring, clock)
    for name, (order, text) in blocks.items():
        nodes.run_regularly(text, clock=clock, when="start", order=order, name=name)
    xbar, weight = crossbars_of(plan, lines, clock, hold)
    objects: list[Any] = [nodes, ports, lines, waves, xbar, *([] if ring is None else [ring])]
    owned: list[tuple[Any, tuple[str, ...]]] = [
        (nodes, ("bias", "load", "slope", "shunt", "nu", "alpha", "q", *effects.node_variables)),
        (nodes, tuple(f"eta{k}" for k in range(effects.noise_poles))),
        (nodes, ("resolution",) if plan.probe else ()),
        (ports, (*effects.port_variables, *effects.port_keys)),
        (xbar, ("w", *read_names(effects))),
        (lines, numbers),
    ]
    rows, columns = _taps(layout)
    for name, into, held, order, deaf in (
        ("_waves", "w", waves, CARRY, plan.links.passing.taps),
        ("_states", "v", lines, FORWARD, columns),
        ("_costates", "v", lines, BACK, rows),
    ):
        found = directions(layout, deaf)
        adders = adders_of(found, clock, name)
        made = sums_of(
            found, adders, ports, weight, held.variables["a"], clock, clock, name=name, into=into, order=order
        )
        objects += made
    if len(plan.links.passing.tap):
        passing, numbers = passing_of(plan, waves, nodes, clock)
        objects.append(passing)
        owned.append((passing, numbers))
    if plan.full:
        metric, numbers = metric_of(plan, code, nodes, clock)
        objects.append(metric)
        owned.append((metric, numbers))
    else:
        owned.append((nodes, ("Z", "M", *(("R",) if _solved(plan) else ()))))
    if plan.loss == "softmax_cross_entropy":
        nodes.other = 1.0
        objects += softmax_of(layout.outputs, nodes, nodes, clock, states="x", order=LOAD)
        if plan.implicit:
            first = int(np.flatnonzero(plan.pairs[0] == layout.outputs[0])[0]) if plan.full else 0
            objects += load_object(layout.outputs, nodes, clock, ANSWER_LOAD, metric if plan.full else None, first)
    objects.append(terminals_of(plan, nodes, feed, clock, hold))
    inputs = {name: owner.variables[name] for owner, names in owned for name in names}
    if plan.eventful and "offset" in effects.line_variables:
        inputs |= {"inbox": lines.variables["inbox"], "wave_inbox": waves.variables["inbox"]}
    if plan.learning is not None and rates is not None:
        bend = "load*p*(1 - p)" if plan.loss == "softmax_cross_entropy" else "load"
        received = Received(
            "a_pre",
            "a_post",
            (layout.row, layout.column),
            (nodes, "mu", "_idx"),
            f"{bend} + shunt",
            (nodes, "s", "_idx"),
        )
        learned = learning_objects(plan, plan.learning, rates, xbar, nodes, received, clock, hold)
        answers = StateMonitor(nodes, "x", record=layout.outputs, clock=hold, when="start", order=-9, name="end_nodes")
        objects += [*learned.objects, answers]
        inputs |= learned.inputs
        outputs = {"end.outputs": answers.variables["x"], "n_sent": ports.variables["n_sent"], **learned.outputs}
    else:
        monitors, outputs = monitors_of(plan, nodes, xbar, ports, (lines, waves), clock, hold)
        objects += monitors
    if plan.traces:
        monitors, traced = traces_of(plan, nodes, xbar, clock)
        objects += monitors
        outputs |= traced
    network = Network(*objects, heartbeat_of(plan.steps * STEP, hold))
    network.schedule = SCHEDULE
    return Fabric(network, inputs, outputs, xbar)


def _taps(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Taps at rows, which receive states, and at columns, which receive costates, (C,) each."""
    rows = np.zeros(len(layout.tap_port), bool)
    for block in layout.blocks:
        rows[block.row_taps] = True
    return rows, ~rows


def _solved(plan: WavePMPPlan) -> bool:
    """Whether the load's own state is a fixed map of the wave."""
    return plan.implicit and plan.loss == "mse"
