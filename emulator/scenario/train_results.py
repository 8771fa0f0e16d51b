"""The results of a training as a JSON file."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.files import atomic_write
from emulator.scenario.outdir import FORMAT
from emulator.scenario.scenario import Scenario

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
        "command": command(report.scenario),
        "result": None if report.result is None else report.result.to_dict(),
        "comparison": [{**asdict(o), "mean": o.mean, "spread": o.spread} for o in report.outcomes],
        "configuration": config.model_dump(mode="json"),
        "files": list(report.files),
        "troubles": list(report.troubles),
    }
    text = json.dumps(_finite(table), indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(path, lambda file: file.write(text.encode()))


def command(scenario: Scenario) -> str:
    """The command that trains a scenario again."""
    overrides = [part for text in scenario.overrides for part in ("--set", text)]
    return shlex.join(["backwave", "train", scenario.source, *overrides])


def _finite(value: Any) -> Any:
    """`value` with null for every number that is not finite."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
