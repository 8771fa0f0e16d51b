"""Lines of Wave-PMP in brian2: what is under way, and the receivers at the taps, one set for each number that travels.

A line of d steps delivers a wave in the d-th step after it left, and a state or costate ``d - 1`` steps after it was read:
within the step if ``d = 1``. Where all lines are that short and nothing counts events, receivers look at the port itself.
Elsewhere a ring keeps the last events of every port with the steps in which they were sent, and each receiver takes the
next of them when it is due, in the order in which they were sent. The two numbers are two events, each with a draw of its
own of whatever is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import Clock, NeuronGroup

from emulator.engine.events import refer, set_unique
from emulator.engine.expressions import node_functions
from emulator.engine.random import functions
from emulator.engine.wiring import RAW, constants, hear_neighbours, heard, leaking
from emulator.families.wave_pmp.plan import WavePMPPlan
from emulator.families.wave_pmp.schedule import HEAR, HEAR_BACK, HEAR_WAVES, TAKE, TAKE_BACK, TAKE_WAVES


@dataclass(frozen=True)
class _Channel:
    """Receivers of one number: their name, lateness, what they hear, and when; of the last, which taps listen."""

    name: str
    late: int
    here: str
    under_way: str
    moments: tuple[tuple[int, int, str], ...]


#: states and costates, and waves
CHANNELS = {
    "state": _Channel(
        "lines", 0, "either(falls, out_mu, out_x)", "ring_state",
        ((HEAR, TAKE, "(1 - falls)"), (HEAR_BACK, TAKE_BACK, "falls")),
    ),
    "wave": _Channel(
        "waves", 1, "either(is_raw, out_c, either(falls, out_m, out_a))", "either(is_raw, ring_raw, ring_wave)",
        ((HEAR_WAVES, TAKE_WAVES, "1"),),
    ),
}  # fmt: skip


def ring_of(plan: WavePMPPlan, nodes: NeuronGroup, clock: Clock) -> NeuronGroup | None:
    """The last events of every port: amplitudes, and the steps in which they were sent."""
    if not plan.eventful:
        return None
    count, depth = plan.layout.neurons, plan.ring_depth
    equations = "state : 1\nwave : 1\nraw : 1\nstate_stamp : 1\nwave_stamp : 1\n"
    ring = NeuronGroup(2 * count * depth, equations, clock=clock, name="ring")
    for way, first in (("up", 0), ("down", count)):
        set_unique(nodes, f"{way}_cell", (np.arange(count) + first) * depth)
        for kind in ("state", "wave"):
            refer(nodes, f"ring_{kind}_{way}", ring, kind, index=f"{way}_cell")
            refer(nodes, f"{kind}_stamp_{way}", ring, f"{kind}_stamp", index=f"{way}_cell")
    refer(nodes, "ring_raw_down", ring, "raw", index="down_cell")
    return ring


def receivers_of(
    plan: WavePMPPlan, nodes: NeuronGroup, ports: NeuronGroup, ring: NeuronGroup | None, clock: Clock
) -> tuple[NeuronGroup, NeuronGroup, tuple[str, ...]]:
    """Receivers of states and costates, and of waves; each has in `a` what it holds. Numbers are the first's."""
    effects = plan.effects
    lines = (*effects.line_variables, *(("line_delay",) if plan.eventful else ()))
    shared = (
        *effects.line_keys, *(("jitter_key", "jitter_sigma") if effects.jitter else ()),
        *(("spill",) if effects.crosstalk else ()), *(("pole",) if effects.bandwidth else ()),
    )  # fmt: skip
    states = _receivers(plan, CHANNELS["state"], "state", nodes, ports, ring, clock, constants(lines, shared))
    waves = _receivers(plan, CHANNELS["wave"], "wave", nodes, ports, ring, clock, "")
    for name in lines:
        refer(waves, name, states, name)
    for name in shared:
        refer(waves, name, states, name, index="0")
    return states, waves, (*lines, *shared)


def _receivers(
    plan: WavePMPPlan, channel: _Channel, kind: str, nodes: NeuronGroup, ports: NeuronGroup, ring: NeuronGroup | None,
    clock: Clock, numbers: str,
) -> NeuronGroup:  # fmt: skip
    layout, effects, count = plan.layout, plan.effects, plan.layout.neurons
    held, more = leaking(effects)
    equations = "a : 1\ninbox : 1\nfalls : integer (constant)\nis_raw : integer (constant)\n" + more + numbers
    equations += RAW * effects.crosstalk + "y : 1\n" * effects.bandwidth
    equations += "of_neuron : integer (constant)\nof_port : integer (constant)\n"
    equations += "n_got : integer\nnext_cell : integer\nlast : 1\n" * plan.eventful
    space = {**functions(), **node_functions()}
    group = NeuronGroup(len(layout.tap_port), equations, namespace=space, clock=clock, name=channel.name)
    falls = layout.tap_port >= count
    group.falls, group.is_raw = falls, falls & plan.links.passing.taps
    group.of_neuron, group.of_port = layout.tap_port % count, layout.tap_port
    if ring is None:
        for variable in ("out_x", "out_mu", "out_a", "out_m", "out_c"):
            refer(group, variable, nodes, variable, index="of_neuron")
        code = f"arriving = {channel.here}\n{heard(effects, 'i')}inbox = fresh\n"
    else:
        for variable in ("state", "wave", "raw", f"{kind}_stamp"):
            refer(
                group,
                f"ring_{variable}" if variable in ("state", "wave", "raw") else "stamp",
                ring,
                variable,
                index="next_cell",
            )
        refer(group, "n_out", ports, f"n_{kind}", index="of_port")
        group.next_cell, group.last = layout.tap_port * plan.ring_depth + 1, -1.0
        code = _due(plan, channel)
    taking = bool(effects.crosstalk or effects.bandwidth)
    hear_neighbours(effects, group, group)
    for hear, take, listening in channel.moments:
        text = code if taking else code + "a = inbox\n"
        group.run_regularly(text, clock=clock, when="start", order=hear, name=f"hear_{channel.name}_{hear}")
        if not taking:
            continue
        text = f"a = {held}\n"
        if effects.bandwidth:
            text = f"y = recovered(y, a)\ny = y + {listening}*pole*({held} - y)\na = y\n"
        group.run_regularly(text, clock=clock, when="start", order=take, name=f"take_{channel.name}_{take}")
    return group


def _due(plan: WavePMPPlan, channel: _Channel) -> str:
    """Take the next event if it is due; noise and faults of the two numbers of a line are draws of their own."""
    effects, depth = plan.effects, plan.ring_depth
    element = f"(i + {channel.late * len(plan.layout.tap_port)})"
    due, after = f"stamp + line_delay + {channel.late}", ""
    if effects.jitter:
        shift = f"floor(jitter_sigma*gauss(jitter_key, {element}, n_got) + 0.5)"
        due = f"clip({due} + clip({shift}, -{effects.jitter}, {effects.jitter}), last + 1, 1e300)"
        after = "last = either(came, t_in_timesteps, last)\n"
    arriving = f"either(came, {channel.under_way}, raw)" if effects.crosstalk else channel.under_way
    return (
        f"came = int(n_got < n_out)*int(t_in_timesteps >= {due})\narriving = {arriving}\n{heard(effects, element)}"
        f"inbox = either(came, fresh, inbox)\n{after}n_got = n_got + came\n"
        f"next_cell = of_port*{depth} + (n_got + 1) % {depth}\n"
    )
