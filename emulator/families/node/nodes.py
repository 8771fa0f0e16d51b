"""The neurons in brian2: one group whatever the number of layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup

from emulator.engine.events import refer, set_unique
from emulator.engine.expressions import node_functions
from emulator.engine.plan import Plan
from emulator.engine.random import functions
from emulator.engine.recorders import MOVED
from emulator.families.node.softmax import softmax_of


def nodes_of(plan: Plan, ports: NeuronGroup, clock: Clock) -> tuple[NeuronGroup, list[Any]]:
    """The neurons and, for a cross-entropy load, what softmax needs of all outputs."""
    count, effects = plan.layout.neurons, plan.effects
    equations = """lam : 1
        F : 1
        D : 1
        p : 1
        other : 1
        rx : 1
        rl : 1
        P : 1
        ext : 1
        seen_x : 1
        seen_lam : 1
        bias : 1
        load : 1 (constant)
        slope : 1 (constant)
        Z : 1 (constant)
        act : integer (constant)
        out_port : integer (constant)
        in_port : integer (constant)
        resolution : 1 (shared, constant)
        """
    equations += "\n".join(f"{name} : 1 (shared, constant)" for name in (*plan.law.parameters, *effects.node_variables))
    equations += "\nshunt : 1 (constant)" * plan.shunted
    equations += "".join(f"\n{name} : 1" for name in plan.memory)
    equations += "".join(f"\neta{k} : 1" for k in range(effects.noise_poles))
    nodes = NeuronGroup(
        count, equations, events={"moved": MOVED} if plan.probe else {},
        namespace={**functions(), **node_functions()}, clock=clock, name="nodes",
    )  # fmt: skip
    for name, variable, index in (
        ("x", "u", "out_port"), ("mu", "u", "in_port"), ("B_in", "v", "out_port"), ("s_in", "v", "in_port"),
    ):  # fmt: skip
        refer(nodes, name, ports, variable, index=index)
    set_unique(nodes, "out_port", np.arange(count))
    set_unique(nodes, "in_port", np.arange(count) + count)
    nodes.act = plan.activation
    extra: list[Any] = [nodes]
    if plan.loss == "softmax_cross_entropy":
        nodes.other = 1.0
        extra += softmax_of(plan.layout.outputs, ports, nodes, clock)
    for k, code in enumerate(plan.update):
        nodes.run_regularly(code, clock=clock, when="start", order=4 * k, name=f"update{k}")
    return nodes, extra
