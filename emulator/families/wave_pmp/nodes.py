"""Neurons of Wave-PMP in brian2, their ports, and what is multiplied between neurons of a row."""

from __future__ import annotations

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.events import refer, set_unique
from emulator.engine.expressions import node_functions
from emulator.engine.random import functions
from emulator.engine.recorders import MOVED
from emulator.engine.wiring import constants
from emulator.families.wave_pmp.code import SENT, Code
from emulator.families.wave_pmp.plan import WavePMPPlan
from emulator.families.wave_pmp.schedule import CARRY

_NAMES = (
    "x", "lam", "s", "F", "D", "mu", "a", "c", "m", "up", "down", "apart", "rx", "rl", "answer", "target", "open", "ended",
    "ext", "p", "other", "P", "passed_up", "passed_down", "seen_x", "seen_lam", "bias",
)  # fmt: skip


def ports_of(plan: WavePMPPlan, clock: Clock) -> NeuronGroup:
    """Two per neuron: the sums that arrive, of states and costates (`v`), and of waves (`w`), and what is counted."""
    equations = "v : 1\nw : 1\nn_sent : integer\n" + "n_state : integer\nn_wave : integer\n" * plan.eventful
    equations += constants(plan.effects.port_variables, plan.effects.port_keys)
    return NeuronGroup(2 * plan.layout.neurons, equations, clock=clock, name="ports")


def nodes_of(plan: WavePMPPlan, code: Code, ports: NeuronGroup, clock: Clock) -> NeuronGroup:
    """One per neuron: the two waves in units of the state, state, costate, residuals."""
    count, effects = plan.layout.neurons, plan.effects
    names = [*_NAMES, *["came"] * plan.full, *(to for to, _, _ in SENT.values())]
    names += [*(f"whole_{what}" for what in SENT if effects.dithered), *(f"eta{k}" for k in range(effects.noise_poles))]
    names += ["went_up", "went_down"] * plan.eventful + list(dict.fromkeys(name for name, *_ in code.sums))
    equations = "".join(f"{name} : 1\n" for name in names)
    shared = ("nu", "alpha", "q", "resolution", *effects.node_variables)
    equations += constants(("load", "slope", "shunt", "inner", "outer", "ends"), shared)
    equations += "" if plan.full else constants(("Z", "M", "R"))
    equations += "act : integer (constant)\nout_port : integer (constant)\nin_port : integer (constant)\n"
    equations += "up_cell : integer\ndown_cell : integer\n" * plan.eventful
    nodes = NeuronGroup(
        count, equations, events={"moved": MOVED} if plan.probe else {}, namespace={**functions(), **node_functions()},
        clock=clock, name="nodes",
    )  # fmt: skip
    set_unique(nodes, "out_port", np.arange(count))
    set_unique(nodes, "in_port", np.arange(count) + count)
    seen = [("B_in", "v", "out_port"), ("s_in", "v", "in_port"), ("w_back", "w", "out_port"), ("w_in", "w", "in_port")]
    for way, index in (("up", "out_port"), ("down", "in_port")):
        seen.append((f"n_{way}", "n_sent", index))
        seen += [(f"n_{kind}_{way}", f"n_{kind}", index) for kind in ("state", "wave") if plan.eventful]
        seen += [(f"{name}_{way}", name, index) for name in effects.port_variables]
    for name, variable, index in (*seen, *((name, name, "0") for name in effects.port_keys)):
        refer(nodes, name, ports, variable, index=index)
    nodes.act = plan.activation
    nodes.inner, nodes.outer, nodes.ends = ~plan.links.source * 1.0, ~plan.links.output * 1.0, plan.links.output * 1.0
    return nodes


def passing_of(
    plan: WavePMPPlan, waves: NeuronGroup, nodes: NeuronGroup, clock: Clock
) -> tuple[Synapses, tuple[str, ...]]:
    """Waves that the identity transports."""
    model = "pass_up : 1\npass_down : 1\npassed_up_post = pass_up*a_pre : 1 (summed)\n"
    model += "passed_down_post = pass_down*a_pre : 1 (summed)\n"
    passing = Synapses(waves, nodes, model, clock=clock, name="passing")
    passing.connect(i=plan.links.passing.tap, j=plan.links.passing.neuron)
    for updater in passing.summed_updaters.values():
        updater.when, updater.order = "start", CARRY
    return passing, ("pass_up", "pass_down")


def metric_of(plan: WavePMPPlan, code: Code, nodes: NeuronGroup, clock: Clock) -> tuple[Synapses, tuple[str, ...]]:
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
