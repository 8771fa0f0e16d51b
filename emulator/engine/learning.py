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

from emulator.engine.clocks import STEP
from emulator.engine.events import refer
from emulator.engine.joint import ASKS, JointObjects, joint_objects, members_of
from emulator.engine.layout import Layout
from emulator.engine.plan import Plan
from emulator.engine.probes import probes_of, probing_of, refer_load
from emulator.engine.random import functions
from emulator.learning import Learning

#: powers at the parameter ports, added up over each hold
POWERS = ("absorbed", "available", "reflected")
#: whether devices can be written: that of a weight above 0, and that of one below
FREE = ("free_up", "free_down")
#: columns of the rates: the schedule's factor, the share of each effort where a mini-batch ends (else 0), 1 for a
#: sample
RATE_COLUMNS = 3

_ORDER = {
    "gather": -8, "buses": -8, "ask": -8, "neurons": -7, "curve": -7, "answer": -6, "biases": -5, "weights": -4,
    "read": -3, "clear": -2,
}  # fmt: skip
_SCALARS = """factor = rates(t - lag, 0)
share = rates(t - lag, 1)
live = int(t > lag)*rates(t - lag, 2)
gate = live*int(share > 0)
"""


@dataclass(frozen=True)
class Received:
    """What has arrived where a parameter is, as expressions, and what follows a weight that moves.

    Parameters
    ----------
    state, costate : str
        At the two sides of a synapse.
    bias_costate : (group, variable, index)
        The costate of a neuron's bias; `index` is a variable of the neuron's learner.
    bend : str
        Second derivative of the loss in a neuron's own state.
    drive : (group, variable, index)
        The pre-activation of a neuron; `index` is a variable of a group with one element per neuron.
    biased : bool
        Whether its bias has still to be added to it.
    """

    state: str
    costate: str
    bias_costate: tuple[Any, str, str]
    bend: str
    drive: tuple[Any, str, str]
    biased: bool = False


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
        **(functions() if port.random else {}),
    }
    constants = list(learning.constants(plan.hold))
    own = _own(learning)
    learners = NeuronGroup(
        count,
        "\n".join(
            [f"{name} : 1 (shared, constant)" for name in constants]
            + [f"{name} : 1" for name in (*own, *port.neuron_variables, *port.sums, *POWERS)]
            + [f"{ASKS}member : integer (constant)"] * port.joint
            + [f"{name} : 1 (constant)" for name in device_names(learning)]
            + ["is_dense : boolean (constant)", "costate_port : integer (constant)", "number : integer (constant)"]
            + [_JOINED] * joins(layout)
        ),
        namespace=space,
        clock=clock,
        name="learners",
    )
    _refer_neuron(learners, nodes, received)
    dense, plastic = plastic_masks(layout)
    learners.is_dense, learners.number = dense, layout.synapses + np.arange(count)
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
        joined = [_buses(shared, learners, xbar, received, plan.decaying, beat)]
    if port.gather:
        code = f"state = {received.state}\ncostate = {received.costate}\n{port.gather}"
        xbar.run_regularly(code, clock=beat, when="start", order=_ORDER["gather"], name="collect")
    if port.neuron_update:
        code = f"{_SCALARS}bend = {received.bend}\n" + _gated(port.neuron_update, port.neuron_variables, "live")
        learners.run_regularly(code, clock=beat, when="start", order=_ORDER["neurons"], name="neurons")
    joint = _joint(plan, learning, xbar, nodes, learners, received, clock, beat, space) if port.joint else None
    learners.run_regularly(
        _bias_code(learning, joins(layout)), clock=beat, when="start", order=_ORDER["biases"], name="learn_biases"
    )
    code = _weight_code(learning, received, plan.decaying, joins(layout))
    xbar.run_regularly(code, clock=beat, when="start", order=_ORDER["weights"], name="learn_weights")
    read = StateMonitor(
        learners, POWERS, record=fed_neurons(layout),
        clock=hold, when="start", order=_ORDER["read"], name="port_powers",
    )  # fmt: skip
    for names, when in ((POWERS, hold), (port.sums, beat)):
        if names:
            clear = "\n".join(f"{name} = 0" for name in names)
            learners.run_regularly(clear, clock=when, when="start", order=_ORDER["clear"], name=f"clear_{names[0]}")

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
    return LearningObjects([learners, *joined, *together, read], inputs, outputs)


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
        (learners, _bias_ask(learning), "ask_biases"), (xbar, _weight_ask(learning, received, plan.decaying), "ask_weights"),
    ):  # fmt: skip
        group.run_regularly(code, clock=beat, when="start", order=_ORDER["ask"], name=name)
    orders = _ORDER["curve"], _ORDER["answer"]
    made = joint_objects(
        members, probes, probing.cell, xbar, learners, _SCALARS, space, plan.decaying, clock, beat, orders
    )
    return JointObjects([*objects, *made.objects], made.curvature)


