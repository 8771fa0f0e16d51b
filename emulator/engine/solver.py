"""A neuron's junction solved for its pre-activation, in brian2's expression language.

Every step each neuron solves ``s - A + Zs phi'(s) lam(phi(s)) = 0`` (see `emulator.laws.bilateral`) from where it was,
by a fixed number of Newton steps inside a bracket: a step that leaves it, or would go uphill, is replaced by its
middle. The residual is kept. Where several roots exist the one found from the present state is taken. A function with a
kink is solved on both sides of it, and keeps to its side while there is a root there; where neither side has one the
neuron rests at the kink, ``s = 0``, and passes on whatever costate balances it.

The bracket holds since ``phi' phi`` is at least 0 above ``s = 0`` and at most `_MOST_BELOW` below it, for every
activation, and ``|phi'|`` at most `_STEEPEST`.

A cross-entropy load couples the outputs by their log-sum-exp: a scalar Newton iteration around that of the neurons,
which amounts to Newton's method on all of them with the Sherman-Morrison formula.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import pi, sqrt

from emulator.engine.expressions import ACTIVATIONS

#: Newton steps per neuron in the first round, and in each later round of a cross-entropy load
STEPS, MORE_STEPS = 12, 6
#: rounds of the log-sum-exp
ROUNDS = 4
#: what bounds the bracket: ``phi' phi`` and `phi` below 0, and the slope anywhere
_MOST_BELOW, _HIGHEST_BELOW, _STEEPEST = 0.35, 0.7, 1.13
KINKED = ("relu", "leaky_relu")

#: second derivative of each activation, by its value `F` and slope `D`
SECOND = {
    "source": "0",
    "identity": "0",
    "tanh": "(-2*F*D)",
    "relu": "0",
    "leaky_relu": "0",
    "sigmoid": "D*(1 - 2*F)",
    "softplus": "D*(1 - D)",
    "gelu": f"((2 - s*s)*exp(-0.5*s*s)*{1 / sqrt(2 * pi)!r})",
    "silu": "(1/(1 + exp(-s))*(1 - 1/(1 + exp(-s)))*(2 + s*(1 - 2/(1 + exp(-s)))))",
}


def junction_code(used: Sequence[str], loss: str) -> list[str]:
    """Code blocks for the neurons, one for a squared loss, and one per round and a last one for cross-entropy."""
    if loss == "mse":
        return [_solve(used, loss, STEPS) + _answer(used)]
    first, later = _solve(used, loss, STEPS) + _exponential(), _solve(used, loss, MORE_STEPS) + _exponential()
    return [first, *[later] * (ROUNDS - 1), _solve(used, loss, MORE_STEPS) + _answer(used)]


def _solve(used: Sequence[str], loss: str, steps: int) -> str:
    """Newton steps, then the value `F`, slope `D` and derivative `tilt` of the residual at the root."""
    smooth = [name for name in used if name not in KINKED]
    kinked = [name for name in used if name in KINKED]
    linear = loss == "mse" and set(smooth) <= {"source", "identity"}
    code = "A = bias + sum_in\n"
    if smooth:
        variable = "root" if kinked else "s"
        code += f"{_bracket(loss)}{variable} = clip(s, low_end, high_end)\n"
        for _ in range(1 if linear else steps):
            code += _at(used, variable, loss) + _step(variable)
    if kinked:
        for side, slope in (("up", "1"), ("down", "low")):
            code += f"{side} = clip(s, -1e300, 1e300)\n"  # a copy: brian2's numpy code would update `s` in place
            for _ in range(1 if loss == "mse" else steps):
                code += _residual(side, loss, f"{slope}*{side}", slope, "0") + f"{side} = {side} - miss/tilt\n"
        code += "go_up = int(up > 0)*int(s > 0 or down > 0)\ngo_down = (1 - go_up)*int(down <= 0)\n"
        chosen = " + ".join(f"int(act == {list(used).index(name)})" for name in kinked)
        other = f" + (1 - ({chosen}))*root" if smooth else ""
        code += f"s = ({chosen})*(go_up*up + go_down*down){other}\n"
    return code + _at(used, "s", loss)


def _bracket(loss: str) -> str:
    """Ends between which the residual changes its sign."""
    held = "abs(load*kappa*ext)" if loss == "mse" else "abs(load*ext)"
    stiff, load = "(G + load*kappa)", "0"
    if loss != "mse":
        stiff, load = "G", f"load*exp(clip({_HIGHEST_BELOW} - lse, -700, 30))"
    return (
        f"reach = {_STEEPEST}*series*(abs(sum_out) + {held})\n"
        "high_end = clip(A, 0, 1e300) + reach\n"
        f"low_end = clip(A, -1e300, 0) - reach - series*({_MOST_BELOW}*{stiff} + {_STEEPEST}*{load})\n"
    )


def _step(variable: str) -> str:
    return f"""high_end = int(miss > 0)*{variable} + int(miss <= 0)*high_end
low_end = int(miss > 0)*low_end + int(miss <= 0)*{variable}
newton = {variable} - miss/(tilt + int(tilt <= 0)*(1 - tilt))
inside = int(tilt > 0)*int(newton >= low_end)*int(newton <= high_end)
{variable} = inside*newton + (1 - inside)*0.5*(low_end + high_end)
"""


def _at(used: Sequence[str], variable: str, loss: str) -> str:
    code = "".join(f"{name} = {_select(used, table, variable)}\n" for name, table in (("F", 0), ("D", 1), ("H", 2)))
    return code + _residual(variable, loss)


def _residual(variable: str, loss: str, value: str = "F", slope: str = "D", bend: str = "H") -> str:
    """Costate, residual and its derivative, where value, slope and curvature of the activation are known."""
    if loss == "mse":
        load = f"lam = G*{value} - sum_out + load*kappa*({value} - ext)\nstiff = G + load*kappa\n"
    else:
        load = f"p = load*exp(clip({value} - lse, -700, 700))\n"
        load += f"lam = G*{value} - sum_out + p - load*ext\nstiff = G + p\n"
    return (
        load
        + f"miss = {variable} - A + series*{slope}*lam\n"
        + f"tilt = 1 + series*({bend}*lam + {slope}*{slope}*stiff)\n"
    )


def _exponential() -> str:
    """What the outputs add to the sum of exponentials, and to its derivative in the log-sum-exp."""
    return "ease = p*D*D*series*p/clip(abs(tilt), 0.1, 1e300)\n"


def _answer(used: Sequence[str]) -> str:
    """State, costates and residual of the solved junction; sources give the datum behind their resistance."""
    source = f"int(act == {list(used).index('source')})"
    at_kink = " + ".join(f"int(act == {k})" for k, name in enumerate(used) if name in KINKED)
    solved = f"(1 - ({at_kink})*int(s == 0))*" if at_kink else ""
    return f"""x = (1 - {source})*F + {source}*(ext + resistance*sum_out)/(1 + resistance*G)
lam = (1 - {source})*lam + {source}*(G*x - sum_out)
mu = (A - s)/(series + int(series == 0))*int(series > 0)
worst = clip({solved}abs(miss)*int(series > 0), worst, 1e300)
"""


def _select(used: Sequence[str], which: int, variable: str) -> str:
    def expression(name: str) -> str:
        if name == "source":
            return "0"
        text = SECOND[name] if which == 2 else ACTIVATIONS[name][which]
        return _renamed(text, variable)

    return " + ".join(f"int(act == {k})*({expression(name)})" for k, name in enumerate(used))


def _renamed(text: str, variable: str) -> str:
    """The expression with its argument `s` under another name."""
    return re.sub(r"\bs\b", variable, text)
