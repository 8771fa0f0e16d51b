"""Lines, receivers and crossbars in brian2.

A payload is latched in the ring at emission and read when the event arrives, each line keeping its own place in the ring.
In tile wiring the taps of a crossbar are shared by its synapses, in synapse wiring each synapse has two of its own; the
objects are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.events import OnEvent, refer
from emulator.engine.plan import Plan

#: code that moves a place in the ring to the next of the port's cells
ADVANCE = "{cell} = {cell} + 1 - depth*int({cell} + 1 >= ({port} + 1)*depth)"


def lines_of(plan: Plan, ports: NeuronGroup, ring: NeuronGroup, clock: Clock) -> tuple[Synapses, list[Any]]:
    """Every direction of every line, and the taps at their ends, which hold the last amplitude that arrived."""
    layout = plan.layout
    taps = NeuronGroup(len(layout.tap_port), "a : 1\nda : 1", events={"arrive": "inbox != a"}, clock=clock, name="taps")
    taps.set_event_schedule("arrive", when="taps")
    lines = Synapses(
        ports,
        taps,
        """inbox : 1
        line_delay : 1 (constant)
        next_cell : integer""",
        on_pre="inbox = arriving\n" + ADVANCE.format(cell="next_cell", port="i"),
        on_event="emit",
        namespace={"depth": layout.ring_depth},
        clock=clock,
        name="lines",
    )
    for owner in (lines, lines.pre):  # a pathway keeps its own table of variables
        refer(owner, "arriving", ring, "amplitude", index="next_cell")
    lines.connect(i=layout.tap_port, j=np.arange(len(layout.tap_port)))
    lines.next_cell = layout.tap_port * layout.ring_depth
    lines.pre.when = "lines"
    refer(taps, "inbox", lines, "inbox")
    receive = OnEvent(taps, "arrive", "da = inbox - a\na = inbox", when="after_taps")
    return lines, [taps, lines, receive]


def crossbars_of(plan: Plan, ports: NeuronGroup, taps: NeuronGroup, clock: Clock, hold: Clock) -> Synapses:
    """Every synapse: one two-port element, its weight used forward and backward."""
    layout = plan.layout
    xbar = Synapses(
        taps,
        taps,
        """w : 1
        to_state : integer (constant)
        to_costate : integer (constant)"""
        + ("" if layout.tile else "\ng : 1"),
        on_pre="v_state += w*da_pre",
        on_post="v_costate += w*da_post",
        on_event={"pre": "arrive", "post": "arrive"},
        clock=clock,
        name="xbar",
    )
    for owner in (xbar, xbar.pre, xbar.post):
        refer(owner, "v_state", ports, "v", index="to_state")
        refer(owner, "v_costate", ports, "v", index="to_costate")
    xbar.connect(i=layout.row, j=layout.column)
    xbar.to_state, xbar.to_costate = layout.to_state, layout.to_costate
    if not layout.tile:
        xbar.run_regularly("g = g + a_pre*a_post", clock=hold, when="start", order=-3, name="gradient")
    return xbar
