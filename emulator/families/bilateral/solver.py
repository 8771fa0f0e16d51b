"""A neuron's junction in brian2's expression language: its pre-activation by its branch, then its state and costates.

The root is found by functions that brian2 calls on each of its targets (`emulator.families.bilateral.branches`, and the same in C++).
What is left of the equation is kept, in units of its largest term. A cross-entropy load couples the outputs; those are
solved between the two blocks of code, see `emulator.families.bilateral.load`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from brian2 import Function, Unit

from emulator.families.bilateral import branches
from emulator.families.bilateral.branches import COUPLED, KINDS, KINKED, Floats, Junctions
from emulator.families.bilateral.branches_cpp import CODE
from emulator.network.activations import activation_function

#: name -> body in C++; all take whole numbers and floats as float
_BODIES = {
    "junction_root": "if (kind < 0) return s;\nif (kind == 0) return 0.0;\nreturn bw_solved({(int)kind, low, A, J, G, Z, 0.0, false}, s);",
    "junction_several": "if (kind <= 0) return 0.0;\nreturn bw_several({(int)kind, low, A, J, G, Z, 0.0, false}, s);",
    "activation_value": "return bw_activation((int)kind, low, s).value;",
    "activation_slope": "return bw_activation((int)kind, low, s).slope;",
}
_JUNCTION, _POINT = ("kind", "low", "A", "J", "G", "Z", "s"), ("kind", "low", "s")


def junction_code(loss: str) -> list[str]:
    """Code blocks for the neurons: one for a squared loss, two around the load for cross-entropy."""
    if loss == "mse":
        load, drive, stiff = "load*kappa*(x - ext)", "sum_out + load*kappa*ext", "G + load*kappa"
    else:
        load, drive, stiff = "p - load*ext", "sum_out", "G"
    given = "A = bias + sum_in\n"
    solve = f"""s = junction_root(alone, low, A, {drive}, {stiff}, series, s)
several = junction_several(alone, low, A, {drive}, {stiff}, series, s)
"""
    source, at_kink = f"int(act == {KINDS['source']})", " + ".join(f"int(act == {KINDS[name]})" for name in KINKED)
    answer = f"""D = activation_slope(act, low, s)
x = (1 - {source})*activation_value(act, low, s) + {source}*(ext + resistance*sum_out)/(1 + resistance*G)
lam = G*x - sum_out + {load}
held = ({at_kink})*int(s == 0)
mu = held*(A - s)/(series + int(series == 0)) + (1 - held)*D*lam
terms = abs(s) + abs(A) + series*abs(D)*(abs(G*x) + abs(sum_out) + {_terms(loss)})
miss = (1 - held)*int(series > 0)*abs(s - A + series*D*lam)
worst = clip(miss/(terms + int(terms == 0)), worst, 1e300)
n_several = n_several + several
"""
    return [given + solve + answer] if loss == "mse" else [given + solve, given + answer]


def _terms(loss: str) -> str:
    return "load*kappa*(abs(x) + abs(ext))" if loss == "mse" else "p + load*abs(ext)"


def junction_functions() -> dict[str, Function]:
    """The functions that the code calls, for all of brian2's targets."""
    python: dict[str, Callable[..., Floats]] = {
        "junction_root": _root,
        "junction_several": _several,
        "activation_value": _value,
        "activation_slope": _slope,
    }
    return {name: _function(name, python[name]) for name in _BODIES}


def _function(name: str, python: Callable[..., Floats]) -> Function:
    arguments = _JUNCTION if name.startswith("junction") else _POINT
    made = Function(
        python, arg_units=[1] * len(arguments), return_unit=Unit(1), arg_types=["any"] * len(arguments),
        return_type="float",
    )  # fmt: skip
    made.implementations.add_implementation("numpy", python)
    listed = ", ".join(f"double {argument}" for argument in arguments)
    body = f"{CODE}static inline double {name}({listed})\n{{\n    {_BODIES[name]}\n}}\n"
    made.implementations.add_implementation("cpp", body, name=name)
    types = ", ".join(["double"] * len(arguments))
    quoted = body.replace("\\", "\\\\")
    made.implementations.add_implementation(
        "cython", f'cdef extern from *:\n    """{quoted}"""\n    double {name}({types}) nogil\n', name=name
    )
    return made


def _by_kind(kind: Floats, *columns: Floats) -> list[tuple[str, np.ndarray, list[Floats]]]:
    """The elements of every activation that occurs, and their columns."""
    kind, *given = np.broadcast_arrays(kind, *columns)
    found = []
    for name, number in KINDS.items():
        chosen = kind == number
        if number > 0 and chosen.any():
            found.append((name, chosen, [column[chosen] for column in given]))
    return found


def _alone(name: str, columns: list[Floats]) -> Junctions:
    """Junctions without the term of a cross-entropy load."""
    low, A, J, G, Z, s = columns
    return Junctions(name, low, A, J, G, Z, np.full(len(s), np.inf))


def _root(kind: Floats, low: Floats, A: Floats, J: Floats, G: Floats, Z: Floats, s: Floats) -> Floats:
    found = np.where(np.broadcast_to(kind, np.shape(s)) == COUPLED, s, 0.0)
    for name, chosen, columns in _by_kind(kind, low, A, J, G, Z, s):
        found[chosen] = branches.solved(_alone(name, columns), columns[-1])
    return found


def _several(kind: Floats, low: Floats, A: Floats, J: Floats, G: Floats, Z: Floats, s: Floats) -> Floats:
    found = np.zeros(np.shape(s))
    for name, chosen, columns in _by_kind(kind, low, A, J, G, Z, s):
        found[chosen] = branches.several(_alone(name, columns), columns[-1])
    return found


def _value(kind: Floats, low: Floats, s: Floats) -> Floats:
    found = np.zeros(np.shape(s))
    for name, chosen, (slope, here) in _by_kind(kind, low, s):
        straight = name in KINKED
        found[chosen] = np.where(here > 0, here, slope * here) if straight else activation_function(name).phi(here)
    return found


def _slope(kind: Floats, low: Floats, s: Floats) -> Floats:
    found = np.zeros(np.shape(s))
    for name, chosen, (slope, here) in _by_kind(kind, low, s):
        found[chosen] = np.where(here > 0, 1.0, slope) if name in KINKED else branches.slope_of(name, here)
    return found
