"""Lines, receivers and crossbars in brian2.

A payload is latched in the ring at emission and read when the event arrives, each line keeping its own place in the
ring. In tile wiring the taps of a crossbar are shared by its synapses, in synapse wiring each synapse has two of its
own; the objects are the same. Where a tap serves one synapse and does nothing but hold (synapse wiring, no crosstalk,
bandwidth or jitter), the line itself applies the weight: one event, one piece of code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, Group, NeuronGroup, Synapses

from emulator.engine.effects import Effects
from emulator.engine.events import OnEvent, name_ends, refer
from emulator.engine.jitter import GATE, GATE_EVENT, gates_of
from emulator.engine.learning import heard_taps, synapse_equations
from emulator.engine.plan import Plan
from emulator.engine.random import functions

#: the wave at the end of a line, before its receiver
RAW = "raw : 1\n"
#: the synapse that a tap feeds, and the port to which its answer goes
ONE_SYNAPSE = "synapse : integer (constant)\nto : integer (constant)\n"
#: beyond every count of events: where the noise of second arrivals is drawn
SECOND = 2.0**40
#: code that moves a place in a ring to the next of `depth` cells, of which `index` is the number of the ring
ADVANCE = "{cell} = {cell} + 1 - {depth}*int({cell} + 1 >= ({index} + 1)*{depth})"


def constants(names: tuple[str, ...], shared: tuple[str, ...] = ()) -> str:
    """Equations that declare numbers set from outside, one per element or one for all."""
    return "".join([f"{n} : 1 (constant)\n" for n in names] + [f"{n} : 1 (shared, constant)\n" for n in shared])


def receiving(effects: Effects, depth: int, tap: str, port: str, to: str = "") -> str:
    """What a receiver does at an event: loss, gain, offset and noise, unless the event is lost.

    Received events are counted, lost ones too, which picks the noise of each. Of an event that arrives twice, the
    second arrival stays, with noise of its own. The amplitude goes to the inbox, by way of `to` if that names code that
    uses the change, ``fresh - inbox``.
    """
    code = "raw = arriving\n" if effects.crosstalk else ""
    if effects.drops or effects.duplicates:
        code += f"fate = uniform(fate_key, {tap}, n_got)\n"
    if effects.duplicates:
        code += "again = int(fate > 1 - duplicate)\n"
    amplitude = effects.received.format(tap=tap, again=f" + {SECOND!r}*again" if effects.duplicates else "")
    code += f"fresh = {amplitude}\n"
    if effects.drops:
        code += "lost = int(fate < drop)\nfresh = lost*inbox + (1 - lost)*fresh\n"
    code += to + "inbox = fresh\n"
    if effects.counts:
        code += "n_got = n_got + 1\n"
    return code + ADVANCE.format(cell="next_cell", depth=depth, index=port)


def taps_of(plan: Plan, ring: NeuronGroup, clock: Clock) -> tuple[NeuronGroup, list[Any]]:
    """The receivers at the crossbars: each holds the last amplitude that arrived, and tells of its change."""
    effects, layout = plan.effects, plan.layout
    if plan.direct:
        taps = NeuronGroup(len(layout.tap_port), "", clock=clock, name="taps")
        return taps, [taps]
    equations = "a : 1\nda : 1\n" + ONE_SYNAPSE * plan.single
    came = "inbox"
    if effects.crosstalk:
        equations += "left : integer (constant)\nright : integer (constant)\n"
        equations += constants(("has_left", "has_right"), ("leak",))
        came = "(inbox + leak*(has_left*raw_left + has_right*raw_right))"
    events = {"arrive": f"{came} != a"}
    if effects.bandwidth:
        equations += "y : 1\n" + constants((), ("pole", "grain"))
        events["arrive"] = "abs(y - a) >= grain"
    if effects.jitter:
        equations += GATE + RAW * effects.crosstalk + constants(effects.line_variables, effects.line_keys)
        events["due"] = GATE_EVENT
    if plan.learning is not None:
        equations += "heard : boolean (constant)\n"
        events["arrive_back"] = f"{events['arrive']} and heard"
    taps = NeuronGroup(len(layout.tap_port), equations, events=events, namespace=functions(), clock=clock, name="taps")
    taps.set_event_schedule("arrive", when="taps")
    if plan.learning is not None:
        taps.set_event_schedule("arrive_back", when="taps")
        taps.heard = heard_taps(layout)
    if effects.bandwidth:
        taps.run_regularly(f"y = y + pole*({came} - y)", clock=clock, when="before_taps", name="low_pass")
        came = "y"
    act = f"v_to += {_weight(effects)}*da\n" if plan.single else ""
    return taps, [taps, OnEvent(taps, "arrive", f"da = {came} - a\n{act}a = {came}", when="after_taps")]


def lines_of(
    plan: Plan, ports: NeuronGroup, ring: NeuronGroup, taps: NeuronGroup, clock: Clock
) -> tuple[Synapses, list[Any]]:
    """Every direction of every line, from a port to a tap."""
    layout, effects, depth = plan.layout, plan.effects, plan.ring_depth
    if effects.jitter:
        made = gates_of(plan, ports, ring, taps, receiving(effects, depth, "i", "port"), clock)
        _hear_neighbours(plan, taps, taps)
        return made
    act = f"v_to += {_weight(effects)}*(fresh - inbox)\n" if plan.direct else ""
    lines = Synapses(
        ports,
        taps,
        "inbox : 1\nline_delay : 1 (constant)\nnext_cell : integer\n"
        + RAW * effects.crosstalk
        + ("n_got : integer\n" if effects.counts else "")
        + ONE_SYNAPSE * plan.direct
        + constants(effects.line_variables, effects.line_keys),
        on_pre=receiving(effects, depth, "of_tap", "of_port", act),
        on_event="emit",
        namespace=functions(),
        clock=clock,
        name="lines",
    )
    name_ends(lines, ports, taps, port="of_port", tap="of_tap")
    for owner in (lines, lines.pre):  # a pathway keeps its own table of variables
        refer(owner, "arriving", ring, "amplitude", index="next_cell")
    lines.connect(i=layout.tap_port, j=np.arange(len(layout.tap_port)))
    lines.next_cell = layout.tap_port * depth
    lines.pre.when = "lines"
    refer(taps, "a" if plan.direct else "inbox", lines, "inbox")
    _hear_neighbours(plan, taps, lines)
    return lines, [lines]


def _weight(effects: Effects) -> str:
    return "(w + w_read)" if effects.read_noise else "w"


def _hear_neighbours(plan: Plan, taps: NeuronGroup, holder: Group) -> None:
    """Crosstalk: let every tap read the waves that come in, undisturbed, at the ends of the neighbouring lines."""
    if not plan.effects.crosstalk:
        return
    victims, aggressors = plan.effects.pairs
    for side, chosen in (("left", aggressors < victims), ("right", aggressors > victims)):
        neighbour, present = np.zeros(len(taps), np.int32), np.zeros(len(taps))
        neighbour[victims[chosen]], present[victims[chosen]] = aggressors[chosen], 1.0
        setattr(taps, side, neighbour)
        setattr(taps, f"has_{side}", present)
        refer(taps, f"raw_{side}", holder, "raw", index=side)


def crossbars_of(
    plan: Plan, ports: NeuronGroup, lines: Synapses, taps: NeuronGroup, clock: Clock, hold: Clock
) -> Synapses:
    """Every synapse: one two-port element, its weight used forward and backward."""
    layout, effects = plan.layout, plan.effects
    weight, summed = _weight(effects), not layout.tile and plan.learning is None
    acting = {
        "on_pre": f"v_state += {weight}*da_pre",
        "on_post": f"v_costate += {weight}*da_post",
        "on_event": {"pre": "arrive", "post": "arrive" if plan.learning is None else "arrive_back"},
    }
    xbar = Synapses(
        taps,
        taps,
        "w : 1\nto_state : integer (constant)\nto_costate : integer (constant)\n"
        + ("g : 1\n" if summed else "")
        + synapse_equations(plan.learning)
        + ("w_read : 1\n" + constants((effects.read_variable,), ("read_key",)) if effects.read_noise else ""),
        **({} if plan.single else acting),
        namespace=functions(),
        clock=clock,
        name="xbar",
    )
    for owner in (xbar,) if plan.single else (xbar, xbar.pre, xbar.post):
        refer(owner, "v_state", ports, "v", index="to_state")
        refer(owner, "v_costate", ports, "v", index="to_costate")
    xbar.connect(i=layout.row, j=layout.column)
    xbar.to_state, xbar.to_costate = layout.to_state, layout.to_costate
    if summed:
        xbar.run_regularly("g = g + a_pre*a_post", clock=hold, when="start", order=-3, name="gradient")
    if plan.single:
        _act_directly(plan, ports, lines if plan.direct else taps, xbar)
    if effects.read_noise:
        xbar.run_regularly(
            f"""fresh = {effects.read_sigma}*gauss(read_key, {len(layout.tap_port)}.0*i + j, t_in_timesteps)
            v_state += (fresh - w_read)*a_pre
            v_costate += (fresh - w_read)*a_post
            w_read = fresh""",
            clock=hold,
            when="start",
            order=-2,
            name="read_again",
        )
    return xbar


def _act_directly(plan: Plan, ports: NeuronGroup, receivers: Synapses | NeuronGroup, xbar: Synapses) -> None:
    """Let every receiver apply the weight of the one synapse that it feeds."""
    layout = plan.layout
    for owner in (receivers, receivers.pre) if plan.direct else (receivers,):
        refer(owner, "w", xbar, "w", index="synapse")
        refer(owner, "v_to", ports, "v", index="to")
        if plan.effects.read_noise:
            refer(owner, "w_read", xbar, "w_read", index="synapse")
    synapse, to = np.zeros(len(layout.tap_port), np.int32), np.zeros(len(layout.tap_port), np.int32)
    synapse[layout.row] = synapse[layout.column] = np.arange(layout.synapses)
    to[layout.row], to[layout.column] = layout.to_state, layout.to_costate
    receivers.synapse, receivers.to = synapse, to
