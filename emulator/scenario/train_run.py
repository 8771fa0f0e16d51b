"""Training a scenario's network on its substrate, from the file to a folder of results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from emulator.errors import ScenarioError
from emulator.locks import held
from emulator.report.attempt import attempt
from emulator.report.style import told_below
from emulator.report.training import training_figure
from emulator.scenario.load import bundled, load_scenario
from emulator.scenario.outdir import RESULTS, resumable, staged, taken_up
from emulator.scenario.scenario import Scenario
from emulator.scenario.train_results import TrainingRunReport, write_training
from emulator.scenario.training import TrainingConfig
from emulator.training import TrainResult
from emulator.training.loop import TrainingReport

Progress = Callable[[str, float | None], None]

NETWORK, CHECKPOINT, PICTURE = "network.npz", "checkpoint.npz", "training.png"


def train_scenario(
    scenario: Scenario,
    out: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> TrainingRunReport:
    """Train, and write ``results.json``, ``training.png`` and ``network.npz`` to `out`.

    Parameters
    ----------
    scenario : Scenario
        With a section `training`; its table `compare` is not looked at (see `emulator.experiments`).
    out : str or Path
        A folder, which appears complete or stays as it was.
    force : bool
        Write also among files that are not the results of an earlier run.
    resume : bool
        Go on from the checkpoint of a training that was interrupted, or, where there is none, from that of the training in
        `out`: one that is complete is not trained again, and one that is to be longer goes on if its rates do not decay.
    checkpoint : path, optional
        Where the checkpoint is kept while the training runs; by default beside `out`. In the end it goes into `out`.
    progress : callable, optional
        Called with what is being done, and the fraction done where it is known.
    warn : callable, optional
        Called before the first sample with every warning.

    Raises
    ------
    BackwaveError
        If the scenario cannot be trained as described. That a training diverges is a result, not an error.
    OSError
        If `out` cannot be written.
    """
    tell: Progress = progress or (lambda stage, fraction: None)
    folder = Path(out)
    path = folder.with_name(f"{folder.name}.{CHECKPOINT}") if checkpoint is None else Path(checkpoint)
    try:
        return _training(scenario, folder, path, force, resume, tell, warn)
    except KeyboardInterrupt as stop:
        raise resumable(stop, path) from None


def _training(
    scenario: Scenario,
    folder: Path,
    path: Path,
    force: bool,
    resume: bool,
    tell: Progress,
    warn: Callable[[str], None] | None,
) -> TrainingRunReport:
    with staged(folder, force) as staging:
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(path, f"checkpoint '{path}'"):
            with scenario.named(), taken_up(path, folder / CHECKPOINT, resume):
                result = scenario.train(
                    checkpoint=path, resume=resume, progress=partial(_report, tell, "training"), warn=warn
                )
            result.network.save(staging / NETWORK)
            names = [RESULTS, NETWORK, *([CHECKPOINT] if path.exists() else [])]
            report = TrainingRunReport(scenario, result, folder, tuple(names))
            draw = partial(_drawn, result, scenario)
            report = _written(report, draw, staging)
            if path.exists():
                path.replace(staging / CHECKPOINT)
    return report


def _drawn(result: TrainResult, scenario: Scenario) -> Figure:
    return told_below(training_figure(result, scenario.title), scenario.substrate)


def _written(report: TrainingRunReport, draw: Callable[[], Figure], staging: Path) -> TrainingRunReport:
    """Write the figures, then the picture if it can be drawn, and what became of it."""
    write_training(staging / RESULTS, report)
    troubles: list[str] = []
    drawn = attempt(staging / PICTURE, draw, troubles)
    report = replace(report, files=(*report.files, *([PICTURE] if drawn else [])), troubles=tuple(troubles))
    write_training(staging / RESULTS, report)
    return report


def training_of(scenario: Scenario) -> TrainingConfig:
    """The section `training`.

    Raises
    ------
    ScenarioError
        If the scenario has none.
    """
    if scenario.config.training is not None:
        return scenario.config.training
    others = [name for name in bundled() if load_scenario(name).config.training is not None]
    raise ScenarioError(f"scenario '{scenario.name}' has no section training; allowed: {', '.join(others)}, or add one")


def _report(tell: Progress, stage: str, report: TrainingReport) -> None:
    done = None if report.total is None else report.samples / report.total
    accuracy = "" if report.test_accuracy != report.test_accuracy else f", test accuracy {report.test_accuracy:.2%}"
    tell(f"{stage}: {report.samples:,} samples, loss {report.loss:.4f}{accuracy}", done)
