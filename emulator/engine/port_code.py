"""What the code of a parameter port is wrapped in: the effort that it meets, the gates of samples and mini-batches, its powers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import second

from emulator.engine.clocks import STEP
from emulator.engine.layout import Ints
from emulator.learning import Learning

#: whether devices can be written: that of a weight above 0, and that of one below
FREE = ("free_up", "free_down")
#: what runs when, within the start of a step
ORDER = {
    "gather": -8, "buses": -8, "ask": -8, "peaks": -8, "neurons": -7, "curve": -7, "answer": -6, "lines": -6, "biases": -5,
    "weights": -4, "read": -3, "clear": -2,
}  # fmt: skip
#: what all that code begins with
_SCALARS = """factor = rates(t - lag, 0)
share = rates(t - lag, 1)
live = int(t > lag)*rates(t - lag, 2)
gate = live*int(share > 0)
"""


#: how far a port is open, from the share of the hold that has passed
_OPENED = "begun = floor((t - lag)/hold_time)\nfactor = factor*widest*((t - lag)/hold_time - begun)**opening\n"


def scalars(learning: Learning) -> str:
    """What the code of every parameter begins with."""
    return _SCALARS + _OPENED * bool(learning.opening)


def opening_space(learning: Learning, hold: int) -> dict[str, Any]:
    """What that code names if ports open by and by within a hold: their conductance has a mean of 1 over its steps."""
    if not learning.opening:
        return {}
    shape = ((np.arange(hold) + 0.5) / hold) ** learning.opening
    return {"hold_time": hold * STEP * second, "widest": 1.0 / shape.mean(), "opening": learning.opening}


@dataclass(frozen=True)
class Received:
    """What has arrived where a parameter is, as expressions, and what follows a weight that moves.

    Parameters
    ----------
    state, costate : str
        At the two sides of a synapse: ``NAME_pre`` and ``NAME_post``.
    taps : ((S,), (S,)) int32
        Whose those are, of every synapse.
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
    taps: tuple[Ints, Ints]
    bias_costate: tuple[Any, str, str]
    bend: str
    drive: tuple[Any, str, str]
    biased: bool = False

    def variable(self, wave: str) -> str:
        """What the `state` or the `costate` is called where it is received."""
        name, _ = getattr(self, wave).rsplit("_", 1)
        return str(name)


def state_names(learning: Learning) -> dict[str, str]:
    """The port's state by the name it goes in and out under, and whether it belongs to a weight, bias or neuron."""
    names = {f"{kind}.{name}": kind for kind in ("weight", "bias") for name in own_state(learning)}
    names |= {f"neuron.{name}": "neuron" for name in learning.port.neuron_variables}
    return names | ({"pair.curvature": "pair"} if learning.port.joint else {})


def device_names(learning: Learning) -> tuple[str, ...]:
    """Frozen properties of every parameter's devices that the port's code sees."""
    scores = [name for score in learning.port.scores for name in score_names(score)]
    return (*(FREE * learning.port.devices), *scores)


def score_names(score: str) -> tuple[str, str]:
    """What the code calls the score of the device of a weight above 0, and of that below."""
    return f"{score}_up", f"{score}_down"


def own_state(learning: Learning) -> list[str]:
    """State of every parameter."""
    return [*learning.port.variables, *(["total"] if learning.batched else [])]


def pulled(decaying: bool) -> str:
    """Minus a weight's own effort; its penalty is part of it."""
    return "(state*costate + decay*w)" if decaying else "state*costate"


def _weight_effort(received: Received, decaying: bool) -> str:
    """A weight's effort."""
    begin = f"state = {received.state}\ncostate = {received.costate}\n"
    return begin + f"is_weight = int(plastic)\neffort = -is_weight*{pulled(decaying)}\n"


#: a bias's effort: the state on its other side is 1
_BIAS_EFFORT = "is_bias = int(is_dense)\neffort = -is_bias*costate\n"


