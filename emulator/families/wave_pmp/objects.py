"""Wave-PMP in brian2: a fixed number of objects, whatever the depth of the network.

| object      | what it is                                                                                            |
|-------------|-------------------------------------------------------------------------------------------------------|
| `nodes`     | one per neuron: the two waves `a` and `c` in units of the state, state, costate, residuals            |
| `lines`     | one per line direction; hold the state (or costate) and the wave that have arrived                    |
| `ring`      | numbers under way, where lines are longer than a step                                                 |
| `ports`     | two per neuron: the sums that arrive, of states and costates (`v`), and of waves (`w`)                |
| `adders...` | sums by the weights: waves both ways, states forward, costates back; the same weights                 |
| `xbar`      | one synapse per weight, which learns                                                                  |
| `passing`   | waves that the identity transports                                                                    |
| `metric`    | products with ``Z`` and ``M`` of rows whose metric is a matrix                                        |
| `terminals` | the data, when a sample begins                                                                        |

A step is the paper's: transport, read, sources, parameters, ports. Two numbers travel per neuron and direction: the wave,
which a line of d steps delivers in the d-th step after, and the state or costate, which it delivers ``d - 1`` steps after
it was read, within the step if ``d = 1``. Parameters move before the next step's transport, by what the sources saw.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, StateMonitor, Synapses

from emulator.engine.clocks import STEP, clocks_of
from emulator.engine.events import refer, set_unique
from emulator.engine.expressions import node_functions, selected
from emulator.engine.fabric import Fabric
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.learning import Received, learning_objects
from emulator.engine.recorders import MOVED, Recorded, movements_of, power_of, terminals_of
from emulator.engine.sums import adders_of, directions, sums_of
from emulator.engine.wiring import constants, crossbars_of
from emulator.families.node.softmax import ANSWER, PROBABILITIES, softmax_of
from emulator.families.wave_pmp.load import load_object
from emulator.families.wave_pmp.plan import WavePMPPlan

#: order of what happens in one step, and of the parts of an algorithm's step within `start`
SCHEDULE = ["start", "groups", "thresholds", "resets", "end"]
(
    PLACES, HEAR_WAVES, CARRY, COME, CARRIED, READ, PULL, SEND, PUT, HEAR, FORWARD, LAYER, PUT_BACK, HEAR_BACK, BACK, LOAD,
    RESIDUE, SINK, SOURCES, ANSWER_LOAD, END, MASS, LEAVE, PUT_WAVES,
) = range(24)  # fmt: skip


class Code:
    """The nodes' code of one plan; products with a metric are in place where it is diagonal."""

    def __init__(self, plan: WavePMPPlan) -> None:
        self.plan, self.full = plan, plan.full
        self.sums: list[tuple[str, str, str, int]] = []

    def times(self, matrix: str, what: str, order: int) -> str:
        """The product of ``Z``, ``M`` or ``R`` with a variable of the nodes, ready from `order` on."""
        if not self.full:
            return f"({matrix}*{what})"
        name = f"{matrix}_{what}"
        self.sums.append((name, f"{matrix.lower()}_pair", what, order))
        return name

    def goes(self, what: str, to: str, port: str) -> str:
        """Send a number if it has moved by `q`; counted at its port."""
        return (
            f"moves = int(abs({what} - {to}) >= q)\n{to} = moves*recovered({what}, {to}) + (1 - moves)*{to}\n"
            f"{port} = {port} + moves\n"
        )


