"""The outcome of a training, and its results as a JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emulator.scenario.outdir import FORMAT, write_tables
from emulator.scenario.results import command
from emulator.scenario.scenario import Scenario
from emulator.training import TrainResult


@dataclass(frozen=True)
class TrainingRunReport:
    """Outcome of training a scenario.

    Parameters
    ----------
    scenario : Scenario
    result : TrainResult
    out : Path
        Where everything was written.
    files : tuple of str
    troubles : tuple of str
        Why a picture is missing.
    """

    scenario: Scenario
    result: TrainResult
    out: Path
    files: tuple[str, ...]
    troubles: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether the training went as asked."""
        return self.result.status in ("finished", "stopped early")


def write_training(path: Path, report: TrainingRunReport) -> None:
    """Write ``results.json``; numbers that are not finite become null."""
    config = report.scenario.config
    table = {
        "format": FORMAT,
        "version": 1,
        "kind": "training",
        "scenario": report.scenario.name,
        "title": report.scenario.title,
        "command": command(report.scenario, "train"),
        "result": report.result.to_dict(),
        "configuration": config.model_dump(mode="json"),
        "files": list(report.files),
        "troubles": list(report.troubles),
    }
    write_tables(path, table)
