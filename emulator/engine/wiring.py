"""Lines, receivers and crossbars in brian2.

A payload is latched in the ring at emission and read when the event arrives, each line keeping its own place in the
ring. In tile wiring the taps of a crossbar are shared by its synapses, in synapse wiring each synapse has two of its
own; the objects are the same. A tap holds the last amplitude that arrived, and tells its direction of the crossbar of
every change (`emulator.engine.sums`). Where it does nothing else (synapse wiring, no crosstalk, bandwidth or jitter),
the line itself holds the amplitude: one event, one piece of code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, Group, NeuronGroup, Synapses
from brian2.core.variables import Variable

from emulator.engine.effects import Effects
from emulator.engine.events import OnEvent, name_ends, refer, set_unique
from emulator.engine.expressions import node_functions
from emulator.engine.jitter import GATE, GATE_EVENT, gates_of
from emulator.engine.learning import synapse_equations
from emulator.engine.plan import Plan
from emulator.engine.random import functions
from emulator.engine.reading import read_anew, read_equations
from emulator.engine.sums import Directions

#: the wave at the end of a line, before its receiver
RAW = "raw : 1\n"
#: the direction of a crossbar that a tap belongs to, and what tells it of a change
ADDER, TELL = "adder : integer (constant)\n", "moved += 1\n"
#: beyond every count of events: where the noise of second arrivals is drawn
SECOND = 2.0**40
#: code that moves a place in a ring to the next of `depth` cells, of which `index` is the number of the ring
ADVANCE = "{cell} = {cell} + 1 - {depth}*int({cell} + 1 >= ({index} + 1)*{depth})"


def constants(names: tuple[str, ...], shared: tuple[str, ...] = ()) -> str:
    """Equations that declare numbers set from outside, one per element or one for all."""
    return "".join([f"{n} : 1 (constant)\n" for n in names] + [f"{n} : 1 (shared, constant)\n" for n in shared])


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


def heard(effects: Effects, tap: str) -> str:
    """What a receiver makes of an event's amplitude `arriving`: loss, gain, offset and noise, unless the event is lost.

    Received events are counted by `n_got`, lost ones too, which picks the noise of each. Of an event that arrives twice,
    the second arrival stays, with noise of its own. What stays is `fresh`.
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
    return code


def leaking(effects: Effects) -> tuple[str, str]:
    """What reaches a crossbar of what its receivers hold, with the waves of the neighbouring lines; and its equations."""
    if not effects.crosstalk:
        return "inbox", ""
    places = "left : integer (constant)\nright : integer (constant)\n"
    return "(inbox + spill*(has_left*raw_left + has_right*raw_right))", places + constants(("has_left", "has_right"))


def receiving(effects: Effects, depth: int, tap: str, port: str, then: str = "") -> str:
    """What a receiver does at an event; the amplitude goes to the inbox, and `then` is code for after that."""
    code = heard(effects, tap) + "inbox = fresh\n" + then
    if effects.counts:
        code += "n_got = n_got + 1\n"
    return code + ADVANCE.format(cell="next_cell", depth=depth, index=port)


def taps_of(plan: Plan, adders: NeuronGroup, found: Directions, clock: Clock) -> tuple[NeuronGroup, list[Any]]:
    """The receivers at the crossbars: each holds the last amplitude that arrived, and tells of its change."""
    effects, layout = plan.effects, plan.layout
    if plan.direct:
        taps = NeuronGroup(len(layout.tap_port), "", clock=clock, name="taps")
        return taps, [taps]
    came, equations = leaking(effects)
    equations += "a : 1\n" + ADDER + constants((), ("spill",)) * effects.crosstalk
    event = f"{came} != a"
    if effects.bandwidth:
        equations += "y : 1\n" + constants((), ("pole", "grain"))
        event = "abs(y - a) >= grain"
    if effects.jitter:
        equations += GATE + RAW * effects.crosstalk + constants(effects.line_variables, effects.line_keys)
    events = {"arrive": event} | ({"due": GATE_EVENT} if effects.jitter else {})
    space = {**functions(), **node_functions()}
    taps = NeuronGroup(len(layout.tap_port), equations, events=events, namespace=space, clock=clock, name="taps")
    taps.set_event_schedule("arrive", when="taps")
    if effects.bandwidth:
        code = f"y = recovered(y, a)\ny = y + pole*({came} - y)"
        taps.run_regularly(code, clock=clock, when="before_taps", name="low_pass")
        came = "y"
    _tell(taps, (taps,), adders, found)
    return taps, [taps, OnEvent(taps, "arrive", f"a = {came}\n{TELL}", when="after_taps")]


