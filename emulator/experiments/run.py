"""Running an experiment, from its scenario to a folder of results."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from emulator.errors import BackwaveError, ScenarioError
from emulator.experiments.atlas.experiment import atlas
from emulator.experiments.claims.experiment import claims
from emulator.experiments.comparison.experiment import comparison
from emulator.experiments.control.experiment import control
from emulator.experiments.depth.experiment import depth
from emulator.experiments.findings import Findings, Way, command_of
from emulator.experiments.precision.experiment import precision
from emulator.experiments.questions.experiment import questions
from emulator.experiments.technologies.experiment import technologies
from emulator.report.attempt import attempt
from emulator.report.style import told_below
from emulator.scenario.outdir import FORMAT, RESULTS, resumable, staged, write_tables
from emulator.scenario.scenario import Scenario
from emulator.study.points import Progress, check_numbers
from emulator.study.store import Store
from emulator.versions import versions

#: the points in the folder of results
POINTS = "points.sqlite"
#: experiments by the section that asks for them; a comparison is asked for by ``training.compare``
EXPERIMENTS: dict[str, Callable[[Scenario, Way], Findings]] = {
    "technologies": technologies,
    "precision": precision,
    "atlas": atlas,
    "claims": claims,
    "depth": depth,
    "control": control,
    "questions": questions,
    "comparison": comparison,
}


@dataclass(frozen=True)
class ExperimentReport:
    """An experiment that has been made, and where everything was written."""

    scenario: Scenario
    findings: Findings
    out: Path
    files: tuple[str, ...]
    troubles: tuple[str, ...] = ()


def kept_points(out: Path) -> Path:
    """The store of the points of an experiment on its way to a folder."""
    return out.with_name(f"{out.name}.{POINTS}")


def run_experiment(
    scenario: Scenario,
    out: str | Path,
    *,
    kind: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> ExperimentReport:
    """Make an experiment and write ``results.json``, its pictures, and the store of its points to `out`.

    Parameters
    ----------
    scenario : Scenario
    out : str or Path
        A folder, which appears complete or stays as it was.
    kind : str, optional
        Name in `EXPERIMENTS`; by default that of the section that the scenario has.
    workers : int, optional
        Processes on this machine, by default one per processor.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers run the points instead.
    resume : bool
        Go on from the finished points of a run that was interrupted, which are kept beside `out`. One that is
        complete in `out` is not measured again: its results are told and drawn anew.
    force : bool
        Write also among files that are not the results of an earlier run.
    progress : callable, optional
        Called with what is being done, and the fraction done where it is known.

    Raises
    ------
    BackwaveError
        If the scenario cannot be run as described.
    OSError
        If `out` cannot be written.
    """
    kind, tell, folder = kind or scenario.config.experiment, progress or (lambda stage, fraction: None), Path(out)
    if kind is None:
        sections = " or ".join(name for name in EXPERIMENTS if name != "comparison")
        raise ScenarioError(f"scenario '{scenario.name}' is no experiment; allowed: one with a section {sections}")
    check_numbers(workers)
    store = kept_points(folder)
    with staged(folder, force) as staging:
        tell("preparing the network", None)
        try:
            with scenario.named():
                findings = EXPERIMENTS[kind](
                    scenario, Way(kind, store, folder / POINTS, workers, resume, tell, scheduler)
                )
        except BackwaveError:
            _forget_empty(store)
            raise
        except KeyboardInterrupt as stop:
            _forget_empty(store)
            raise resumable(stop, store) from None
        kept = (POINTS,) if store.exists() else ()
        texts = {name: more for name, more in findings.files.items() if isinstance(more, str)}
        pictures = {f"{kind}.png": findings.figure}
        pictures |= {name: more for name, more in findings.files.items() if not isinstance(more, str)}
        for name, content in texts.items():
            (staging / name).write_text(content, encoding="utf-8")
        report = ExperimentReport(scenario, findings, folder, (RESULTS, *texts, *kept))
        _write(report, kind, staging)
        troubles: list[str] = []
        told = None if findings.substrate is None else findings.substrate or scenario.substrate
        drawn = [
            name for name, draw in pictures.items() if attempt(staging / name, partial(_told, draw, told), troubles)
        ]
        report = replace(report, files=(RESULTS, *drawn, *texts, *kept), troubles=tuple(troubles))
        _write(report, kind, staging)
        if kept:
            store.replace(staging / POINTS)
    return report


def _told(draw: Callable[[], Figure], substrate: str | None) -> Figure:
    return told_below(draw(), substrate)


def _forget_empty(path: Path) -> None:
    """Remove a store that has no point: there is nothing to go on from."""
    with suppress(BackwaveError, OSError):
        with Store(path) as store:
            empty = store.done == 0
        if empty:
            path.unlink()


def _write(report: ExperimentReport, kind: str, staging: Path) -> None:
    config = report.scenario.config
    tables: dict[str, Any] = {
        "format": FORMAT,
        "version": 1,
        "kind": kind,
        "scenario": report.scenario.name,
        "title": report.scenario.title,
        "command": shlex.join(command_of(report.scenario, kind)),
        "verdict": report.findings.verdict,
        **report.findings.data,
        "configuration": config.model_dump(mode="json"),
        "seeds": {"run": config.run.seed, "hardware": config.substrate.seed},
        "versions": versions(),
        "files": list(report.files),
        "troubles": list(report.troubles),
    }
    write_tables(staging / RESULTS, tables)
