"""Control: what the maximum principle is for, solved by waves that rest there and by waves that do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emulator.control.exact import optimum
from emulator.control.problem import ControlProblem
from emulator.control.solve import solve
from emulator.experiments.claims.base import Curve, Panel
from emulator.experiments.findings import Row, Table
from emulator.experiments.questions.base import Answer, Question, told
from emulator.laws import Law, Matched, WavePMP
from emulator.options import HoldOptions
from emulator.scenario.experiments import QuestionsConfig
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.work import Task, Work

_STEPS, _NUS = (10, 20), (0.0, 0.001, 0.003, 0.01)
_MATCHED = "matched"
#: transits of a hold, in steps of the problem, without transport and with it
_QUICK, _LONG = 3, 13


def double_integrator(steps: int) -> ControlProblem:
    """Position and speed brought to rest by a force, with quadratic costs."""
    return ControlProblem(
        dynamics={"x1": "x2", "x2": "u1"}, running_cost="0.5*(x1**2 + 0.1*u1**2)", terminal_cost="2.0*(x1**2 + x2**2)",
        x0=[1.0, 0.0], horizon=3.0, steps=steps, controls=["u1"],
    )  # fmt: skip


def _asks(scenario: Scenario, section: QuestionsConfig) -> list[Ask]:
    ways = [_MATCHED, *(f"{nu:g}" for nu in _NUS)]
    return [Ask({"way": way, "steps": n}, {}, name=f"control/{n}/{way}") for n in _STEPS for way in ways]


def _measured(work: Work, scenario: Scenario, task: Task) -> dict[str, float | None]:
    _, steps, way = task.name.split("/")
    problem = double_integrator(int(steps))
    law: Law = Matched() if way == _MATCHED else WavePMP(float(way), 1.0)
    hold = None if way == _MATCHED else float(int(steps) * (_LONG if float(way) else _QUICK))
    best = optimum(problem, problem.unrolled.linear)
    found = solve(problem, law=law, updates=2000, run=HoldOptions(hold=hold))
    return {
        "control": float(np.abs(found.controls - best.controls).max() / np.abs(best.controls).max()),
        "excess": found.cost / best.cost - 1,
        "steps": float(found.steps) if found.solved else np.inf,
    }


def _answer(section: QuestionsConfig, rows: Sequence[Row]) -> Answer:
    by = {(str(row.axes["way"]), int(row.axes["steps"])): row.metrics for row in rows}
    table: Table = [("law", "steps of the problem", "controls off by", "cost above the optimum", "solver steps")]
    table += [
        (way if way == _MATCHED else f"wave-pmp, nu = {way}", str(steps), told(found["control"], 2), told(found["excess"], 2),
         told(found["steps"], 6) if found["steps"] < np.inf else "do not rest")
        for (way, steps), found in by.items()
    ]  # fmt: skip
    exact = max(by[way, n]["control"] for way in (_MATCHED, "0") for n in _STEPS)
    off = ", ".join(f"{by[f'{nu:g}', _STEPS[-1]]['control']:.1%} at nu = {nu:g}" for nu in _NUS[1:])
    dearer = by[f"{_NUS[-1]:g}", _STEPS[-1]]["excess"]
    return Answer(
        f"A double integrator of {' and '.join(map(str, _STEPS))} steps, controls against the Riccati solution: laws that rest at the "
        f"maximum principle, Algorithm 1 without transport among them, find them within {exact:.1g}. With transport the controls of "
        f"{_STEPS[-1]} steps rest beside them: {off} (the cost there {dearer:.2g} above the optimum, relative to it).",
        table,
        Panel(
            "Courant number nu",
            "error of the controls, relative to the largest",
            tuple(
                Curve(list(_NUS), [max(by[f"{nu:g}", n]["control"], 1e-16) for nu in _NUS], f"{n} steps")
                for n in _STEPS
            ),
            log=True,
            points=True,
        ),
    )


CONTROL = Question(
    title="Does it solve control problems?",
    setup="fourth-order steps, controls as parameters on inductive ports, until the effort on them has fallen to 1e-9; law matched, and "
    f"wave-pmp with alpha = 1 and holds of {_QUICK} (nu = 0) and {_LONG} transits for each step",
    asks=_asks,
    measure=_measured,
    metrics=("control", "excess", "steps"),
    answer=_answer,
)
