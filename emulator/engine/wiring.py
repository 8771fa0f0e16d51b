"""Lines, receivers and crossbars in brian2: the two ways of wiring neurons together.

A payload is latched in the ring at emission and read when the event arrives, each line keeping its own place in the
ring.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.events import OnEvent, refer
from emulator.engine.plan import Plan

#: code that moves a place in the ring to the next of the port's cells
ADVANCE = "{cell} = {cell} + 1 - depth*int({cell} + 1 >= ({port} + 1)*depth)"

Delays = list[tuple[Any, str]]


def tile_wiring(plan: Plan, ports: NeuronGroup, ring: NeuronGroup, clock: Clock) -> tuple[list[Any], Delays]:
    """One line per neuron and direction, a receiver at its end, and a bare crossbar behind the receivers."""
    layout = plan.layout
    taps = NeuronGroup(len(layout.tap_port), "a : 1\nda : 1", events={"arrive": "inbox != a"}, clock=clock, name="taps")
    taps.set_event_schedule("arrive", when="taps")
    lines = Synapses(
        ports, taps,
        """inbox : 1
        line_delay : 1 (constant)
        next_cell : integer""",
        on_pre="inbox = arriving\n" + ADVANCE.format(cell="next_cell", port="i"),
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


def synapse_wiring(
    plan: Plan, ports: NeuronGroup, ring: NeuronGroup, clock: Clock, hold: Clock
) -> tuple[list[Any], Delays]:
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
        on_pre="v_post += w*(arriving_x - ax)\nax = arriving_x\n" + ADVANCE.format(cell="cell_x", port="i"),
        on_post="v_pre += w*(arriving_m - am)\nam = arriving_m\n" + ADVANCE.format(cell="cell_m", port="j"),
        on_event={"pre": "emit", "post": "emit"}, namespace={"depth": layout.ring_depth}, clock=clock, name="xbar",
    )  # fmt: skip
    for owner in (xbar, xbar.pre, xbar.post):
        refer(owner, "arriving_x", ring, "amplitude", index="cell_x")
        refer(owner, "arriving_m", ring, "amplitude", index="cell_m")
    xbar.connect(i=layout.row, j=layout.column)
    xbar.cell_x, xbar.cell_m = layout.row * layout.ring_depth, layout.column * layout.ring_depth
    xbar.run_regularly("g = g + ax*am", clock=hold, when="start", order=-3, name="gradient")
    return [xbar], [(xbar.pre, "delay_forward"), (xbar.post, "delay_backward")]