@dataclass(frozen=True)
class Shared:
    """Parameters that learn together.

    Parameters
    ----------
    synapse, neuron : (S,), (N,) int32
        Bus of every weight and of every bias; -1 for those that learn on their own.
    places : (B,) int64
        Parameters on each bus.
    """

    synapse: np.ndarray
    neuron: np.ndarray
    places: np.ndarray

    @property
    def additions(self) -> int:
        """Efforts that all buses add up in one update."""
        return int(self.places.sum())


def joins(layout: Layout) -> bool:
    """Whether any parameters learn together."""
    return any(block.kernel is not None and block.trainable for block in layout.blocks)


def shared_ports(layout: Layout) -> Shared | None:
    """The buses of a substrate; None where every parameter learns on its own."""
    if not joins(layout):
        return None
    synapse, neuron = np.full(layout.synapses, -1, np.int32), np.full(layout.neurons, -1, np.int32)
    count = 0
    for block in layout.blocks:
        if block.kernel is None or not block.trainable:
            continue
        used, number = np.unique(block.kernel, return_inverse=True)
        bus = np.where(block.kernel < 0, -1, number - int(used[0] < 0) + count)
        synapse[block.first : block.first + block.size] = bus[: block.size]
        neuron[block.columns] = bus[block.size :]
        count += int((used >= 0).sum())
    held = np.concatenate([synapse, neuron])
    return Shared(synapse, neuron, np.bincount(held[held >= 0], minlength=count))


#: what a parameter has that may learn with others
_JOINED = "bus : integer (constant)\non_bus : boolean (constant)\nportion : 1 (constant)"


def _buses(
    shared: Shared, learners: NeuronGroup, xbar: Synapses, received: Received, decaying: bool, beat: Clock
) -> NeuronGroup:
    """Let every bus add up the efforts of its places; each place then takes up its portion of the kernel's power."""
    buses = NeuronGroup(len(shared.places), "drive : 1", clock=beat, name="buses")
    for group, bus in ((xbar, shared.synapse), (learners, shared.neuron)):
        group.on_bus, group.bus = bus >= 0, np.maximum(bus, 0)
        group.portion = np.where(bus >= 0, 1.0 / shared.places[np.maximum(bus, 0)], 1.0)
        refer(group, "drive", buses, "drive", index="bus")
    code = f"state = {received.state}\ncostate = {received.costate}\n"
    code += f"drive += -int(on_bus)*{_pulled(decaying)}"
    xbar.run_regularly(code, clock=beat, when="start", order=_ORDER["buses"], name="sum_weights")
    learners.run_regularly(
        "drive += -int(on_bus)*costate", clock=beat, when="start", order=_ORDER["buses"], name="sum_biases"
    )
    buses.run_regularly("drive = 0", clock=beat, when="start", order=_ORDER["clear"], name="clear_buses")
    return buses


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


def state_names(learning: Learning) -> dict[str, str]:
    """The port's state by the name it goes in and out under, and whether it belongs to a weight, bias or neuron."""
    names = {f"{kind}.{name}": kind for kind in ("weight", "bias") for name in _own(learning)}
    names |= {f"neuron.{name}": "neuron" for name in learning.port.neuron_variables}
    return names | ({"pair.curvature": "pair"} if learning.port.joint else {})


def _refer_neuron(learners: NeuronGroup, nodes: NeuronGroup, received: Received) -> None:
    """Let a learner see its neuron: the costate of its bias, its slope, the bend of the loss, and the bias itself."""
    learners.costate_port = np.arange(len(learners)) + len(learners)
    group, variable, index = received.bias_costate
    refer(learners, "costate", group, variable, index=index)
    refer(learners, "offset", nodes, "bias")
    refer(learners, "slope", nodes, "D")
    refer_load(learners, nodes)


def device_names(learning: Learning) -> tuple[str, ...]:
    """Frozen properties of every parameter's devices that the port's code sees."""
    scores = [name for score in learning.port.scores for name in score_names(score)]
    return (*(FREE * learning.port.devices), *scores)


def score_names(score: str) -> tuple[str, str]:
    """What the code calls the score of the device of a weight above 0, and of that below."""
    return f"{score}_up", f"{score}_down"


def synapse_equations(learning: Learning | None, layout: Layout, decaying: bool = False) -> str:
    """What a synapse has besides its weight if it learns."""
    if learning is None:
        return ""
    own = _own(learning)
    lines = [f"{name} : 1" for name in own] + [f"{name} : 1 (constant)" for name in device_names(learning)]
    lines += ["decay : 1 (constant)"] * decaying + [_JOINED] * joins(layout)
    lines += [f"{ASKS}member : integer (constant)"] * learning.port.joint
    lines += ["plastic : boolean (constant)", "neuron : integer (constant)", "to_costate : integer (constant)"]
    return "\n".join([*lines, *(["number : integer (constant)"] if learning.port.random else [])]) + "\n"


