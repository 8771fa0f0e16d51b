"""Running a scenario from its file to a folder of results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from emulator.laws import family_of
from emulator.measure import SettleResult, reference
from emulator.measure.diagnose import forewarning
from emulator.report import draw_pictures
from emulator.report.attempt import trouble
from emulator.report.live.recording import RECORDING, write_recording
from emulator.runs.holds import steps_of_hold, steps_of_ramp
from emulator.scenario.build import Prepared, prepare
from emulator.scenario.outdir import RESULTS, staged
from emulator.scenario.predictions import PREDICTIONS, predictions
from emulator.scenario.results import RunReport, write_results
from emulator.scenario.scenario import Scenario
from emulator.scenario.scores import fits, scores

#: called with what is being done, and the fraction done where it is known
Progress = Callable[[str, float | None], None]

NETWORK = "network.npz"
#: numbers that the recordings for the pictures may hold
_MOST_RECORDED = 50_000_000


def run_scenario(
    scenario: Scenario,
    out: str | Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    animate: str | None = None,
) -> RunReport:
    """Build, compile, settle, compare and draw; write ``results.json``, ``predictions.csv``, pictures and ``network.npz`` to `out`.

    Parameters
    ----------
    scenario : Scenario
        From `load_scenario`.
    out : str or Path
        A folder, which appears complete or stays as it was; results of an earlier run there are replaced.
    force : bool
        Write also among files that are not the results of an earlier run.
    progress : callable, optional
        Called with what is being done, and the fraction done where it is known.
    warn : callable, optional
        Called before the run if the first sample is predicted not to settle, with the reason and what would help.
    animate : {"gif", "mp4"}, optional
        Write the last recorded sample as an animation, too.
    workers, scheduler : optional
        Among whom the batch is divided, as for `emulator.settle`.

    Raises
    ------
    BackwaveError
        If the scenario cannot be run as described. That samples do not settle is a result, not an error.
    OSError
        If `out` cannot be written.
    """
    tell: Progress = progress or (lambda stage, fraction: None)
    clock = _Clock(tell)
    folder = Path(out)
    with staged(folder, force) as staging:
        clock.start("preparing network and substrate")
        ready = prepare(scenario)
        clock.start("predicting")
        foreseen = _forewarning(ready)
        if foreseen is not None and warn is not None:
            warn(foreseen)
        clock.start("settling")
        result = scenario.settle(
            ready.graph, ready.batch, workers=workers, scheduler=scheduler, progress=partial(tell, "settling")
        )
        clock.start("comparing with exact backpropagation")
        exact = reference(ready.graph.whole, ready.batch.inputs, ready.batch.targets)
        errors = result.errors(exact)
        bias = family_of(ready.graph.law).bias(ready.graph, exact)
        compared = scores(result, exact, ready.built, ready.batch)
        fitting = fits(result, exact, ready.built, ready.batch)
        clock.stop()
        report = RunReport(
            scenario,
            result,
            exact,
            compared,
            fitting,
            errors,
            bias,
            foreseen,
            clock.times,
            folder,
            (RESULTS, NETWORK, PREDICTIONS),
            notes=ready.batch.notes,
            teacher=ready.built.teacher,
        )
        ready.graph.whole.save(staging / NETWORK)
        (staging / PREDICTIONS).write_text(predictions(result, ready.batch), encoding="utf-8")
        write_results(staging / RESULTS, report, ready)
        report = _illustrated(report, ready, staging, clock, animate)
        write_results(staging / RESULTS, report, ready)
    return report


def _illustrated(report: RunReport, ready: Prepared, staging: Path, clock: _Clock, animate: str | None) -> RunReport:
    """The report with pictures, as far as they can be had."""
    traced, power, troubles = None, None, list[str]()
    clock.start("recording samples for the pictures")
    try:
        traced = _traced(ready, report.result)
        power = None if traced is None else family_of(ready.graph.law).power_account(traced)
    except Exception as error:  # whatever it is, the numbers are there already
        troubles.append(f"no sample could be recorded for the pictures: {trouble(error)}")
    clock.start("drawing")
    pictures = draw_pictures(report.result, traced, staging, troubles, ready.scenario.title)
    if traced is not None:
        pictures = (*pictures, *_moving(traced, ready.scenario.title, staging, animate, troubles))
    clock.stop()
    return replace(report, times=clock.times, files=(*report.files, *pictures), troubles=tuple(troubles), power=power)


def _moving(
    traced: SettleResult, title: str, staging: Path, animate: str | None, troubles: list[str]
) -> tuple[str, ...]:
    """Names of the recording for a live page and of the film, as far as they can be had."""

    def film(path: Path) -> None:
        from emulator.report.animation import animate as draw

        draw(traced, path, scenario=title)

    makers: dict[str, Callable[[Path], object]] = {RECORDING: lambda path: write_recording(traced, path, title)}
    if animate is not None:
        makers[f"worldsheet.{animate}"] = film
    written = []
    for name, make in makers.items():
        try:
            make(staging / name)
            written.append(name)
        except Exception as error:  # whatever it is, the numbers are there already
            (staging / name).unlink(missing_ok=True)
            troubles.append(f"{name} could not be written: {trouble(error)}")
    return tuple(written)


class _Clock:
    """Wall seconds of each stage."""

    def __init__(self, tell: Progress) -> None:
        self.times: dict[str, float] = {}
        self._tell = tell
        self._stage = ""
        self._begun = 0.0

    def start(self, stage: str) -> None:
        self.stop()
        self._stage, self._begun = stage, time.perf_counter()
        self._tell(stage, None)

    def stop(self) -> None:
        if self._stage:
            self.times[self._stage] = time.perf_counter() - self._begun
        self._stage = ""


def _forewarning(ready: Prepared) -> str | None:
    """What the prediction for the first sample has to say against the run."""
    run, first = ready.scenario.config.run, ready.batch.first(1)
    hold = steps_of_hold(ready.graph, run)
    rest = reference(ready.graph.network, first.inputs, first.targets)
    still = hold - steps_of_ramp(ready.graph, run, hold) + 1
    return forewarning(ready.graph, rest, hold=still, tolerance=run.tolerance)


def _traced(ready: Prepared, result: SettleResult) -> SettleResult | None:
    """The first samples again, recorded at every step; fewer where the recording would be very large."""
    affordable = _MOST_RECORDED // (3 * result.hold * ready.graph.neurons)
    count = min(ready.scenario.config.run.pictures, affordable, len(result.settled))
    if count == 0:
        return None
    how = {"hold": None, "hold_seconds": result.hold * ready.graph.step, "target": "numpy"}
    return ready.scenario.settle(ready.graph, ready.batch.first(count), traces=True, diagnose=False, **how)
