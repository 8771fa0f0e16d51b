"""Tuning the law of a scenario's substrate for its first samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emulator.errors import ScenarioError
from emulator.runs.holds import steps_of_hold
from emulator.runs.tune import Tuning, tune
from emulator.scenario.build import prepare
from emulator.scenario.scenario import Scenario


def tune_scenario(
    scenario: Scenario,
    *,
    only: Sequence[str] | None = None,
    aim: str = "settling",
    samples: int = 4,
    evaluations: int = 1200,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[str, float | None], None] | None = None,
) -> Tuning:
    """Tune for the first samples of a scenario; see `emulator.tune`.

    Raises
    ------
    ScenarioError
        If the scenario has no targets, or its drivers move along a ramp.
    """
    if progress is not None:
        progress("preparing network and substrate", None)
    prepared = prepare(scenario)
    batch, run = prepared.batch.first(samples), scenario.config.run
    if batch.targets is None:
        raise ScenarioError(f"scenario '{scenario.name}': data.targets is false; allowed for tuning: true")
    if run.ramp is not None:
        raise ScenarioError(
            f"scenario '{scenario.name}': data.ramp is given; allowed for tuning, which counts from a jump on: none"
        )
    return tune(
        prepared.graph,
        batch.inputs,
        batch.targets,
        only=only,
        hold=steps_of_hold(prepared.graph, run) if aim == "learning" and (run.hold or run.hold_seconds) else None,
        aim=aim,
        tolerance=run.tolerance,
        evaluations=evaluations,
        seed=seed,
        workers=workers,
        target=run.target,
        progress=progress,
    )
