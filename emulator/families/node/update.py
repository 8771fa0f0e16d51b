"""The update of one neuron under a node law, in brian2's expression language."""

from __future__ import annotations

from collections.abc import Sequence

from brian2.utils.stringtools import get_identifiers

from emulator.engine.expressions import selected
from emulator.engine.node_noise import noisy
from emulator.families.node.law_code import statements
from emulator.families.node.softmax import ANSWER, PROBABILITIES
from emulator.laws import NodeLaw


def node_update(
    law: NodeLaw, used: Sequence[str], loss: str, power: bool, noise_poles: int = 0, shunted: bool = False
) -> list[str]:
    """The node's update code; two blocks where the load needs a sum over the new states in between.

    `s_in`, `B_in` are what has arrived at the two ports, `ext` the datum or target, `load` whether the load is on, `shunt`
    a conductance to ground, if any neuron has one.
    """
    answer = "(x - ext)" if loss == "mse" else ANSWER
    returned = f"B_in + load*{answer}" + " + shunt*x" * shunted
    noise = noisy(noise_poles)
    source = f"int(act == {list(used).index('source')})"
    state = f"""
s = s_in + bias
F = {selected(used, 0)}
D = {selected(used, 1)}
{noise}{_recovery(law)}B = {returned}
{law.state_update}
x = either({source}, F, x)
"""
    costate = f"""
B = {returned}
{law.costate_update}
mu = D*lam
rx = x - F
rl = lam - B
"""
    if power:
        costate += "P = (rx*rx/Z + Z*rl*rl)/4\n"
    if loss == "mse":
        return [state + costate]
    return [state, PROBABILITIES + costate]


def _recovery(law: NodeLaw) -> str:
    """What a law keeps from step to step begins anew where it went beyond all numbers."""
    code = f"{law.state_update}\n{law.costate_update}"
    read = {name for _, operation, text in statements(law.name, code) for name in get_identifiers(text)}
    read |= {name for name, operation, _ in statements(law.name, code) if operation != "="}
    kept = {"x": "F", "lam": "0", **dict.fromkeys(law.memory, "0")}
    lines = [f"{name} = recovered({name}, {anew})\n" for name, anew in kept.items() if name in read]
    return "".join(lines) + "p = recovered(p, 0)\nother = recovered(other, 0)\n" * bool(lines)