def _own(learning: Learning) -> list[str]:
    """State of every parameter."""
    return [*learning.port.variables, *(["total"] if learning.batched else [])]


def _pulled(decaying: bool) -> str:
    """Minus a weight's own effort; its penalty is part of it."""
    return "(state*costate + decay*w)" if decaying else "state*costate"


def _weight_effort(received: Received, decaying: bool) -> str:
    """A weight's effort."""
    begin = f"state = {received.state}\ncostate = {received.costate}\n"
    return begin + f"is_weight = int(plastic)\neffort = -is_weight*{_pulled(decaying)}\n"


#: a bias's effort: the state on its other side is 1
_BIAS_EFFORT = "is_bias = int(is_dense)\neffort = -is_bias*costate\n"


def _weight_ask(learning: Learning, received: Received, decaying: bool) -> str:
    """What a weight asks of its layer, and the state that it feels."""
    asked = _SCALARS + _weight_effort(received, decaying) + _summed(learning)
    return asked + "felt = 1*state\nasked = 1*effort\n"


def _bias_ask(learning: Learning) -> str:
    """What a bias asks of its layer."""
    return _SCALARS + _BIAS_EFFORT + _summed(learning) + "felt = 1\nasked = 1*effort\n"


def _weight_code(learning: Learning, received: Received, decaying: bool, joined: bool) -> str:
    """A weight's port."""
    begin = _weight_effort(received, decaying) + _on_bus("is_weight", joined) + _summed(learning)
    if learning.port.joint:
        begin = "is_weight = int(plastic)\neffort = 1*asked\n"
    begin += "row = 1.0*to_costate\ncolumn = 1.0*neuron\n" * learning.port.crossing
    ported = _port_code(learning, "is_weight")
    return _SCALARS + begin + ported + "w = w + dw\n" + _power_code(learning, "_column += ", "", joined)


def _bias_code(learning: Learning, joined: bool) -> str:
    """A bias's port."""
    begin = _BIAS_EFFORT + _on_bus("is_bias", joined) + _summed(learning)
    if learning.port.joint:
        begin = "is_bias = int(is_dense)\neffort = 1*asked\n"
    begin = "w = offset\nis_weight = 0\n" + begin
    begin += "state = 1.0*is_bias\nrow = -1.0 - number\ncolumn = 1.0*i\n" * learning.port.crossing
    ported = _port_code(learning, "is_bias")
    return _SCALARS + begin + ported + "offset = w + dw\n" + _power_code(learning, " = ", "{name} + ", joined)


def _on_bus(mask: str, joined: bool) -> str:
    """What is on a bus meets the sum of all efforts on it."""
    return f"effort = {mask}*(int(on_bus)*drive + (1 - int(on_bus))*effort)\n" * joined


def _summed(learning: Learning) -> str:
    """The effort of a mini-batch, where it ends."""
    return "total = total + live*effort\neffort = share*total\n" if learning.batched else ""


def _port_code(learning: Learning, mask: str) -> str:
    """From the effort to the change of the parameter; nothing moves before the first sample or within a mini-batch."""
    port = learning.port
    done = "total = (1 - gate)*total\n" if learning.batched else ""
    update = _gated(port.update, port.variables, "gate")
    return f"conductance = factor*({port.conductance})\n{update}dw = gate*{mask}*dw\n{done}"


def _power_code(learning: Learning, adds: str, to: str, joined: bool) -> str:
    """Power absorbed ``e v``, available ``e^2/(4 R)``, reflected ``(e - R v)^2/(4 R)``, with the flow ``v = dw/h``.

    Of layers that answer together, the flow that would take up all efforts stands for ``e/R``.
    """
    powers = {
        "absorbed": "effort*dw/h",
        "available": "gate*conductance*effort*effort/4",
        "reflected": "gate*(conductance*effort - dw/h)**2/(4*(conductance + int(conductance == 0)))",
    }
    if learning.port.joint:
        powers["available"] = "gate*conductance*effort*solved/4"
        powers["reflected"] = "gate*(conductance*solved - dw/h)*effort/4"
    portion = "portion*" * joined
    return "".join(f"{name}{adds}{to.format(name=name)}{portion}{value}\n" for name, value in powers.items())


def _gated(code: str, variables: tuple[str, ...], gate: str) -> str:
    """Code whose effect on `variables` is undone, to the last bit, where `gate` is 0.

    What is kept is negated, since brian2's numpy target would keep a view of the variable itself.
    """
    keep = "".join(f"minus_{name} = -{name}\n" for name in variables)
    undo = "".join(f"{name} = {gate}*{name} - (1 - {gate})*minus_{name}\n" for name in variables)
    return f"{keep}{code}\n{undo}"
