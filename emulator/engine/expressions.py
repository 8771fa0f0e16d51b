"""Activations, and the update of one neuron, in brian2's expression language."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np
from brian2 import Function, Unit
from scipy.special import erf

from emulator.laws import NodeLaw

_SIGMOID = "1/(1 + exp(-s))"

#: name -> (value, derivative) of the pre-activation `s`; the derivative may use the value `F`
ACTIVATIONS: dict[str, tuple[str, str]] = {
    "source": ("ext", "0"),
    "identity": ("s", "1"),
    "tanh": ("tanh(s)", "(1 - F*F)"),
    "relu": ("s*int(s > 0)", "int(s > 0)"),
    "leaky_relu": ("s*(int(s > 0) + slope*int(s <= 0))", "(int(s > 0) + slope*int(s <= 0))"),
    "sigmoid": (_SIGMOID, "F*(1 - F)"),
    "softplus": ("(s*int(s > 0) + log1p(exp(-abs(s))))", _SIGMOID),
    "gelu": (
        f"0.5*s*(1 + erf(s*{sqrt(0.5)!r}))",
        f"(0.5*(1 + erf(s*{sqrt(0.5)!r})) + s*exp(-0.5*s*s)*{1 / sqrt(2 * pi)!r})",
    ),
    "silu": (f"s*({_SIGMOID})", f"({_SIGMOID})*(1 + s - s*({_SIGMOID}))"),
}


def erf_function() -> Function:
    """The error function for all of brian2's targets."""
    function = Function(erf, arg_units=[1], return_unit=Unit(1), arg_types=["float"], return_type="float")
    function.implementations.add_implementation("numpy", erf)
    function.implementations.add_implementation(
        "cython", "from libc.math cimport erf as _c_erf\ncdef double erf(double x):\n    return _c_erf(x)\n"
    )
    function.implementations.add_implementation("cpp", "", name="erf")
    return function


def activation_codes(functions: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The activations in use, and per neuron the position of its own among them."""
    used = tuple(name for name in ACTIVATIONS if name in set(functions))
    position = {name: k for k, name in enumerate(used)}
    return used, np.array([position[name] for name in functions], dtype=np.int32)


def node_update(law: NodeLaw, used: Sequence[str], loss: str, power: bool, noise_poles: int = 0) -> list[str]:
    """The node's update code; two blocks where the load needs a sum over the new states in between.

    `s_in`, `B_in` are what has arrived at the two ports, `ext` the datum or target, `load` whether the load is on.
    """
    answer = "x - ext" if loss == "mse" else "p - ext"
    noise = "".join(
        f"eta{k} = eta_decay{k}*eta{k} + eta_drive{k}*gauss(eta_key{k}, i, t_in_timesteps)\nF = F + eta{k}\n"
        for k in range(noise_poles)
    )
    state = f"""
s = s_in + bias
F = {_select(used, 0)}
D = {_select(used, 1)}
{noise}B = B_in + load*({answer})
{law.state_update}
x = int(act == {_position(used, "source")})*F + int(act != {_position(used, "source")})*x
"""
    costate = f"""
B = B_in + load*({answer})
{law.costate_update}
mu = D*lam
rx = x - F
rl = lam - B
"""
    if power:
        costate += "P = (rx*rx/Z + Z*rl*rl)/4\n"
    if loss == "mse":
        return [state + costate]
    return [state, "p = int(load != 0)*exp(clip(x - lse, -700, 700))\n" + costate]


def _position(used: Sequence[str], name: str) -> int:
    return list(used).index(name)


def _select(used: Sequence[str], which: int) -> str:
    return " + ".join(f"int(act == {k})*({ACTIVATIONS[name][which]})" for k, name in enumerate(used))