def weight_ask(learning: Learning, received: Received, decaying: bool) -> str:
    """What a weight asks of its layer, and the state that it feels."""
    asked = scalars(learning) + _weight_effort(received, decaying) + _summed(learning)
    return asked + "felt = 1*state\nasked = 1*effort\n"


def bias_ask(learning: Learning) -> str:
    """What a bias asks of its layer."""
    return scalars(learning) + _BIAS_EFFORT + _summed(learning) + "felt = 1\nasked = 1*effort\n"


def weight_code(learning: Learning, received: Received, decaying: bool, joined: bool) -> str:
    """A weight's port."""
    begin = _weight_effort(received, decaying) + _on_bus("is_weight", joined) + _summed(learning)
    if learning.port.joint:
        begin = "is_weight = int(plastic)\neffort = 1*asked\n"
    begin += "row = 1.0*to_costate\ncolumn = 1.0*neuron\n" * learning.port.crossing
    ported = _port_code(learning, "is_weight")
    return (
        scalars(learning)
        + begin
        + ported
        + f"w = {_moved('w', learning)}\n"
        + _power_code(learning, "_column += ", "", joined)
    )


def bias_code(learning: Learning, joined: bool) -> str:
    """A bias's port."""
    begin = _BIAS_EFFORT + _on_bus("is_bias", joined) + _summed(learning)
    if learning.port.joint:
        begin = "is_bias = int(is_dense)\neffort = 1*asked\n"
    begin = "w = offset\nis_weight = 0\n" + begin
    begin += "state = 1.0*is_bias\nrow = -1.0 - layer_row\ncolumn = 1.0*i\n" * learning.port.crossing
    ported = _port_code(learning, "is_bias", learning.port.row_code + learning.port.column_code)
    return scalars(learning) + begin + ported + "offset = w + dw\n" + _power_code(learning, " = ", "{name} + ", joined)


def line_code(learning: Learning, code: str) -> str:
    """What a line does that crosses parameters."""
    return scalars(learning) + f"{_conductance(learning)}{code}"


def _on_bus(mask: str, joined: bool) -> str:
    """What is on a bus meets the sum of all efforts on it."""
    return f"effort = {mask}*(int(on_bus)*drive + (1 - int(on_bus))*effort)\n" * joined


def _summed(learning: Learning) -> str:
    """The effort of a mini-batch, where it ends."""
    return "total = total + live*effort\neffort = share*total\n" if learning.batched else ""


def _conductance(learning: Learning) -> str:
    """That of the port, as its code names it."""
    return f"conductance = factor*({learning.port.conductance})\n"


def _port_code(learning: Learning, mask: str, lines: str = "") -> str:
    """From the effort to the change of the parameter; nothing moves before the first sample or within a mini-batch.

    `lines` is the code of its two lines where they are its own.
    """
    port = learning.port
    done = "total = (1 - gate)*total\n" if learning.batched else ""
    update = gated(port.update, port.variables, "gate")
    moved = f"either(gate*{mask}, dw, 0)" if port.devices else f"gate*{mask}*dw"
    return f"{_conductance(learning)}{lines}{update}dw = {moved}\n{done}"


def _moved(name: str, learning: Learning) -> str:
    """What a parameter becomes; of devices only those that are written are touched."""
    return f"either(dw, {name} + dw, {name})" if learning.port.devices else f"{name} + dw"


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


def gated(code: str, variables: tuple[str, ...], gate: str) -> str:
    """Code whose effect on `variables` is undone, to the last bit, where `gate` is 0.

    What is kept is negated, since brian2's numpy target would keep a view of the variable itself.
    """
    keep = "".join(f"minus_{name} = -{name}\n" for name in variables)
    undo = "".join(f"{name} = either({gate}, {name}, -minus_{name})\n" for name in variables)
    return f"{keep}{code}\n{undo}"
