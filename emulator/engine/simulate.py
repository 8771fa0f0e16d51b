"""Simulating a plan on the target that suits its size, and the arrays that come back."""

from __future__ import annotations

import numpy as np

from emulator.engine import runtime
from emulator.engine.cost import expected_cost, suitable_target
from emulator.engine.plan import Plan, Values
from emulator.engine.recording import Recording
from emulator.errors import EngineError, suggest
from emulator.laws import family_of
from emulator.options import TARGETS


def choose_target(plan: Plan) -> str:
    """The target that suits the size of a plan."""
    return suitable_target(expected_cost(plan.samples, plan.hold, plan.layout.synapses))


def simulate(
    plan: Plan, values: Values, feed: np.ndarray, target: str = "auto", report: runtime.Report | None = None
) -> Recording:
    """Run a plan and collect what it recorded; raises as `execute` does."""
    return family_of(plan.law).collect(plan, values, *execute(plan, values, feed, target, report))


def execute(
    plan: Plan, values: Values, feed: np.ndarray, target: str = "auto", report: runtime.Report | None = None
) -> tuple[dict[str, np.ndarray], dict[str, float], str]:
    """Run a plan: recorded arrays by name, seconds spent, and the target that ran.

    Raises
    ------
    EngineError
        For an unknown target, a missing compiler, or a program that fails.
    """
    if target not in TARGETS:
        raise EngineError(f"unknown target {suggest(target, TARGETS)}")
    if target == "auto":
        target = choose_target(plan)
    if target == "standalone":
        from emulator.engine.standalone import program

        outputs, times = program(plan).run(values, feed, report)
    else:
        outputs, times = runtime.run(plan, values, feed, target, report)
    return outputs, times, target
