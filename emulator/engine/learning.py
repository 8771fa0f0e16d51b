"""Parameter ports in brian2: every weight and bias moves inside the substrate, by what reaches it.

| object     | what it is                                                                                             |
|------------|--------------------------------------------------------------------------------------------------------|
| `xbar`     | the weights' ports: effort from the two taps of each synapse                                           |
| `learners` | one per neuron: its bias's port, what its synapses share, and the power that its parameters take up    |
| `buses`    | one per number of a kernel whose places learn together: it adds up the efforts of all places           |

When a weight moves, what follows from it moves with it (in one-way lines the sums, added up anew, in two-way lines the
crossbar's whole answer), so that learning leaves the waves exactly as if the new weight had been there when they
arrived. All of it happens at the start of a step, before the next sample is presented: gather, neurons, biases, weights,
then the powers are read and set to 0. Where the parameters of a layer answer together (`emulator.engine.joint`), all of them
ask first, and the layer answers before they move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, StateMonitor, Synapses, TimedArray, second
from brian2.core.variables import Variable

from emulator.engine.buses import JOINED, buses_of, joins, shared_ports
from emulator.engine.clocks import STEP
from emulator.engine.crossings import ENDS, TIER, crossings_of
from emulator.engine.events import refer
from emulator.engine.joint import ASKS, JointObjects, joint_objects, members_of
from emulator.engine.layout import Layout
from emulator.engine.native import choice
from emulator.engine.plan import Plan
from emulator.engine.port_code import (
    ORDER,
    Received,
    bias_ask,
    bias_code,
    device_names,
    gated,
    opening_space,
    own_state,
    scalars,
    weight_ask,
    weight_code,
)
from emulator.engine.probes import probes_of, probing_of, refer_load
from emulator.engine.random import functions
from emulator.learning import Learning

#: powers at the parameter ports, added up over each hold
POWERS = ("absorbed", "available", "reflected")
#: columns of the rates: the schedule's factor, the share of each effort where a mini-batch ends (else 0), 1 for a
#: sample
RATE_COLUMNS = 3


@dataclass
class LearningObjects:
    """brian2 objects that learn, and the variables through which numbers go in and come out."""

    objects: list[Any]
    inputs: dict[str, Variable]
    outputs: dict[str, Variable]


def learning_objects(
    plan: Plan,
    learning: Learning,
    rates: np.ndarray,
    xbar: Synapses,
    nodes: NeuronGroup,
    received: Received,
    clock: Clock,
    hold: Clock,
) -> LearningObjects:
    """Let the parameters of a substrate learn.

    Parameters
    ----------
    plan : Plan
    learning : Learning
    rates : (samples, 3)
        See `RATE_COLUMNS`, one row per sample.
    xbar : Synapses
        The weights.
    nodes : NeuronGroup
    received : Received
    clock, hold : Clock
        Steps and holds.
    """
    port, layout = learning.port, plan.layout
    count, beat = layout.neurons, hold if learning.schedule == "settled" else clock
    space = {
        "rates": TimedArray(rates, dt=plan.hold * STEP * second, name="rates"),
        "lag": 0.5 * STEP * second,
        "h": learning.step(plan.hold),
        **opening_space(learning, plan.hold),
        **(functions() if port.random else {"either": choice()}),
    }
    constants = list(learning.constants(plan.hold))
    own = own_state(learning)
    learners = NeuronGroup(
        count,
        "\n".join(
            [f"{name} : 1 (shared, constant)" for name in constants]
            + [f"{name} : 1" for name in (*own, *port.neuron_variables, *port.sums, *POWERS)]
            + [f"{ASKS}member : integer (constant)"] * port.joint
            + [f"{name} : 1 (constant)" for name in device_names(learning)]
            + ["is_dense : boolean (constant)", "costate_port : integer (constant)", "number : integer (constant)"]
            + [JOINED] * joins(layout)
            + [TIER] * port.peaks
            + ["layer_row : integer (constant)"] * port.crossing
        ),
        namespace=space,
        clock=clock,
        name="learners",
    )
    _refer_neuron(learners, nodes, received)
    dense, plastic = plastic_masks(layout)
    learners.is_dense, learners.number = dense, layout.synapses + np.arange(count)
    if port.crossing:  # the biases of a layer are one more row
        rows = np.zeros(count, np.int32)
        for k, block in enumerate(layout.blocks):
            rows[block.columns] = k
        learners.layer_row = rows
    shared, joined = shared_ports(layout), list[Any]()

    xbar.namespace.update(space)
    xbar.plastic, xbar.neuron = plastic, layout.to_state - count
    if port.random:
        xbar.number = np.arange(layout.synapses)
    for name in constants:
        refer(xbar, name, learners, name, index="0")
    for name in (*port.neuron_variables, *port.sums):
        refer(xbar, name, learners, name, index="neuron")
    for name in (*port.sums, *POWERS):
        refer(xbar, f"{name}_column", learners, name, index="neuron")
        refer(xbar, f"{name}_row", learners, name, index="to_costate")

    if shared is not None:
        joined = [buses_of(shared, learners, xbar, received, plan.decaying, beat)]
    crossings = []
    if port.peaks or port.row_code:
        crossings = crossings_of(layout, learning, xbar, learners, received, beat, space)
    if port.gather:
        code = f"state = {received.state}\ncostate = {received.costate}\n{port.gather}"
        xbar.run_regularly(code, clock=beat, when="start", order=ORDER["gather"], name="collect")
    if port.neuron_update:
        code = f"{scalars(learning)}bend = {received.bend}\n" + gated(port.neuron_update, port.neuron_variables, "live")
        learners.run_regularly(code, clock=beat, when="start", order=ORDER["neurons"], name="neurons")
    joint = _joint(plan, learning, xbar, nodes, learners, received, clock, beat, space) if port.joint else None
    learners.run_regularly(
        bias_code(learning, joins(layout)), clock=beat, when="start", order=ORDER["biases"], name="learn_biases"
    )
    code = weight_code(learning, received, plan.decaying, joins(layout))
    xbar.run_regularly(code, clock=beat, when="start", order=ORDER["weights"], name="learn_weights")
    read = StateMonitor(
        learners, POWERS, record=fed_neurons(layout),
        clock=hold, when="start", order=ORDER["read"], name="port_powers",
    )  # fmt: skip
    for names, when in ((POWERS, hold), (port.sums, beat)):
        if names:
            clear = "\n".join(f"{name} = 0" for name in names)
            learners.run_regularly(clear, clock=when, when="start", order=ORDER["clear"], name=f"clear_{names[0]}")

    state = {f"weight.{name}": xbar.variables[name] for name in own}
    state |= {f"bias.{name}": learners.variables[name] for name in own}
    state |= {f"neuron.{name}": learners.variables[name] for name in port.neuron_variables}
    state |= {} if joint is None else {"pair.curvature": joint.curvature}
    inputs = {f"port.{name}": learners.variables[name] for name in constants} | state
    if plan.decaying:
        inputs["decay"] = xbar.variables["decay"]
    for kind, group in (("weight", xbar), ("bias", learners)):
        inputs |= {f"{kind}.{name}": group.variables[name] for name in device_names(learning)}
    outputs = {"w": xbar.variables["w"], "bias": nodes.variables["bias"], **state}
    outputs |= {f"power.{name}": read.variables[name] for name in POWERS}
    together = [] if joint is None else joint.objects
    return LearningObjects([learners, *joined, *crossings, *together, read], inputs, outputs)


def _joint(
    plan: Plan,
    learning: Learning,
    xbar: Synapses,
    nodes: NeuronGroup,
    learners: NeuronGroup,
    received: Received,
    clock: Clock,
    beat: Clock,
    space: dict[str, Any],
) -> JointObjects:
    """Let the parameters of every layer ask, and answer together by the curvature that probes find."""
    layout, members = plan.layout, members_of(plan.layout)
    probing = probing_of(layout, members, plan.loss == "softmax_cross_entropy")
    probes, objects = probes_of(
        layout, plan.activation, plan.used, probing, nodes, received.drive, received.biased, received.bend, xbar, clock
    )
    for group, code, name in (
        (learners, bias_ask(learning), "ask_biases"), (xbar, weight_ask(learning, received, plan.decaying), "ask_weights"),
    ):  # fmt: skip
        group.run_regularly(code, clock=beat, when="start", order=ORDER["ask"], name=name)
    orders = ORDER["curve"], ORDER["answer"]
    made = joint_objects(
        members, probes, probing.cell, xbar, learners, scalars(learning), space, plan.decaying, clock, beat, orders
    )
    return JointObjects([*objects, *made.objects], made.curvature)


def plastic_masks(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Neurons with a dense layer in front that may learn (N,), and synapses that are weights of one (S,)."""
    dense, plastic = np.zeros(layout.neurons, bool), np.zeros(layout.synapses, bool)
    for block in layout.blocks:
        if block.layer is not None and block.trainable:
            plastic[block.first : block.first + block.size] = True
            dense[block.columns] = block.biased
    return dense, plastic


