"""The results of a training as a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emulator.scenario.outdir import FORMAT, write_tables
from emulator.scenario.results import command

if TYPE_CHECKING:
    from emulator.scenario.train_run import TrainingRunReport


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
