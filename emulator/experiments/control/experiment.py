"""A control problem, solved on the scenario's law and on others, and compared with the exact optimum."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from emulator.control.exact import Optimum, optimum
from emulator.control.problem import ControlProblem
from emulator.control.solution import Solution
from emulator.control.solve import solve
from emulator.errors import ControlError, ScenarioError
from emulator.experiments.control.figure import control_figure, descent_figure, filling_figure
from emulator.experiments.findings import Findings, Table, Way
from emulator.laws import Law
from emulator.options import HoldOptions
from emulator.scenario.control import ControlNetwork
from emulator.scenario.scenario import Scenario

FILLING, DESCENT, VALUES = "filling.png", "descent.png", "solution.csv"


@dataclass(frozen=True)
class Answer:
    """What one law found, next to the optimum.

    Parameters
    ----------
    law : Law
    solution : Solution
    excess : float
        Cost above the optimum, relative to it.
    control, costate : float
        Largest deviation from the optimum's, relative to its largest.
    """

    law: Law
    solution: Solution
    excess: float
    control: float
    costate: float

    @property
    def biased(self) -> bool:
        """Whether the law rests elsewhere than at the maximum principle."""
        return bool(getattr(self.law, "biased", False))

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        one = self.solution
        return {
            "law": {"name": self.law.name, **dict(self.law.parameters)},
            "rests_at_the_maximum_principle": not self.biased,
            "status": one.status,
            "reason": one.reason,
            "cost": one.cost,
            "cost_excess": self.excess,
            "control_error": self.control,
            "costate_error": self.costate,
            "gradient": one.gradient,
            "updates": one.updates,
            "hold": one.hold,
            "solver_steps": one.steps,
            "neurons": one.graph.neurons,
            "port": repr(one.port),
            "target": one.target,
            "seconds": one.seconds,
            "history": {name: one.history[name].tolist() for name in ("updates", "cost", "effort")},
        }


def control(scenario: Scenario, way: Way) -> Findings:
    """Solve the problem, and compare."""
    network, config = scenario.config.network, scenario.config.control
    if config is None or not isinstance(network, ControlNetwork):
        raise ScenarioError("control needs its section and a control problem; allowed: network.source = 'control'")
    if way.workers not in (None, 1) or way.scheduler is not None:
        raise ScenarioError(
            "control solves one problem after another in one process; allowed: no --workers or --scheduler"
        )
    problem = network.problem()
    hardware = scenario.config.hardware.build(scenario.folder)
    port = None if config.port is None else config.port.build(hardware)
    ways = [(scenario.config.law.build(), scenario.config.run)]
    for other in config.compare:
        held = {} if other.hold is None else {"hold": other.hold, "hold_seconds": None}
        ways.append((other.law.build(), scenario.config.run.model_copy(update=held)))
    found: list[tuple[Law, Solution]] = []
    for law, run in ways:
        solution = solve(
            problem, law=law, hardware=hardware, port=port, schedule=config.schedule, updates=config.updates,
            tolerance=config.tolerance, progress=way.tell,
            run=HoldOptions(**{name: getattr(run, name) for name in HoldOptions.model_fields}),
            substrate=scenario.config.substrate,
        )  # fmt: skip
        found.append((law, solution))
    way.tell("the exact optimum", None)
    try:
        best = optimum(problem, problem.unrolled.linear)
    except ControlError as error:
        best, trouble = None, str(error)
    else:
        trouble = ""
    answers = [_answer(law, solution, best) for law, solution in found]
    return _findings(scenario, problem, answers, best, trouble, config.within)


def _answer(law: Law, solution: Solution, best: Optimum | None) -> Answer:
    if best is None:
        return Answer(law, solution, np.nan, np.nan, np.nan)
    return Answer(
        law,
        solution,
        excess=(solution.cost - best.cost) / (abs(best.cost) or 1.0),
        control=_apart(solution.controls, best.controls),
        costate=_apart(solution.costates, best.costates),
    )


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-300))


def _findings(
    scenario: Scenario,
    problem: ControlProblem,
    answers: list[Answer],
    best: Optimum | None,
    trouble: str,
    within: float,
) -> Findings:
    own = answers[0]
    good = own.solution.solved and (own.biased or best is None or abs(own.excess) <= within)
    table: Table = [("law", "controls", "cost", "above the optimum", "control error", "updates", "solver steps")]
    for one in answers:
        told = ", ".join(f"{name} {value:g}" for name, value in one.law.parameters.items())
        table.append(
            (
                f"{one.law.name} ({told})" if told else one.law.name,
                "rest" if one.solution.solved else "do not rest",
                f"{one.solution.cost:.6g}",
                f"{one.excess:.2g}",
                f"{one.control:.2g}",
                f"{one.solution.updates:,}",
                f"{one.solution.steps:,}",
            )
        )
    notes = [("problem", _described(problem)), ("exact", f"{best.method}, cost {best.cost:.8g}" if best else trouble)]
    for one in answers:
        if one.solution.reason:
            notes.append((one.law.name, one.solution.reason))
        if one.biased:
            notes.append(
                (f"bias of {one.law.name}", "its controls rest where its own effort vanishes, which is not the optimum: the "
                 "printed equations do not rest at the maximum principle for nu > 0")
            )  # fmt: skip
    if best is not None and own.solution.solved and not own.biased and abs(own.excess) > within:
        notes.append(
            ("note", f"the cost is {own.excess:.2g} off that of {best.method}: another optimum, or not one yet")
        )
    verdict = f"{'solved' if own.solution.solved else 'not solved'}: cost {own.solution.cost:.6g}"
    if best is not None:
        verdict += f", {own.excess:.2g} above the optimum, controls within {own.control:.2g} of it"
    return Findings(
        good=good,
        verdict=verdict,
        table=table,
        notes=notes,
        data={
            "problem": {"states": list(problem.states), "controls": list(problem.controls), "steps": problem.steps,
                        "dt": problem.dt, "linear": problem.unrolled.linear},
            "exact": None if best is None else {"method": best.method, "cost": best.cost},
            "answers": [one.to_dict() for one in answers],
        },
        figure=partial(control_figure, problem, [(one.law, one.solution) for one in answers], best, scenario.title),
        files={
            FILLING: partial(filling_figure, own.solution, scenario.title),
            DESCENT: partial(descent_figure, problem, [(one.law, one.solution) for one in answers], best, scenario.title),
            VALUES: _values(problem, own.solution, best),
        },
        substrate=None,
    )  # fmt: skip


def _described(problem: ControlProblem) -> str:
    kind = "linear, quadratic cost" if problem.unrolled.linear else "not linear"
    return (
        f"{len(problem.states)} states, {len(problem.controls)} controls, {problem.steps} steps of {problem.dt:g} "
        f"({problem.scheme}); {kind}"
    )


def _values(problem: ControlProblem, solution: Solution, best: Optimum | None) -> str:
    """States, costates and controls against time, with the exact ones, as a table."""
    text = io.StringIO()
    writer = csv.writer(text)
    names = [*problem.states, *(f"costate of {name}" for name in problem.states), *problem.controls]
    blocks = [solution.states, solution.costates, _padded(solution.controls)]
    if best is not None:
        names += [f"exact {name}" for name in names]
        blocks += [best.states, best.costates, _padded(best.controls)]
    writer.writerow(["t", *names])
    for time, row in zip(problem.times, np.hstack(blocks), strict=True):
        writer.writerow([repr(float(time)), *("" if np.isnan(value) else repr(float(value)) for value in row)])
    return text.getvalue()


def _padded(controls: np.ndarray) -> np.ndarray:
    """Controls with a row for the horizon, where there is none."""
    return np.vstack([controls, np.full((1, controls.shape[1]), np.nan)])