def fed_neurons(layout: Layout) -> np.ndarray:
    """Neurons that take up the power of parameters, their bias or weights that feed them."""
    dense = [block for block in layout.blocks if block.layer is not None]
    return np.unique(np.concatenate([block.columns for block in [b for b in dense if b.trainable] or dense]))


def deaf_taps(layout: Layout) -> np.ndarray:
    """Taps (C,) whose costates nobody uses: those that would only leave through clamped inputs.

    In a substrate that learns nobody reads the costates of its inputs, and a clamp does not answer them; adding them up
    would cost as much as the states of the largest layer.
    """
    deaf = np.zeros(len(layout.tap_port), bool)
    for block in layout.blocks:
        deaf[block.column_taps] = np.isin(block.rows, layout.inputs).all()
    return deaf


def _refer_neuron(learners: NeuronGroup, nodes: NeuronGroup, received: Received) -> None:
    """Let a learner see its neuron: the costate of its bias, its slope, the bend of the loss, and the bias itself."""
    learners.costate_port = np.arange(len(learners)) + len(learners)
    group, variable, index = received.bias_costate
    refer(learners, "costate", group, variable, index=index)
    refer(learners, "offset", nodes, "bias")
    refer(learners, "slope", nodes, "D")
    refer_load(learners, nodes)


def synapse_equations(learning: Learning | None, layout: Layout, decaying: bool = False) -> str:
    """What a synapse has besides its weight if it learns."""
    if learning is None:
        return ""
    own = own_state(learning)
    lines = [f"{name} : 1" for name in own] + [f"{name} : 1 (constant)" for name in device_names(learning)]
    lines += ["decay : 1 (constant)"] * decaying + [JOINED] * joins(layout)
    lines += [f"{ASKS}member : integer (constant)"] * learning.port.joint
    lines += [TIER] * learning.port.peaks + [ENDS] * bool(learning.port.row_code)
    lines += ["plastic : boolean (constant)", "neuron : integer (constant)", "to_costate : integer (constant)"]
    return "\n".join([*lines, *(["number : integer (constant)"] if learning.port.random else [])]) + "\n"
