"""The results of a run as a JSON file."""

from __future__ import annotations

import platform
import shlex
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.contents import contents_of
from emulator.scenario.build import Prepared
from emulator.scenario.outdir import FORMAT, write_tables
from emulator.scenario.scenario import Scenario

if TYPE_CHECKING:
    from emulator.scenario.run import RunReport


def write_results(path: Path, report: RunReport, ready: Prepared) -> None:
    """Write ``results.json``; numbers that are not finite become null."""
    write_tables(path, results_of(report, ready))


def command(scenario: Scenario, name: str = "run") -> str:
    """The command that runs, or trains, a scenario again."""
    overrides = [part for text in scenario.overrides for part in ("--set", text)]
    return shlex.join(["backwave", name, scenario.source, *overrides])


def results_of(report: RunReport, ready: Prepared) -> dict[str, Any]:
    """Everything about a run, in plain tables: figures, and the configuration, seeds and versions that made them."""
    config, graph = report.scenario.config, ready.graph
    figures = report.result.to_dict()
    return {
        "format": FORMAT,
        "version": 1,
        "scenario": report.scenario.name,
        "title": report.scenario.title,
        "command": command(report.scenario),
        "result": {k: v for k, v in figures.items() if k not in ("seeds", "versions", "times")},
        "forewarning": report.forewarning,
        "forewarning_contradicted": report.contradiction,
        "errors_against_backpropagation": report.errors,
        "bias_of_the_rest": None if report.bias is None else asdict(report.bias),
        "predictions": None if report.scores is None else report.scores.to_dict(),
        "fit": None if report.fits is None else {name: asdict(one) for name, one in report.fits.items()},
        "configuration": config.model_dump(mode="json"),
        "hardware": {path: entry.value for path, entry in graph.hardware.flat().items()},
        "network": {
            "digest": graph.whole.digest,
            "parameters": graph.whole.parameter_count,
            "loss": graph.network.loss,
        },
        "substrate": {
            "law": graph.law.name,
            "wiring": graph.wiring,
            "neurons": graph.neurons,
            "lines": sum(bundle.count for bundle in graph.bundles if bundle.is_line),
            "notes": list(graph.notes),
        },
        "data": {
            "samples": len(report.result.settled),
            "classes": ready.batch.classes,
            "columns": ready.batch.columns,
            "notes": list(ready.batch.notes),
        },
        "seeds": {
            **figures["seeds"],
            "network": getattr(config.network, "seed", None),
            "data": getattr(config.data, "seed", None),
        },
        "versions": {
            **figures["versions"],
            "scikit-learn": metadata.version("scikit-learn"),
            "python": platform.python_version(),
        },
        "platform": platform.platform(),
        "times": {**report.times, **{f"settling: {k}": v for k, v in figures["times"].items()}},
        "files_read": contents_of(config.model_dump(mode="json"), report.scenario.folder),
        "files": list(report.files),
        "troubles": list(report.troubles),
    }
