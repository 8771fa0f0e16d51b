"""The neurons of two-way lines: pre-activations by their branches, then states and costates, activation by activation.

The root is found by `emulator.families.bilateral.branches`, and in compiled programs by the same in C++. What is left of the equation
is kept, in units of its largest term. A cross-entropy load couples the outputs; those are solved between the two pieces of
work, see `emulator.families.bilateral.load`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup
from brian2.core.variables import Variable

from emulator.engine.native import Arrays, native
from emulator.families.bilateral import branches
from emulator.families.bilateral.branches import COUPLED, KINDS, KINKED, Junctions
from emulator.families.bilateral.junctions_cpp import SOLVE, answer_code
from emulator.families.bilateral.plan import BilateralPlan

_NAMES = (
    "bias", "sum_in", "sum_out", "load", "ext", "low", "series", "s", "several", "p", "x", "lam", "mu", "D", "worst",
    "n_several", "G",
)  # fmt: skip


def junction_objects(plan: BilateralPlan, nodes: NeuronGroup, crowd: NeuronGroup, clock: Clock) -> list[Any]:
    """Let the neurons answer, in slots 0 and 2 of `start`; a cross-entropy load is solved in between.

    Parameters
    ----------
    plan : BilateralPlan
    nodes : NeuronGroup
    crowd : NeuronGroup
        Its `several` counts junctions that have more than one answer.
    clock : Clock
    """
    first, kinds, alone = plan.runs
    sites = NeuronGroup(
        len(first), "done : integer\n" + "".join(f"{name} : integer (constant)\n" for name in ("first", "size", "kind", "alone")),
        clock=clock, name="sites",
    )  # fmt: skip
    sites.first, sites.size, sites.kind, sites.alone = first[:, 0], first[:, 1], kinds, alone
    used: dict[str, Variable] = {name.upper(): nodes.variables[name] for name in _NAMES}
    used |= {"CROWD": crowd.variables["several"], "KAPPA": nodes.variables["kappa"]}
    used |= {"RESISTANCE_": nodes.variables["resistance"]}
    squared = "@KAPPA[0]" if plan.loss == "mse" else "0.0"
    texts = [
        text.replace("@SQUARED", squared).replace("@RESISTANCE", "@RESISTANCE_[0]")
        for text in (SOLVE, answer_code(plan.loss))
    ]

    def run(arguments: str, name: str, text: str, order: int, work: Callable[[Arrays], Callable[[], None]]) -> Any:
        arity = arguments.count(",") + 1
        code = f"done = {name}({arguments})"
        return native(sites, code, name, text, arity, used, work, clock=clock, when="start", order=order)

    made = (
        run("first, size, alone", "solve", texts[0], 0, lambda arrays: _solving(plan, arrays)),
        run("first, size, kind, alone", "respond", texts[1], 2, lambda arrays: _responding(plan, arrays)),
    )
    return [sites, *(one for one in made if one is not None)]


def _groups(kinds: np.ndarray) -> list[tuple[str, Any]]:
    """Name and neurons of every activation that occurs."""
    return [(name, at) for name, number in KINDS.items() if len(at := np.flatnonzero(kinds == number))]


def _solving(plan: BilateralPlan, held: Arrays) -> Callable[[], None]:
    """What the compiled program does."""
    groups, mse = [(name, at) for name, at in _groups(plan.alone) if name != "source"], plan.loss == "mse"

    def solve() -> None:
        total = 0.0
        for name, at in groups:
            stiff = held["LOAD"][at] * held["KAPPA"] if mse else 0.0
            junctions = Junctions(
                name, held["LOW"][at], held["BIAS"][at] + held["SUM_IN"][at], held["SUM_OUT"][at] + stiff * held["EXT"][at],
                held["G"][at] + stiff, held["SERIES"][at], np.full(len(at), np.inf),
            )  # fmt: skip
            s = branches.solved(junctions, held["S"][at])
            held["S"][at], held["SEVERAL"][at] = s, branches.several(junctions, s)
            total += held["SEVERAL"][at].sum()
        held["CROWD"][0] += total

    return solve


def _responding(plan: BilateralPlan, held: Arrays) -> Callable[[], None]:
    """The same of the answers."""
    groups, mse, coupled = _groups(plan.kinds), plan.loss == "mse", plan.alone == COUPLED

    def respond() -> None:
        for name, at in groups:
            G, out, ext = held["G"][at], held["SUM_OUT"][at], held["EXT"][at]
            if name == "source":
                held["X"][at] = (ext + held["RESISTANCE_"] * out) / (1 + held["RESISTANCE_"] * G)
                held["LAM"][at] = G * held["X"][at] - out
                continue
            s, A, Z, low = held["S"][at], held["BIAS"][at] + held["SUM_IN"][at], held["SERIES"][at], held["LOW"][at]
            x, D = branches.value_at(name, low, s), branches.slope_at(name, low, s)
            on, p = held["LOAD"][at], held["P"][at]
            load = on * held["KAPPA"] * (x - ext) if mse else p - on * ext
            terms = on * held["KAPPA"] * (np.abs(x) + np.abs(ext)) if mse else p + on * np.abs(ext)
            lam = G * x - out + load
            still = (s == 0) & (name in KINKED)
            size = np.abs(s) + np.abs(A) + Z * np.abs(D) * (np.abs(G * x) + np.abs(out) + terms)
            left = np.where(still, 0.0, np.abs(s - A + Z * D * lam) / (size + 1e-300))
            held["D"][at], held["X"][at], held["LAM"][at] = D, x, lam
            held["MU"][at] = np.where(still, A / Z, D * lam)
            held["WORST"][at] = np.maximum(held["WORST"][at], left)
            held["N_SEVERAL"][at] += held["SEVERAL"][at]
        if coupled.any():
            held["CROWD"][0] += held["SEVERAL"][coupled].sum()

    return respond
