"""Jitter: events that wait at the receiver until they are due.

The pathway brings an event early by the largest deviation J. Its due step, ``max(due of the one before + 1, nominal +
deviation)``, is put into a queue at the receiver; the amplitude stays in the ring of the port. One event a step can be
due on a line, and none before its predecessor: lines stay first-in-first-out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.events import OnEvent, name_ends, refer, set_unique
from emulator.engine.plan import Plan
from emulator.engine.random import functions

#: what a tap needs to keep a queue of events and to take the next amplitude from the ring
GATE = """inbox : 1
n_got : integer
next_cell : integer
next_due : integer
port : integer (constant)
"""
GATE_EVENT = "waiting > 0 and first_due <= t_in_timesteps"


def gates_of(
    plan: Plan, ports: NeuronGroup, ring: NeuronGroup, taps: NeuronGroup, receive: str, clock: Clock
) -> tuple[Synapses, list[Any]]:
    """Lines that bring events early, and gates at the taps that let them in when they are due."""
    layout, furthest = plan.layout, plan.effects.jitter
    count, places = len(layout.tap_port), 2 * furthest + 2
    queue = NeuronGroup(count * places, "due_step : 1", clock=clock, name="queue")
    advance = "{cell} = {cell} + 1 - %d*int({cell} + 1 >= ({index} + 1)*%d)" % (places, places)  # noqa: UP031
    lines = Synapses(
        ports,
        taps,
        """line_delay : 1 (constant)
        due : 1
        n_come : integer
        put_cell : integer
        waiting : integer
        jitter_key : 1 (shared, constant)
        jitter_sigma : 1 (shared, constant)""",
        on_pre={
            "pre": f"""shift = clip(floor(jitter_sigma*gauss(jitter_key, of_tap, n_come) + 0.5), -{furthest}, {furthest})
            due = clip(t_in_timesteps + {furthest} + shift, due + 1, 1e300)
            entry = due
            n_come = n_come + 1
            waiting = waiting + 1""",
            "put": advance.format(cell="put_cell", index="of_tap"),
        },
        on_event={"pre": "emit", "put": "emit"},
        namespace=functions(),
        clock=clock,
        name="lines",
    )
    name_ends(lines, ports, taps, port="of_port", tap="of_tap")
    for owner in (lines, lines.pre, lines.put):
        refer(owner, "entry", queue, "due_step", index="put_cell")
    lines.connect(i=layout.tap_port, j=np.arange(count))
    set_unique(lines, "put_cell", np.arange(count) * places)
    lines.due = -1.0
    lines.pre.when = lines.put.when = "lines"
    lines.pre.order, lines.put.order = -1, 1
    refer(taps, "waiting", lines, "waiting")
    refer(taps, "first_due", queue, "due_step", index="next_due")
    refer(taps, "arriving", ring, "amplitude", index="next_cell")
    taps.port = layout.tap_port
    taps.next_cell = layout.tap_port * plan.ring_depth
    taps.next_due = np.arange(count) * places
    taps.set_event_schedule("due", when="after_lines")
    code = receive + "\nwaiting = waiting - 1\n" + advance.format(cell="next_due", index="i")
    return lines, [queue, lines, OnEvent(taps, "due", code, when="after_lines", order=1)]
