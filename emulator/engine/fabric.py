"""The substrate in brian2: a fixed number of objects, whatever the depth of the network.

| object      | what it is                                                                                       |
|-------------|--------------------------------------------------------------------------------------------------|
| `ports`     | two per neuron: the wave that leaves (`u`), the sum that arrives (`v`); emits graded events      |
| `ring`      | amplitudes in flight: one cell per port and step of the longest delay                            |
| `nodes`     | one per neuron: the node law                                                                     |
| `terminals` | the data: clamp the sources and set the targets when a sample begins                             |
| `lines`     | tile wiring: one synapse per line direction; delivers the amplitude latched at emission          |
| `taps`      | tile wiring: the receivers at the crossbars, holding the last amplitude that arrived             |
| `xbar`      | one two-port synapse per weight: states forward, costates back, the weight once                  |

An event carries an absolute amplitude, latched in the ring when it is emitted; a receiver turns it into a change, so a sum
is only ever added to. One step: data, node update, emission, latch, arrival at the taps, multiplication by the weights. What
arrives in a step is seen by the nodes in the next, so a line of d steps has a pathway delay of d - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import (
    Clock,
    EventMonitor,
    Network,
    NeuronGroup,
    StateMonitor,
    Synapses,
    TimedArray,
    second,
)
from brian2.core.variables import Variable

from emulator.engine.events import OnEvent, refer, set_unique
from emulator.engine.expressions import erf_function
from emulator.engine.plan import STEP, Plan

SCHEDULE = ["start", "groups", "thresholds", "latch", "lines", "taps", "synapses", "resets", "end"]

_ADVANCE = "{cell} = {cell} + 1 - depth*int({cell} + 1 >= ({port} + 1)*depth)"


@dataclass
class Fabric:
    """The brian2 objects of a plan, and the variables through which numbers go in and come out."""

    network: Network
    inputs: dict[str, Variable]
    outputs: dict[str, Variable]
    delays: list[tuple[Any, str]]

    def set_delays(self) -> None:
        """Pass the delays, which are ordinary variables, on to the pathways (standalone: after the run arguments)."""
        for pathway, expression in self.delays:
            pathway.delay = expression


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
            ports, "emit", "sent = u\nn_sent = n_sent + 1\n" + _ADVANCE.format(cell="cell", port="i"), when="after_latch"
        ),
    ]

    nodes, extra = _nodes(plan, ports, clock)
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
    wired, delays = _tile_wiring(plan, ports, ring, clock) if layout.tile else _synapse_wiring(plan, ports, ring, clock, hold)
    objects += wired
    by_name = {o.name: o for o in objects if hasattr(o, "name")}
    inputs["w"] = by_name["xbar"]
    variables = {name: owner.variables[name] for name, owner in inputs.items()}
    for pathway, name in delays:
        variables[name] = pathway.synapses.variables[name]
    monitors, outputs = _monitors(plan, by_name, clock, hold)
    network = Network(*objects, *monitors)
    network.schedule = SCHEDULE
    delay_code = [(pathway, f"{name}*{STEP!r}*second") for pathway, name in delays]
    return Fabric(network, variables, outputs, delay_code)


def _nodes(plan: Plan, ports: NeuronGroup, clock: Clock) -> tuple[NeuronGroup, list[Any]]:
    """The neurons and, for a cross-entropy load, the sum over the outputs that softmax needs."""
    count = plan.layout.neurons
    equations = """lam : 1
        F : 1
        D : 1
        p : 1
        rx : 1
        rl : 1
        P : 1
        ext : 1
        seen_x : 1
        seen_lam : 1
        bias : 1 (constant)
        load : 1 (constant)
        slope : 1 (constant)
        Z : 1 (constant)
        act : integer (constant)
        out_port : integer (constant)
        in_port : integer (constant)
        resolution : 1 (shared, constant)
        """ + "\n".join(f"{name} : 1 (shared, constant)" for name in plan.law.parameters)
    moved = "abs(x - seen_x) > resolution*abs(seen_x) or abs(lam - seen_lam) > resolution*abs(seen_lam)"
    nodes = NeuronGroup(
        count, equations, events={"moved": moved} if plan.probe else {},
        namespace={"erf": erf_function()}, clock=clock, name="nodes",
    )  # fmt: skip
    for name, variable, index in (
        ("x", "u", "out_port"), ("mu", "u", "in_port"), ("B_in", "v", "out_port"), ("s_in", "v", "in_port"),
    ):  # fmt: skip
        refer(nodes, name, ports, variable, index=index)
    set_unique(nodes, "out_port", np.arange(count))
    set_unique(nodes, "in_port", np.arange(count) + count)
    nodes.act = plan.activation
    extra: list[Any] = []
    if plan.loss == "softmax_cross_entropy":
        extra = _softmax(plan, ports, nodes, clock)
    for k, code in enumerate(plan.update):
        nodes.run_regularly(code, clock=clock, when="start", order=4 * k, name=f"update{k}")
    if plan.probe:
        nodes.set_event_schedule("moved", when="groups", order=-1)
        extra.append(OnEvent(nodes, "moved", "seen_x = x\nseen_lam = lam", when="after_groups"))
    return nodes, extra


def _softmax(plan: Plan, ports: NeuronGroup, nodes: NeuronGroup, clock: Clock) -> list[Any]:
    """The log-sum-exp of the outputs, carried from step to step so that nothing overflows."""
    load = NeuronGroup(1, "lse : 1\ntotal : 1", clock=clock, name="load")
    refer(nodes, "lse", load, "lse", index="0")
    star = Synapses(
        ports, load, "total_post = exp(clip(u_pre - lse_post, -700, 700)) : 1 (summed)", clock=clock, name="outputs"
    )
    star.connect(i=plan.layout.outputs, j=np.zeros(len(plan.layout.outputs), dtype=int))
    updater = star.summed_updaters["total_post"]
    updater.when, updater.order = "start", 1
    load.run_regularly("lse = lse + log(total)", clock=clock, when="start", order=2, name="log_sum")
    return [load, star]


def _tile_wiring(plan: Plan, ports: NeuronGroup, ring: NeuronGroup, clock: Clock) -> tuple[list[Any], list[tuple[Any, str]]]:
    """One line per neuron and direction, a receiver at its end, and a bare crossbar behind the receivers."""
    layout = plan.layout
    taps = NeuronGroup(
        len(layout.tap_port), "a : 1\nda : 1", events={"arrive": "inbox != a"}, clock=clock, name="taps"
    )
    taps.set_event_schedule("arrive", when="taps")
    lines = Synapses(
        ports, taps,
        """inbox : 1
        line_delay : 1 (constant)
        next_cell : integer""",
        on_pre="inbox = arriving\n" + _ADVANCE.format(cell="next_cell", port="i"),
        on_event="emit", namespace={"depth": layout.ring_depth}, clock=clock, name="lines",
    )  # fmt: skip
    for owner in (lines, lines.pre):  # a pathway keeps its own table of variables
        refer(owner, "arriving", ring, "amplitude", index="next_cell")
    lines.connect(i=layout.tap_port, j=np.arange(len(layout.tap_port)))
    lines.next_cell = layout.tap_port * layout.ring_depth
    lines.pre.when = "lines"
    refer(taps, "inbox", lines, "inbox")
    receive = OnEvent(taps, "arrive", "da = inbox - a\na = inbox", when="after_taps")
    xbar = Synapses(
        taps, taps,
        """w : 1
        to_state : integer (constant)
        to_costate : integer (constant)""",
        on_pre="v_state += w*da_pre", on_post="v_costate += w*da_post",
        on_event={"pre": "arrive", "post": "arrive"}, clock=clock, name="xbar",
    )  # fmt: skip
    for owner in (xbar, xbar.pre, xbar.post):
        refer(owner, "v_state", ports, "v", index="to_state")
        refer(owner, "v_costate", ports, "v", index="to_costate")
    xbar.connect(i=layout.row, j=layout.column)
    xbar.to_state, xbar.to_costate = layout.to_state, layout.to_costate
    return [taps, lines, receive, xbar], [(lines.pre, "line_delay")]


def _synapse_wiring(
    plan: Plan, ports: NeuronGroup, ring: NeuronGroup, clock: Clock, hold: Clock
) -> tuple[list[Any], list[tuple[Any, str]]]:
    """One two-way line per synapse: its state goes out with one delay, its costate comes back with another."""
    layout = plan.layout
    xbar = Synapses(
        ports, ports,
        """w : 1
        ax : 1
        am : 1
        g : 1
        delay_forward : 1 (constant)
        delay_backward : 1 (constant)
        cell_x : integer
        cell_m : integer""",
        on_pre="v_post += w*(arriving_x - ax)\nax = arriving_x\n" + _ADVANCE.format(cell="cell_x", port="i"),
        on_post="v_pre += w*(arriving_m - am)\nam = arriving_m\n" + _ADVANCE.format(cell="cell_m", port="j"),
        on_event={"pre": "emit", "post": "emit"}, namespace={"depth": layout.ring_depth}, clock=clock, name="xbar",
    )  # fmt: skip
    for owner in (xbar, xbar.pre, xbar.post):
        refer(owner, "arriving_x", ring, "amplitude", index="cell_x")
        refer(owner, "arriving_m", ring, "amplitude", index="cell_m")
    xbar.connect(i=layout.row, j=layout.column)
    xbar.cell_x, xbar.cell_m = layout.row * layout.ring_depth, layout.column * layout.ring_depth
    xbar.run_regularly("g = g + ax*am", clock=hold, when="start", order=-3, name="gradient")
    return [xbar], [(xbar.pre, "delay_forward"), (xbar.post, "delay_backward")]


def _monitors(plan: Plan, by_name: dict[str, Any], clock: Clock, hold: Clock) -> tuple[list[Any], dict[str, Variable]]:
    """What is recorded: the end of every hold; movements, power and traces on request."""
    ports, nodes = by_name["ports"], by_name["nodes"]
    at_end = {"clock": hold, "when": "start", "order": -3}
    snapshots = [
        (ports, ["u", "v", "n_sent"], StateMonitor(ports, ["u", "v", "n_sent"], record=True, name="end_ports", **at_end)),
        (nodes, ["lam", "rx", "rl"], StateMonitor(nodes, ["lam", "rx", "rl"], record=True, name="end_nodes", **at_end)),
    ]
    if plan.layout.tile:
        taps = by_name["taps"]
        snapshots.append((taps, ["a"], StateMonitor(taps, ["a"], record=True, name="end_taps", **at_end)))
    outputs = {f"end.{name}": mon.variables[name] for _, names, mon in snapshots for name in names}
    monitors: list[Any] = [mon for _, _, mon in snapshots]
    if not plan.layout.tile:
        outputs["g"] = by_name["xbar"].variables["g"]
    if plan.probe:
        moved = EventMonitor(nodes, "moved", variables=["x", "lam"], when="groups", name="movements")
        outputs |= {f"moved.{name}": moved.variables[name] for name in ("i", "t", "x", "lam")}
        monitors.append(moved)
    if plan.power:
        meter = NeuronGroup(1, "P : 1", clock=clock, name="meter")
        wires = Synapses(nodes, meter, "P_post = P_pre : 1 (summed)", clock=clock, name="meter_wires")
        wires.connect(i=np.arange(plan.layout.neurons), j=np.zeros(plan.layout.neurons, dtype=int))
        power = StateMonitor(meter, "P", record=True, clock=clock, when="end", name="power")
        outputs["power"] = power.variables["P"]
        monitors += [meter, wires, power]
    if plan.traces:
        waves = StateMonitor(ports, "u", record=True, clock=clock, when="after_groups", order=1, name="trace_ports")
        costates = StateMonitor(nodes, "lam", record=True, clock=clock, when="after_groups", order=1, name="trace_nodes")
        emitted = EventMonitor(ports, "emit", variables=["u"], when="after_thresholds", name="emissions")
        outputs |= {"trace.u": waves.variables["u"], "trace.lam": costates.variables["lam"]}
        outputs |= {f"emitted.{name}": emitted.variables[name] for name in ("i", "t", "u")}
        monitors += [waves, costates, emitted]
    return monitors, outputs
