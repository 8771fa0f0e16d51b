"""A substrate of two-way lines in brian2: a fixed number of objects, whatever the depth of the network.

| object      | what it is                                                                                       |
|-------------|--------------------------------------------------------------------------------------------------|
| `ports`     | the ends of lines: waves that leave, travel and arrive (`emulator.families.bilateral.ports`)                  |
| `rows`, `columns`, `xbar` | crossbars (`emulator.families.bilateral.answering`)                                                 |
| `sides`     | one per run of ports: what arrives is summed into `A` and `J` of the neurons                     |
| `nodes`     | one per neuron: the nonlinear junction, solved every step (`emulator.families.bilateral.junctions`)          |
| `load`      | solves the outputs of a cross-entropy load, which it couples                                     |
| `crowd`     | counts steps in which a junction has more than one answer                                        |
| `terminals` | the data: what sources and loads are set to when a sample begins                                 |

One step: data, neurons, crossbars, leaving waves, arrival, sums. What arrives in a step is seen by the junctions in the
next, so a line of d steps is read d - 1 steps behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, EventMonitor, Network, NeuronGroup, StateMonitor
from brian2.core.variables import Variable

from emulator.engine.clocks import STEP, clocks_of
from emulator.engine.fabric import SCHEDULE, Fabric
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.learning import learning_objects
from emulator.engine.port_code import Received
from emulator.engine.recorders import MOVED, terminals_of
from emulator.engine.wiring import constants
from emulator.families.bilateral.answering import SLOTS, CrossbarObjects, crossbars_of
from emulator.families.bilateral.entering import entering, tells
from emulator.families.bilateral.junctions import junction_objects
from emulator.families.bilateral.load import load_object
from emulator.families.bilateral.plan import BilateralPlan
from emulator.families.bilateral.ports import NUMBERS, gather, leave, ports_of
from emulator.learning import Learning

#: order of the neurons' answer within a step; crossbars, leaving waves and their power come after
_LAST = 2


def build(plan: BilateralPlan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
    """Create the brian2 objects of a plan; see `emulator.families.base.Family.objects`."""
    learning = plan.learning
    clock, hold = clocks_of(plan.hold)
    ports, sides, carrying = ports_of(plan, clock)
    nodes, node_objects = _nodes(plan, clock, hold)
    beat = clock if plan.moving else hold
    crossbars = crossbars_of(plan, rates if learning is not None else None, ports, nodes, clock, beat, hold, _LAST + 1)
    answers = {"X": nodes.variables["x"], "MU": nodes.variables["mu"]}
    answers |= {"ROW": crossbars.rows.variables["x"], "COLUMN": crossbars.columns.variables["lam"]}
    leaving, power = leave(plan, ports, sides, answers, clock, _LAST + 1 + SLOTS)
    summed = gather(plan, ports, sides, nodes, clock)
    terminals = terminals_of(plan, nodes, feed, clock, hold)
    inputs = dict(crossbars.inputs)
    if learning is not None and rates is not None:
        more, learned, outputs = _learning(plan, learning, rates, ports, nodes, crossbars, clock, hold)
        inputs |= learned
    else:
        more, outputs = _monitors(plan, ports, nodes, crossbars, power, clock, hold)
    counting, counts = _counts(nodes, node_objects, hold)
    network = Network(
        *carrying, *node_objects, terminals, *crossbars.objects, *leaving, *summed, *more, *counting,
        heartbeat_of(plan.steps * STEP, hold),
    )  # fmt: skip
    network.schedule = SCHEDULE
    effects = plan.effects
    owned: list[tuple[Any, tuple[str, ...]]] = [
        (nodes, ("shunt",) if plan.shunted else ()),
        (ports, ("q", *NUMBERS, *effects.port_variables, *effects.port_keys)),
        (ports, (*effects.line_variables, *effects.line_keys, *(("pole", "grain") if plan.filtered else ()))),
        (ports, tuple(plan.places) if plan.ring_depth > 1 else ()),
        (ports, ("spill",) if effects.crosstalk else ()),
        (nodes, ("bias", "load", "low", "series", "G", "kappa", "resistance", "resolution")),
    ]
    inputs |= {name: owner.variables[name] for owner, names in owned for name in names if name not in inputs}
    return Fabric(network, inputs, outputs | counts, crossbars.xbar)


def _learning(
    plan: BilateralPlan,
    learning: Learning,
    rates: np.ndarray,
    ports: NeuronGroup,
    nodes: NeuronGroup,
    crossbars: CrossbarObjects,
    clock: Clock,
    hold: Clock,
) -> tuple[list[Any], dict[str, Variable], dict[str, Variable]]:
    """What lets crossbars learn from the state and the costate at their two sides, and what is recorded of it."""
    bend = "p*(1 - p)" if plan.loss == "softmax_cross_entropy" else "load*kappa"
    bend += " + shunt" * plan.shunted
    ends = plan.layout.crossbars.row, plan.layout.crossbars.column
    received = Received("x_pre", "lam_post", ends, (nodes, "mu", "_idx"), bend, (nodes, "s", "_idx"))
    learned = learning_objects(plan, learning, rates, crossbars.xbar, nodes, received, clock, hold)
    answers = StateMonitor(nodes, "x", record=plan.layout.outputs, name="end_nodes", clock=hold, when="start", order=-9)
    outputs = {"end.outputs": answers.variables["x"], "n_sent": ports.variables["n_sent"]}
    return [*learned.objects, answers], learned.inputs, outputs | learned.outputs


def _nodes(plan: BilateralPlan, clock: Clock, hold: Clock) -> tuple[NeuronGroup, list[Any]]:
    """The neurons, what solves a cross-entropy load, and what counts neurons with more than one answer."""
    names = ["x", "lam", "s", "mu", "sum_in", "sum_out", "ext", "p", "worst", "several", "n_several", "D"]
    names += ["seen_x", "seen_lam", "bias", "G"]
    equations = "".join(f"{name} : 1\n" for name in names) + "act : integer (constant)\n"
    equations += constants(("shunt",)) if plan.shunted else ""
    equations += constants(("load", "low", "series"), ("kappa", "resistance", "resolution"))
    nodes = NeuronGroup(
        plan.layout.neurons, equations, events={"moved": MOVED} if plan.probe and not tells(plan) else {},
        clock=clock, name="nodes",
    )  # fmt: skip
    nodes.act = plan.kinds
    nodes.run_regularly("worst = 0\nn_several = 0", clock=hold, when="start", order=-8, name="begin")
    crowd = NeuronGroup(1, "several : 1\nn_steps : 1", clock=clock, name="crowd")
    objects: list[Any] = [nodes, crowd, *junction_objects(plan, nodes, crowd, clock)]
    if plan.loss != "mse":
        objects += load_object(nodes, plan.layout.outputs, clock, 1)
    crowd.run_regularly(
        "n_steps = n_steps + int(several > 0)\nseveral = 0",
        clock=clock, when="start", order=_LAST + 1, name="crowded",
    )  # fmt: skip
    crowd.run_regularly("n_steps = 0", clock=hold, when="start", order=-8, name="uncrowded")
    return nodes, objects


def _counts(nodes: NeuronGroup, objects: list[Any], hold: Clock) -> tuple[list[Any], dict[str, Variable]]:
    """At the end of every hold: what was left of the equations, and how often there was more than one answer."""
    crowd = next(o for o in objects if o.name == "crowd")
    monitors: list[Any] = []
    outputs: dict[str, Variable] = {}
    for group, names in ((nodes, ["worst", "n_several"]), (crowd, ["n_steps"])):
        monitor = StateMonitor(group, names, record=True, clock=hold, when="start", order=-9, name=f"held_{group.name}")
        monitors.append(monitor)
        outputs |= {f"held.{name}": monitor.variables[name] for name in names}
    return monitors, outputs


def _monitors(
    plan: BilateralPlan,
    ports: NeuronGroup,
    nodes: NeuronGroup,
    crossbars: CrossbarObjects,
    power: Variable,
    clock: Clock,
    hold: Clock,
) -> tuple[list[Any], dict[str, Variable]]:
    """What is recorded: the end of every hold; movements, power and traces on request."""
    outputs: dict[str, Variable] = {}
    monitors: list[Any] = []

    def watch(prefix: str, group: Any, names: dict[str, str], **when: Any) -> None:
        monitor = StateMonitor(group, [*names], record=True, name=f"{prefix}_{group.name}", **when)
        monitors.append(monitor)
        outputs.update({f"{prefix}.{called}": monitor.variables[name] for name, called in names.items()})

    at_end, states = {"clock": hold, "when": "start", "order": -9}, {n: n for n in ("x", "lam", "s", "mu")}
    watch(
        "end",
        ports,
        {n: n for n in ("sent", "n_sent", "a", *("u",) * plan.rounds, *("missed",) * plan.effects.drops)},
        **at_end,
    )
    watch("end", nodes, states, **at_end)
    watch("end", crossbars.rows, {"x": "row"}, **at_end)
    watch("end", crossbars.columns, {"lam": "column"}, **at_end)
    if plan.probe:
        moved, seen = entering(plan, nodes, hold)
        monitors, outputs = monitors + moved, outputs | seen
    if plan.power:
        measured = StateMonitor(power.owner, "P", record=True, clock=clock, when="end", name="power")
        monitors.append(measured)
        outputs["power"] = measured.variables["P"]
    if plan.traces:
        at_steps = {"clock": clock, "when": "after_groups", "order": 1}
        watch("trace", ports, {"u": "u", "a": "a"}, **at_steps)
        watch("trace", nodes, states, **at_steps)
        emitted = EventMonitor(ports, "emit", variables=["sent"], when="after_latch", order=1, name="emissions")
        outputs |= {f"emitted.{name}": emitted.variables[name] for name in ("i", "t", "sent")}
        monitors.append(emitted)
    return monitors, outputs
