"""The ends of two-way lines in brian2: waves that leave, travel and arrive, all of them at every step.

| object  | what it is                                                                                             |
|---------|--------------------------------------------------------------------------------------------------------|
| `ports` | the ends of lines and their terminations: the wave that leaves (`u`), as it was sent last (`sent`), and the wave |
|         | that has arrived and is held (`a`), behind a low-pass where there is one                                |
| `ring`  | what was sent in the last steps, a run of all ports for each step; none where every line has one step   |

A wave is sent when it has moved by the send-on-change threshold, which counts as an event; until then the line goes on
carrying what was sent before. A line of d steps is read ``d - 1`` runs behind the one that has just been written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup

from emulator.engine.events import refer, set_unique
from emulator.engine.native import elementwise
from emulator.engine.random import functions
from emulator.engine.wiring import constants
from emulator.families.bilateral.plan import BilateralPlan

#: what a port knows of the junction it stands at, and of its line
_PLACES = ("node", "row", "column", "mate", "partner")
#: numbers of every port
NUMBERS = ("on_x", "on_mu", "as_row", "as_column", "own", "other", "power_scale")


def ports_of(plan: BilateralPlan, clock: Clock) -> tuple[NeuronGroup, list[Any]]:
    """The ports, and the objects that carry waves."""
    layout, effects, filtered = plan.layout, plan.effects, plan.filtered
    numbers = (*NUMBERS, *effects.port_variables, *effects.line_variables, *(("pole",) if filtered else ()))
    shared = ("q", *effects.port_keys, *effects.line_keys, *(("grain",) if filtered else ()))
    equations = "u : 1\nP : 1\nsent : 1\na : 1\nmoves : integer\nn_sent : integer\n" + constants(numbers, shared)
    equations += "".join(f"{name} : integer (constant)\n" for name in _PLACES)
    equations += "y : 1\n" * filtered + "unrounded : 1\n" * effects.dithered
    equations += "inbox : 1\nn_got : integer\n" * effects.counts
    equations += "cell : integer\nthere : integer\n"
    ports = NeuronGroup(
        layout.ports, equations, events={"emit": "moves > 0"} if plan.traces else {},
        namespace={**functions(), "chosen": elementwise("chosen", 3, _chosen, "a != 0 ? b : c")},
        clock=clock, name="ports",
    )  # fmt: skip
    if plan.traces:
        ports.set_event_schedule("emit", when="thresholds")
    ports.node, ports.mate, ports.partner = layout.node, layout.mate, layout.partner
    ports.row, ports.column = layout.crossbars.port_row, layout.crossbars.port_column
    refer(ports, "a_mate", ports, "a", index="mate")
    refer(ports, "a_there", ports, "a", index="partner")
    _arrive(plan, ports, clock)
    return ports, [ports, *_ring(plan, ports, clock)]


def leave(plan: BilateralPlan, ports: NeuronGroup, clock: Clock, order: int) -> None:
    """Let waves leave, once junctions have answered: in two slots of `start` from `order` on."""
    effects = plan.effects
    code = "u = as_row*x_row + as_column*lam_column + on_x*x + on_mu*mu + own*a + other*a_mate\n"
    code += "P = power_scale*(u - a_there)*(u - a_there)\n" * plan.power
    # a rounding that is drawn anew for every event is not compared: it would never rest
    moves = "abs(u - unrounded) >= q" if effects.dithered else "abs(wave - sent) >= q"
    send = f"wave = {effects.wave}\nmoves = int({moves})\nsent = chosen(moves, wave, sent)\nn_sent = n_sent + moves\n"
    send += "unrounded = chosen(moves, u, unrounded)\n" * effects.dithered
    send += "leaving = sent\n" * (plan.ring_depth > 1)
    send += "counting = n_sent\n" * (effects.counts and plan.ring_depth > 1)
    ports.run_regularly(code + send, clock=clock, when="start", order=order, name="leave")


def _chosen(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return np.where(a != 0, b, c)


def _ring(plan: BilateralPlan, ports: NeuronGroup, clock: Clock) -> list[Any]:
    """What lines longer than a step carry; lines of one step hand on what was sent."""
    depth, count, counts = plan.ring_depth, plan.layout.ports, plan.effects.counts
    if depth == 1:
        refer(ports, "arriving", ports, "sent", index="partner")
        refer(ports, "came", ports, "n_sent", index="partner")
        return []
    ring = NeuronGroup(depth * count, "amplitude : 1\n" + "number : integer\n" * counts, clock=clock, name="ring")
    set_unique(ports, "cell", np.arange(count))
    set_unique(ports, "there", plan.there)
    for name, variable, index in (
        ("leaving", "amplitude", "cell"), ("arriving", "amplitude", "there"),
        *((("counting", "number", "cell"), ("came", "number", "there")) if counts else ()),
    ):  # fmt: skip
        refer(ports, name, ring, variable, index=index)
    for index in ("cell", "there"):
        code = f"{index} = {index} + {count} - {depth * count}*int({index} + {count} >= {depth * count})"
        ports.run_regularly(code, clock=clock, when="taps", order=1, name=f"advance_{index}")
    return [ring]


def _arrive(plan: BilateralPlan, ports: NeuronGroup, clock: Clock) -> None:
    """Let waves arrive, and be held."""
    effects, came, code = plan.effects, "arriving", ""
    if effects.counts:  # what is drawn for an event stays until the next
        code = f"news = int(came > n_got)\nfresh = {effects.received.format(tap='i', again='')}\n"
        code += "inbox = chosen(news, fresh, inbox)\nn_got = n_got + news\n"
        came = "inbox"
    elif effects.received != "arriving":
        code, came = f"fresh = {effects.received.format(tap='i', again='')}\n", "fresh"
    if plan.filtered:
        code += f"y = y + pole*({came} - y)\na = chosen(int(abs(y - a) < grain), a, y)\n"
    else:
        code += f"a = {came}\n"
    ports.run_regularly(code, clock=clock, when="taps", name="arrive")
