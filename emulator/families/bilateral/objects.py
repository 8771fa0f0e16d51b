"""A substrate of two-way lines in brian2: a fixed number of objects, whatever the depth of the network.

| object      | what it is                                                                                       |
|-------------|--------------------------------------------------------------------------------------------------|
| `ports`     | the ends of lines and their terminations: the wave that leaves (`u`); emits graded events        |
| `ring`      | amplitudes in flight                                                                             |
| `lines`     | one synapse per line direction; delivers the amplitude latched at emission                       |
| `taps`      | where waves arrive: hold the last amplitude, behind a low-pass where there is one                |
| `crossbars` | one synapse per entry of the scattering matrices: ``r = S i``; for crossbars that learn see      |
|             | `emulator.families.bilateral.plastic`                                                                          |
| `gather`    | one synapse per port of a neuron: what arrives, summed into `A` and `J` of the neuron            |
| `nodes`     | one per neuron: the nonlinear junction, solved every step (`emulator.families.bilateral.solver`)             |
| `load`      | solves the outputs of a cross-entropy load, which it couples                                     |
| `crowd`     | counts steps in which a junction has more than one answer                                        |
| `terminals` | the data: what sources and loads are set to when a sample begins                                 |

One step: data, neurons, leaving waves, emission, latch, arrival at the taps, sums. What arrives in a step is seen by
the junctions in the next, so a line of d steps has a pathway delay of d - 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, EventMonitor, Network, NeuronGroup, StateMonitor, Synapses
from brian2.core.variables import Variable

from emulator.engine.clocks import STEP, clocks_of
from emulator.engine.events import refer
from emulator.engine.fabric import SCHEDULE, Fabric
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.learning import Received, learning_objects
from emulator.engine.recorders import MOVED, movements_of, power_of, terminals_of
from emulator.engine.wiring import constants, lines_of, ports_of
from emulator.families.bilateral.load import load_object
from emulator.families.bilateral.plan import BilateralPlan
from emulator.families.bilateral.plastic import MOVING, SLOTS, plastic_crossbars
from emulator.families.bilateral.solver import junction_functions
from emulator.learning import Learning

#: order of the neurons' last block within a step; crossbars that learn, leaving waves and their power come after
_LAST = 2


def build(plan: BilateralPlan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
    """Create the brian2 objects of a plan; see `emulator.families.base.Family.objects`."""
    layout = plan.layout
    clock, hold = clocks_of(plan.hold)
    own = constants(("on_x", "on_mu", "own", "other", "power_scale"))
    own += MOVING * (plan.learning is not None)
    own += "P : 1\nnode : integer (constant)\nmate : integer (constant)\npartner : integer (constant)\n"
    ports, ring, latching = ports_of(plan, clock, own)
    ports.node, ports.mate, ports.partner = layout.node, layout.mate, layout.partner
    taps, receiving = _taps(plan, clock)
    nodes, node_objects = _nodes(plan, clock, hold)
    lines, line_objects = lines_of(plan, ports, ring, taps, clock)
    for name, group, variable, index in (
        ("a", taps, "a", "_idx"), ("a_mate", taps, "a", "mate"), ("a_there", taps, "a", "partner"),
        ("x", nodes, "x", "node"), ("mu", nodes, "mu", "node"),
    ):  # fmt: skip
        refer(ports, name, group, variable, index=index)
    ports.run_regularly(
        "u = v + on_x*x + on_mu*mu + own*a + other*a_mate\nP = power_scale*(u - a_there)*(u - a_there)",
        clock=clock,
        when="start",
        order=_LAST + 1 + SLOTS,
        name="leave",
    )
    at = np.flatnonzero(layout.at_neuron)
    sums = {"sum_in": "to_in*a_pre", "sum_out": "to_out*a_pre"}
    gather = _summing("gather", taps, nodes, "to_in : 1\nto_out : 1\n", sums, at, layout.node[at], clock)
    terminals = terminals_of(plan, nodes, feed, clock, hold)
    crossbars: list[Any]
    if plan.learning is not None and rates is not None:
        crossbars, inputs, outputs = _plastic(plan, plan.learning, rates, ports, taps, nodes, clock, hold)
    else:
        crossbars, inputs = _fixed(plan, ports, taps, clock)
        monitors, outputs = _monitors(plan, ports, taps, nodes, clock, hold)
        crossbars += monitors
    counting, counts = _counts(nodes, node_objects, hold)
    outputs |= counts
    network = Network(
        ports, ring, *latching, *node_objects, terminals, *receiving, *line_objects, *crossbars, gather, *counting,
        heartbeat_of(plan.steps * STEP, hold),
    )  # fmt: skip
    network.schedule = SCHEDULE
    owned: list[tuple[Any, tuple[str, ...]]] = [
        (nodes, ("shunt",) if plan.shunted else ()),
        (ports, ("q", "on_x", "on_mu", "own", "other", "power_scale")),
        (ports, (*plan.effects.port_variables, *plan.effects.port_keys)),
        (nodes, ("bias", "load", "low", "series", "G", "kappa", "resistance", "resolution")),
        (lines, ("line_delay", *plan.effects.line_variables, *plan.effects.line_keys)),
        (taps, ("pole", "grain") if plan.filtered else ()),
        (gather, ("to_in", "to_out")),
    ]
    inputs |= {name: owner.variables[name] for owner, names in owned for name in names}
    return Fabric(network, inputs, outputs, lines)


def _fixed(
    plan: BilateralPlan, ports: NeuronGroup, taps: NeuronGroup, clock: Clock
) -> tuple[list[Any], dict[str, Variable]]:
    """Crossbars whose scattering matrices stay as they are."""
    row, to = plan.layout.row, plan.layout.to_state
    crossbars = _summing("crossbars", taps, ports, "w : 1\n", {"v": "w*a_pre"}, row, to, clock)
    return [crossbars], {"w": crossbars.variables["w"]}


def _plastic(
    plan: BilateralPlan,
    learning: Learning,
    rates: np.ndarray,
    ports: NeuronGroup,
    taps: NeuronGroup,
    nodes: NeuronGroup,
    clock: Clock,
    hold: Clock,
) -> tuple[list[Any], dict[str, Variable], dict[str, Variable]]:
    """Crossbars that learn from the state and the costate at their two sides, and what is recorded of them."""
    beat = hold if learning.schedule == "settled" else clock
    made = plastic_crossbars(plan, rates, ports, taps, nodes, clock, beat, _LAST + 1)
    bend = "p*(1 - p)" if plan.loss == "softmax_cross_entropy" else "load*kappa"
    bend += " + shunt" * plan.shunted
    received = Received("x_pre", "lam_post", (nodes, "mu", "_idx"), bend, (nodes, "s", "_idx"))
    learned = learning_objects(plan, learning, rates, made.xbar, nodes, received, clock, hold)
    answers = StateMonitor(nodes, "x", record=plan.layout.outputs, name="end_nodes", clock=hold, when="start", order=-9)
    outputs = {"end.outputs": answers.variables["x"], "n_sent": ports.variables["n_sent"]}
    objects = [*made.objects, *learned.objects, answers]
    return objects, made.inputs | learned.inputs, outputs | learned.outputs


def _summing(
    name: str,
    source: NeuronGroup,
    target: NeuronGroup,
    numbers: str,
    sums: dict[str, str],
    i: np.ndarray,
    j: np.ndarray,
    clock: Clock,
) -> Synapses:
    """Sums over the waves that are held, made anew at every step: nothing of an earlier sample is left in them."""
    model = numbers + "".join(f"{to}_post = {what} : 1 (summed)\n" for to, what in sums.items())
    made = Synapses(source, target, model, clock=clock, name=name)
    if len(i):
        made.connect(i=i, j=j)
    else:
        made.connect(False)
    for updater in made.summed_updaters.values():
        updater.when = "synapses"
    return made


def _taps(plan: BilateralPlan, clock: Clock) -> tuple[NeuronGroup, list[Any]]:
    """Where waves arrive: the wave that is held."""
    equations, code = "a : 1\n", "a = inbox"
    if plan.filtered:
        equations += "y : 1\n" + constants(("pole",), ("grain",))
        code = "y = y + pole*(inbox - y)\nstays = int(abs(y - a) < grain)\na = stays*a + (1 - stays)*y"
    taps = NeuronGroup(plan.layout.ports, equations, clock=clock, name="taps")
    taps.run_regularly(code, clock=clock, when="taps", name="hold")
    return taps, [taps]


def _nodes(plan: BilateralPlan, clock: Clock, hold: Clock) -> tuple[NeuronGroup, list[Any]]:
    """The neurons, what solves a cross-entropy load, and what counts neurons with more than one answer."""
    names = ["x", "lam", "s", "mu", "sum_in", "sum_out", "ext", "p", "worst", "several", "n_several", "D"]
    names += ["seen_x", "seen_lam", "bias", "G"]
    equations = "".join(f"{name} : 1\n" for name in names) + "act : integer (constant)\nalone : integer (constant)\n"
    equations += constants(("shunt",)) if plan.shunted else ""
    equations += constants(("load", "low", "series"), ("kappa", "resistance", "resolution"))
    nodes = NeuronGroup(
        plan.layout.neurons, equations, events={"moved": MOVED} if plan.probe else {},
        namespace=junction_functions(), clock=clock, name="nodes",
    )  # fmt: skip
    nodes.act, nodes.alone = plan.kinds, plan.alone
    nodes.run_regularly("worst = 0\nn_several = 0", clock=hold, when="start", order=-8, name="begin")
    objects: list[Any] = [nodes]
    for k, code in enumerate(plan.update):
        nodes.run_regularly(code, clock=clock, when="start", order=2 * k, name=f"solve{k}")
    if plan.loss != "mse":
        objects += load_object(nodes, plan.layout.outputs, clock, 1)
    crowd = NeuronGroup(1, "several : 1\nn_steps : 1", clock=clock, name="crowd")
    wires = Synapses(nodes, crowd, "several_post = several_pre : 1 (summed)", clock=clock, name="crowd_wires")
    wires.connect(i=np.arange(plan.layout.neurons), j=np.zeros(plan.layout.neurons, dtype=int))
    for updater in wires.summed_updaters.values():
        updater.when, updater.order = "start", _LAST + 1
    crowd.run_regularly(
        "n_steps = n_steps + int(several > 0)", clock=clock, when="start", order=_LAST + 2, name="crowded"
    )
    crowd.run_regularly("n_steps = 0", clock=hold, when="start", order=-8, name="uncrowded")
    objects += [crowd, wires]
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
    plan: BilateralPlan, ports: NeuronGroup, taps: NeuronGroup, nodes: NeuronGroup, clock: Clock, hold: Clock
) -> tuple[list[Any], dict[str, Variable]]:
    """What is recorded: the end of every hold; movements, power and traces on request."""
    outputs: dict[str, Variable] = {}
    monitors: list[Any] = []

    def watch(prefix: str, **when: Any) -> None:
        for group, names in ((ports, ["sent", "v", "n_sent"]), (taps, ["a"]), (nodes, ["x", "lam", "s", "mu"])):
            if prefix == "trace" and group is ports:
                names = ["u"]
            monitor = StateMonitor(group, names, record=True, name=f"{prefix}_{group.name}", **when)
            monitors.append(monitor)
            outputs.update({f"{prefix}.{name}": monitor.variables[name] for name in names})

    watch("end", clock=hold, when="start", order=-9)
    if plan.probe:
        moved, seen = movements_of(nodes)
        monitors, outputs = monitors + moved, outputs | seen
    if plan.power:
        meter, power = power_of(ports, clock)
        monitors, outputs = monitors + meter, outputs | power
    if plan.traces:
        watch("trace", clock=clock, when="after_groups", order=1)
        emitted = EventMonitor(ports, "emit", variables=["sent"], when="after_latch", order=1, name="emissions")
        outputs |= {f"emitted.{name}": emitted.variables[name] for name in ("i", "t", "sent")}
        monitors.append(emitted)
    return monitors, outputs