def build(plan: WavePMPPlan, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
    """Create the brian2 objects of a plan; see `emulator.families.base.Family.objects`."""
    layout, count = plan.layout, plan.layout.neurons
    clock, hold = clocks_of(plan.hold)
    code = Code(plan)
    blocks = _blocks(plan, code)
    ports = NeuronGroup(2 * count, "v : 1\nw : 1\nn_sent : integer\n", clock=clock, name="ports")
    nodes = _nodes(plan, code, ports, clock)
    ring = _ring(plan, nodes, clock)
    lines = _lines(plan, nodes, ring, clock)
    for name, (order, text) in blocks.items():
        nodes.run_regularly(text, clock=clock, when="start", order=order, name=name)
    xbar, weight = crossbars_of(plan, lines, clock, hold)
    objects: list[Any] = [nodes, ports, lines, xbar, *([] if ring is None else [ring])]
    owned: list[tuple[Any, tuple[str, ...]]] = [
        (nodes, ("bias", "load", "slope", "shunt", "nu", "alpha", "q", *(("resolution",) if plan.probe else ()))),
        (xbar, ("w",)),
        (lines, ("line_delay",) if plan.late else ()),
    ]
    rows, columns = _taps(layout)
    for name, into, held, order, deaf in (
        ("_waves", "w", "wave_here", CARRY, plan.passing.taps),
        ("_states", "v", "a", FORWARD, columns),
        ("_costates", "v", "a", BACK, rows),
    ):
        found = directions(layout, deaf)
        adders = adders_of(found, clock, name)
        made = sums_of(
            found, adders, ports, weight, lines.variables[held], clock, clock, name=name, into=into, order=order
        )
        objects += made
    if len(plan.passing.tap):
        passing, numbers = _passing(plan, lines, nodes, clock)
        objects.append(passing)
        owned.append((passing, numbers))
    if plan.full:
        metric, numbers = _metric(plan, code, nodes, clock)
        objects.append(metric)
        owned.append((metric, numbers))
    else:
        owned.append((nodes, ("Z", "M", *(("R",) if _solved(plan) else ()))))
    if plan.loss == "softmax_cross_entropy":
        nodes.other = 1.0
        objects += softmax_of(layout.outputs, nodes, nodes, clock, states="x", order=LOAD)
        if plan.implicit:
            objects += load_object(plan, nodes, clock, ANSWER_LOAD, metric if plan.full else None)
    objects.append(terminals_of(plan, nodes, feed, clock, hold))
    inputs = {name: owner.variables[name] for owner, names in owned for name in names}
    if plan.learning is not None and rates is not None:
        bend = "load*p*(1 - p)" if plan.loss == "softmax_cross_entropy" else "load"
        received = Received("a_pre", "a_post", (nodes, "mu", "_idx"), f"{bend} + shunt", (nodes, "s", "_idx"))
        learned = learning_objects(plan, plan.learning, rates, xbar, nodes, received, clock, hold)
        answers = StateMonitor(nodes, "x", record=layout.outputs, clock=hold, when="start", order=-9, name="end_nodes")
        objects += [*learned.objects, answers]
        inputs |= learned.inputs
        outputs = {"end.outputs": answers.variables["x"], "n_sent": ports.variables["n_sent"], **learned.outputs}
    else:
        monitors, outputs = _monitors(plan, nodes, ports, lines, clock, hold)
        objects += monitors
    if plan.traces:
        monitors, traced = _traces(plan, nodes, xbar, clock)
        objects += monitors
        outputs |= traced
    network = Network(*objects, heartbeat_of(plan.steps * STEP, hold))
    network.schedule = SCHEDULE
    return Fabric(network, inputs, outputs, xbar)


def _taps(layout: Any) -> tuple[np.ndarray, np.ndarray]:
    """Taps at rows, which receive states, and at columns, which receive costates, (C,) each."""
    rows = np.zeros(len(layout.tap_port), bool)
    for block in layout.blocks:
        rows[block.row_taps] = True
    return rows, ~rows


def _solved(plan: WavePMPPlan) -> bool:
    """Whether the load's own state is a fixed map of the wave."""
    return plan.implicit and plan.loss == "mse"


def _blocks(plan: WavePMPPlan, code: Code) -> dict[str, tuple[int, str]]:
    """The nodes' code by name, with its place in a step."""
    used = plan.used
    source = f"int(act == {used.index('source')})" if "source" in used else "0"
    answer = "(x - ext)" if plan.loss == "mse" else ANSWER
    probabilities = "" if plan.loss == "mse" else PROBABILITIES
    write_up, write_down = ("sent_up = out_x\n", "sent_down = out_mu\n") if plan.late else ("", "")
    write_waves = "wave_up = out_a\nwave_down = out_m\nraw_down = out_c\n" if plan.late else ""
    blocks = {
        "read": (
            READ,
            f"""rises = recovered(D*w_in + passed_up, 0)
falls = recovered({code.times("Z", "came" if plan.full else "w_back", CARRIED)} + passed_down, 0)
up = a - inner*nu*(a - rises)
down = c - outer*nu*(c - falls)
x = up + down
apart = up - down
""",
        ),
        "send_states": (
            SEND, f"lam = {code.times('M', 'apart', PULL)}\n{code.goes('x', 'out_x', 'n_up')}",
        ),
        "layer": (
            LAYER,
            f"s = s_in + bias\nF = {selected(used, 0)}\nD = {selected(used, 1)}\nmu = D*lam\n"
            + code.goes("mu", "out_mu", "n_down"),
        ),
        "residue": (
            RESIDUE,
            f"{probabilities}rx = x - F\nanswer = load*{answer} + shunt*x\nrl = lam - B_in - answer\ntarget = load*ext\n",
        ),
    }  # fmt: skip
    if plan.full:  # synapses do not see through a reference
        blocks["come"] = (COME, "came = 1*w_back\n")
    reflected = code.times("Z", "rl", SINK)
    power = f"P = (rx*{code.times('M', 'rx', SINK)} + rl*{reflected})/4\n" if plan.power else ""
    ported = f"""a = up - alpha/2*(rx + {reflected})
c = down - alpha/2*(rx - {reflected})
a = either({source}, ext - c, a)
{power}"""
    if not plan.implicit:
        ported += f"c = either(ends, a - {code.times('Z', 'answer', SINK)}, c)\n"
    elif plan.loss == "mse":
        ported += f"open = 2*a + {code.times('Z', 'target', SINK)}\n"
        blocks["end"] = (END, f"c = either(ends, {code.times('R', 'open', ANSWER_LOAD)} - a, c)\n")
    else:
        blocks["end"] = (END, "c = either(ends, ended - a, c)\n")
    blocks["sources"] = (SOURCES, ported)
    leaving = f"m = D*{code.times('M', 'c', MASS)}\n{code.goes('a', 'out_a', 'n_up')}"
    leaving += "moves = int(abs(m - out_m) >= q or abs(c - out_c) >= q)\nout_m = moves*recovered(m, out_m) + (1 - moves)*out_m\n"
    leaving += "out_c = moves*recovered(c, out_c) + (1 - moves)*out_c\nn_down = n_down + moves\n"
    blocks["leave"] = (LEAVE, leaving)
    if plan.late:
        depth = plan.ring_depth
        blocks["places"] = (
            PLACES,
            f"up_cell = i*{depth} + t_in_timesteps % {depth}\ndown_cell = (i + N)*{depth} + t_in_timesteps % {depth}\n",
        )
        for name, order, text in (
            ("put_state", PUT, write_up), ("put_costate", PUT_BACK, write_down), ("put_waves", PUT_WAVES, write_waves),
        ):  # fmt: skip
            blocks[name] = (order, text)
    return blocks


def _nodes(plan: WavePMPPlan, code: Code, ports: NeuronGroup, clock: Clock) -> NeuronGroup:
    count = plan.layout.neurons
    names = [
        "x",
        "lam",
        "s",
        "F",
        "D",
        "mu",
        "a",
        "c",
        "m",
        "up",
        "down",
        "apart",
        "rx",
        "rl",
        "answer",
        "target",
        "open",
    ]
    names += ["came"] * plan.full + [
        "ended",
        "ext",
        "p",
        "other",
        "P",
        "passed_up",
        "passed_down",
        "seen_x",
        "seen_lam",
        "bias",
    ]
    names += ["out_x", "out_mu", "out_a", "out_c", "out_m", *(name for name, *_ in dict.fromkeys(code.sums))]
    equations = "".join(f"{name} : 1\n" for name in names)
    equations += constants(("load", "slope", "shunt", "inner", "outer", "ends"), ("nu", "alpha", "q", "resolution"))
    equations += "" if plan.full else constants(("Z", "M", "R"))
    equations += "act : integer (constant)\nout_port : integer (constant)\nin_port : integer (constant)\n"
    equations += "up_cell : integer\ndown_cell : integer\n" * plan.late
    nodes = NeuronGroup(
        count, equations, events={"moved": MOVED} if plan.probe else {}, namespace=node_functions(), clock=clock,
        name="nodes",
    )  # fmt: skip
    set_unique(nodes, "out_port", np.arange(count))
    set_unique(nodes, "in_port", np.arange(count) + count)
    for name, variable, index in (
        ("B_in", "v", "out_port"), ("s_in", "v", "in_port"), ("w_back", "w", "out_port"), ("w_in", "w", "in_port"),
        ("n_up", "n_sent", "out_port"), ("n_down", "n_sent", "in_port"),
    ):  # fmt: skip
        refer(nodes, name, ports, variable, index=index)
    nodes.act = plan.activation
    nodes.inner, nodes.outer, nodes.ends = ~plan.links.source * 1.0, ~plan.links.output * 1.0, plan.links.output * 1.0
    return nodes


def _ring(plan: WavePMPPlan, nodes: NeuronGroup, clock: Clock) -> NeuronGroup | None:
    """Numbers under way: a cell per port and step."""
    if not plan.late:
        return None
    count, depth = plan.layout.neurons, plan.ring_depth
    ring = NeuronGroup(2 * count * depth, "state : 1\nwave : 1\nraw : 1\n", clock=clock, name="ring")
    set_unique(nodes, "up_cell", np.arange(count) * depth)
    set_unique(nodes, "down_cell", (np.arange(count) + count) * depth)
    for name, variable, index in (
        ("sent_up", "state", "up_cell"), ("sent_down", "state", "down_cell"), ("wave_up", "wave", "up_cell"),
        ("wave_down", "wave", "down_cell"), ("raw_down", "raw", "down_cell"),
    ):  # fmt: skip
        refer(nodes, name, ring, variable, index=index)
    return ring


def _lines(plan: WavePMPPlan, nodes: NeuronGroup, ring: NeuronGroup | None, clock: Clock) -> NeuronGroup:
    """Every direction of every line."""
    layout, count = plan.layout, plan.layout.neurons
    equations = "a : 1\nwave_here : 1\nfalls : integer (constant)\nis_raw : integer (constant)\nof_neuron : integer (constant)\n"
    equations += "of_port : integer (constant)\nstate_cell : integer\nwave_cell : integer\n" * plan.late
    equations += constants(("line_delay",)) if plan.late else ""
    lines = NeuronGroup(len(layout.tap_port), equations, namespace=node_functions(), clock=clock, name="lines")
    falls = layout.tap_port >= count
    lines.falls, lines.is_raw = falls, falls & plan.passing.taps
    lines.of_neuron = layout.tap_port % count
    if ring is None:
        for variable in ("out_x", "out_mu", "out_a", "out_m", "out_c"):
            refer(lines, variable, nodes, variable, index="of_neuron")
        state = "a = either(falls, out_mu, out_x)"
        wave = "wave_here = either(is_raw, out_c, either(falls, out_m, out_a))"
    else:
        depth = plan.ring_depth
        lines.of_port = layout.tap_port
        for name, variable, index in (
            ("ring_state", "state", "state_cell"), ("ring_wave", "wave", "wave_cell"), ("ring_raw", "raw", "wave_cell"),
        ):  # fmt: skip
            refer(lines, name, ring, variable, index=index)
        place = f"of_port*{depth} + (t_in_timesteps + {depth} - int(line_delay)"
        lines.run_regularly(
            f"state_cell = {place} + 1) % {depth}\nwave_cell = {place}) % {depth}\n",
            clock=clock, when="start", order=PLACES, name="line_places",
        )  # fmt: skip
        state, wave = "a = 1*ring_state", "wave_here = either(is_raw, ring_raw, ring_wave)"
    lines.run_regularly(wave, clock=clock, when="start", order=HEAR_WAVES, name="hear_waves")
    lines.run_regularly(state, clock=clock, when="start", order=HEAR, name="hear_states")
    lines.run_regularly(state, clock=clock, when="start", order=HEAR_BACK, name="hear_costates")
    return lines


def _passing(
    plan: WavePMPPlan, lines: NeuronGroup, nodes: NeuronGroup, clock: Clock
) -> tuple[Synapses, tuple[str, ...]]:
    """Waves that the identity transports."""
    model = "pass_up : 1\npass_down : 1\npassed_up_post = pass_up*wave_here_pre : 1 (summed)\n"
    model += "passed_down_post = pass_down*wave_here_pre : 1 (summed)\n"
    passing = Synapses(lines, nodes, model, clock=clock, name="passing")
    passing.connect(i=plan.passing.tap, j=plan.passing.neuron)
    for updater in passing.summed_updaters.values():
        updater.when, updater.order = "start", CARRY
    return passing, ("pass_up", "pass_down")


def _metric(plan: WavePMPPlan, code: Code, nodes: NeuronGroup, clock: Clock) -> tuple[Synapses, tuple[str, ...]]:
    """Products with metrics that are matrices."""
    sums = list(dict.fromkeys(code.sums))
    numbers = tuple(dict.fromkeys(["z_pair", "m_pair", *(number for _, number, _, _ in sums)]))
    model = "".join(f"{number} : 1\n" for number in numbers)
    model += "".join(f"{name}_post = {number}*{what}_pre : 1 (summed)\n" for name, number, what, _ in sums)
    metric = Synapses(nodes, nodes, model, clock=clock, name="metric")
    metric.connect(i=plan.pairs[0], j=plan.pairs[1])
    for name, _, _, order in sums:
        updater = metric.summed_updaters[f"{name}_post"]
        updater.when, updater.order = "start", order
    return metric, numbers


def _monitors(
    plan: WavePMPPlan, nodes: NeuronGroup, ports: NeuronGroup, lines: NeuronGroup, clock: Clock, hold: Clock
) -> Recorded:
    """What is recorded: the end of every hold, movements and power."""
    monitors, outputs = movements_of(nodes)
    if plan.power:
        meters, power = power_of(nodes, clock)
        monitors, outputs = monitors + meters, outputs | power
    for group, names in (
        (nodes, ["x", "lam", "s", "mu", "rx", "rl", "up", "down"]), (ports, ["n_sent"]), (lines, ["a"]),
    ):  # fmt: skip
        end = StateMonitor(group, names, record=True, clock=hold, when="start", order=-9, name=f"end_{group.name}")
        outputs |= {f"end.{name}": end.variables[name] for name in names}
        monitors.append(end)
    return monitors, outputs


def _traces(plan: WavePMPPlan, nodes: NeuronGroup, xbar: Synapses, clock: Clock) -> Recorded:
    """Everything at every step; of weights and biases that move, those with which the step was made."""
    traced = ["x", "lam", "s", "mu", "a", "c", "up", "down", "rx", "rl"]
    groups: list[tuple[Any, list[str]]] = [(nodes, traced)]
    if plan.learning is not None:
        groups = [(nodes, [*traced, "bias"]), (xbar, ["w"])]
    monitors: list[Any] = []
    outputs: dict[str, Any] = {}
    for group, names in groups:
        trace = StateMonitor(
            group, names, record=True, clock=clock, when="after_groups", order=1, name=f"trace_{group.name}"
        )
        outputs |= {f"trace.{name}": trace.variables[name] for name in names}
        monitors.append(trace)
    return monitors, outputs