def lines_of(
    plan: Plan,
    ports: NeuronGroup,
    ring: NeuronGroup,
    taps: NeuronGroup,
    clock: Clock,
    adders: NeuronGroup | None = None,
    found: Directions | None = None,
) -> tuple[Synapses, list[Any]]:
    """Every direction of every line, from a port to a tap; `adders` are told of changes where lines act as taps."""
    layout, effects, depth = plan.layout, plan.effects, plan.ring_depth
    if effects.jitter:
        made = gates_of(plan, ports, ring, taps, receiving(effects, depth, "i", "port"), clock)
        hear_neighbours(plan.effects, taps, taps)
        return made
    lines = Synapses(
        ports,
        taps,
        "inbox : 1\nline_delay : 1 (constant)\nnext_cell : integer\n"
        + RAW * effects.crosstalk
        + ("n_got : integer\n" if effects.counts else "")
        + ADDER * plan.direct
        + constants(effects.line_variables, effects.line_keys),
        on_pre=receiving(effects, depth, "of_tap", "of_port", TELL * plan.direct),
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
    if plan.direct and adders is not None and found is not None:
        _tell(lines, (lines, lines.pre), adders, found)
    hear_neighbours(plan.effects, taps, lines)
    return lines, [lines]


def _tell(holder: Group, owners: tuple[Any, ...], adders: NeuronGroup, found: Directions) -> None:
    """Let every tap tell its direction of the crossbar that it has changed."""
    for owner in owners:
        refer(owner, "moved", adders, "moved", index="adder")
    holder.adder = found.of_tap


def hear_neighbours(effects: Effects, taps: NeuronGroup, holder: Group) -> None:
    """Crosstalk: let every tap read the waves that come in, undisturbed, at the ends of the neighbouring lines."""
    if not effects.crosstalk:
        return
    victims, aggressors = effects.pairs
    for side, chosen in (("left", aggressors < victims), ("right", aggressors > victims)):
        neighbour, present = np.zeros(len(taps), np.int32), np.zeros(len(taps))
        neighbour[victims[chosen]], present[victims[chosen]] = aggressors[chosen], 1.0
        setattr(taps, side, neighbour)
        setattr(taps, f"has_{side}", present)
        refer(taps, f"raw_{side}", holder, "raw", index=side)


def crossbars_of(plan: Plan, taps: NeuronGroup, clock: Clock, hold: Clock) -> tuple[Synapses, Variable]:
    """Every synapse, one two-port element with one weight used forward and backward; and the weight that acts."""
    layout, effects = plan.layout, plan.effects
    summed = not layout.tile and plan.learning is None
    xbar = Synapses(
        taps,
        taps,
        "w : 1\n"
        + ("g : 1\n" if summed else "")
        + synapse_equations(plan.learning, layout, plan.decaying)
        + read_equations(effects),
        namespace=functions(),
        clock=clock,
        name="xbar",
    )
    xbar.connect(i=layout.row, j=layout.column)
    if plan.learning is not None:
        xbar.to_costate = layout.to_costate
    if summed:
        xbar.run_regularly("g = g + a_pre*a_post", clock=hold, when="start", order=-3, name="gradient")
    beat = clock if plan.moving else hold
    return xbar, read_anew(xbar, len(layout.tap_port), effects, beat, hold)
