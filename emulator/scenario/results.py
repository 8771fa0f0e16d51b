"""The outcome of a run, and its results as a JSON file."""

from __future__ import annotations

import platform
import shlex
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from emulator.contents import contents_of
from emulator.measure import Reference, SettleResult
from emulator.measure.bias import Bias
from emulator.measure.power import PowerAccount
from emulator.scenario.build import Prepared
from emulator.scenario.outdir import FORMAT, write_tables
from emulator.scenario.scenario import Scenario
from emulator.scenario.scores import Fit, Scores


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
    fits : dict of Fit, or None
        How well the outputs fit the targets, on the ``substrate`` and in the ``digital`` network.
    errors : dict
        Deviation from the exact reference, as by `SettleResult.errors`.
    bias : Bias or None
        How far the rest itself is from backpropagation, if the law does not rest there: computed, not measured.
    forewarning : str or None
        Why the first sample was predicted not to settle, and what would help.
    times : dict
        Wall seconds by what was done.
    out : Path
        Where everything was written.
    files : tuple of str
        Names of the files there.
    troubles : tuple of str
        Why pictures are missing.
    notes : tuple of str
        What to know about how the samples were read.
    teacher : str or None
        The model outside of this project that the network was converted from.
    power : PowerAccount or None
        Where the energy of the samples came from that were recorded for the pictures, of laws with a balance.
    """

    scenario: Scenario
    result: SettleResult
    exact: Reference
    scores: Scores | None
    fits: dict[str, Fit] | None
    errors: dict[str, float]
    bias: Bias | None
    forewarning: str | None
    times: dict[str, float]
    out: Path
    files: tuple[str, ...]
    troubles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    teacher: str | None = None
    power: PowerAccount | None = None

    @property
    def settled(self) -> bool:
        """Whether every sample settled."""
        return bool(self.result.settled.all())

    @property
    def contradiction(self) -> str | None:
        """What to make of a forewarning if every sample settled all the same: the run is measured, not predicted."""
        if self.forewarning is None or not self.settled:
            return None
        result = self.result
        off, still = float(result.deviation.max()), result.hold - int(result.settling_steps.max())
        return (
            "did not come true: the prediction is that of small waves near rest; the run was still for its last "
            f"{still} steps at the least, and in the end {off:.2g} of a row's values from rest by its own residuals"
        )


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
        "power_balance": None if report.power is None else asdict(report.power),
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
            "law_settings": dict(graph.law.settings),
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
