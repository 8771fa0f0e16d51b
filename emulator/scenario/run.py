"""Running a scenario from its file to a folder of results."""

from __future__ import annotations

import json
import math
import platform
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from emulator.files import atomic_write
from emulator.measure import Reference, SettleResult, reference
from emulator.report import draw_pictures
from emulator.scenario.build import Prepared, prepare
from emulator.scenario.load import Scenario
from emulator.scenario.outdir import FORMAT, RESULTS, staged
from emulator.scenario.scores import Scores, scores
from emulator.settle import settle

#: called with what is being done, and the fraction done where it is known
Progress = Callable[[str, float | None], None]

NETWORK = "network.npz"
#: numbers that the recordings for the pictures may hold
_MOST_RECORDED = 50_000_000


@dataclass(frozen=True)
class RunReport:
    """Outcome of a scenario.

    Parameters
    ----------
    scenario : Scenario
    result : SettleResult
        Of all samples.
    exact : Reference
        Exact backpropagation of the same batch.
    scores : Scores or None
        Predictions compared, if the network classifies.
    errors : dict
        Deviation from the exact reference, as by `SettleResult.errors`.
    times : dict
        Wall seconds by what was done.
    out : Path
        Where everything was written.
    files : tuple of str
        Names of the files there.
    """

    scenario: Scenario
    result: SettleResult
    exact: Reference
    scores: Scores | None
    errors: dict[str, float]
    times: dict[str, float]
    out: Path
    files: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """Whether every sample settled."""
        return bool(self.result.settled.all())


def run_scenario(
    scenario: Scenario, out: str | Path, *, force: bool = False, progress: Progress | None = None
) -> RunReport:
    """Build, compile, settle, compare and draw; write ``results.json``, pictures and ``network.npz`` to `out`.

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
        clock.start("settling")
        result = _settle(ready, partial(tell, "settling"))
        clock.start("comparing with exact backpropagation")
        exact = reference(ready.graph.network, ready.batch.inputs, ready.batch.targets)
        errors = result.errors(exact)
        compared = scores(result, exact, ready.built, ready.batch)
        clock.start("recording samples for the pictures")
        traced = _traced(ready, result)
        clock.start("drawing")
        pictures = draw_pictures(result, traced, staging)
        ready.graph.network.save(staging / NETWORK)
        clock.stop()
        report = RunReport(
            scenario, result, exact, compared, errors, clock.times, folder, (RESULTS, NETWORK, *pictures)
        )
        text = json.dumps(_plain(_results(report, ready)), indent=1, ensure_ascii=False, allow_nan=False)
        atomic_write(staging / RESULTS, lambda file: file.write(text.encode()))
    return report


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


def _settle(ready: Prepared, progress: Callable[[float], None]) -> SettleResult:
    run = ready.scenario.config.run
    return settle(
        ready.graph,
        ready.batch.inputs,
        ready.batch.targets,
        hold=run.hold,
        hold_seconds=run.hold_seconds,
        seed=run.seed,
        target=run.target,
        threshold=run.threshold,
        tolerance=run.tolerance,
        progress=progress,
    )


def _traced(ready: Prepared, result: SettleResult) -> SettleResult | None:
    """The first samples again, recorded at every step; fewer where the recording would be very large."""
    run = ready.scenario.config.run
    affordable = _MOST_RECORDED // (3 * result.hold * ready.graph.neurons)
    count = min(run.pictures, affordable, len(result.settled))
    if count == 0:
        return None
    few = ready.batch.first(count)
    return settle(
        ready.graph,
        few.inputs,
        few.targets,
        hold_seconds=result.hold * ready.graph.step,
        seed=run.seed,
        target="numpy",
        threshold=run.threshold,
        tolerance=run.tolerance,
        traces=True,
        diagnose=False,
    )


def command(scenario: Scenario) -> str:
    """The command that runs a scenario again."""
    overrides = [part for text in scenario.overrides for part in ("--set", text)]
    return shlex.join(["backwave", "run", scenario.source, *overrides])


def _results(report: RunReport, ready: Prepared) -> dict[str, Any]:
    """Everything about a run, in plain tables."""
    config, graph = report.scenario.config, ready.graph
    figures = report.result.to_dict()
    data_seed = getattr(config.data, "seed", None)
    return {
        "format": FORMAT,
        "version": 1,
        "scenario": report.scenario.name,
        "title": config.title,
        "command": command(report.scenario),
        "result": {k: v for k, v in figures.items() if k not in ("seeds", "versions", "times")},
        "errors_against_backpropagation": report.errors,
        "predictions": None if report.scores is None else report.scores.to_dict(),
        "configuration": config.model_dump(mode="json"),
        "hardware": {path: entry.value for path, entry in graph.hardware.flat().items()},
        "network": {
            "digest": graph.network.digest,
            "parameters": sum(part.size for pair in graph.network.parameters.values() for part in pair),
            "loss": graph.network.loss,
        },
        "substrate": {
            "law": graph.law.name,
            "wiring": graph.wiring,
            "neurons": graph.neurons,
            "lines": sum(bundle.count for bundle in graph.bundles if bundle.is_line),
            "notes": list(graph.notes),
        },
        "seeds": {
            **figures["seeds"],
            "network": getattr(config.network, "seed", None),
            "data": data_seed,
        },
        "versions": {
            **figures["versions"],
            "scikit-learn": metadata.version("scikit-learn"),
            "python": platform.python_version(),
        },
        "platform": platform.platform(),
        "times": {**report.times, **{f"settling: {k}": v for k, v in figures["times"].items()}},
        "files": list(report.files),
    }


def _plain(value: Any) -> Any:
    """Plain values for JSON; what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
