"""Running a scenario that is a study of many runs, from its file to a folder of results."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from emulator.data.batch import Batch
from emulator.errors import ScenarioError, suggest
from emulator.files import atomic_write
from emulator.report.attempt import attempt
from emulator.report.precision import precision_figure
from emulator.report.technologies import technologies_figure
from emulator.scenario.atlas_run import atlas_study
from emulator.scenario.claims_run import claims_study
from emulator.scenario.load import changed, leaves
from emulator.scenario.networks import Built
from emulator.scenario.outdir import FORMAT, RESULTS, staged
from emulator.scenario.parts import Parts, parts_path, resumable, run_identity
from emulator.scenario.results import command, plain
from emulator.scenario.scenario import Scenario
from emulator.scenario.study_base import Progress, Study
from emulator.scenario.study_tables import precision_table, technologies_table
from emulator.study.keeping import Keep
from emulator.study.precision import QUANTITIES, precision_study
from emulator.study.technologies import compare_technologies
from emulator.training.streams import open_stream
from emulator.versions import versions
from hwmodels import presets


@dataclass(frozen=True)
class StudyReport:
    """A study that has been run, and where everything was written."""

    scenario: Scenario
    study: Study
    out: Path
    files: tuple[str, ...]
    troubles: tuple[str, ...] = ()


def study_of(scenario: Scenario) -> str | None:
    """The section that makes a scenario a study, or None."""
    return next((name for name in STUDIES if getattr(scenario.config, name) is not None), None)


def run_study(
    scenario: Scenario,
    out: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> StudyReport:
    """Run a study and write ``results.json`` and its picture to `out`.

    Parameters
    ----------
    scenario : Scenario
        With a section of `STUDIES`.
    out : str or Path
        A folder, which appears complete or stays as it was.
    force : bool
        Write also among files that are not the results of an earlier run.
    resume : bool
        Go on from the finished parts of a run that was interrupted, which are kept beside `out`.
    progress : callable, optional
        Called with what is being done, and the fraction done where it is known.

    Raises
    ------
    BackwaveError
        If the scenario cannot be run as described.
    OSError
        If `out` cannot be written.
    """
    kind, tell, folder = study_of(scenario), progress or (lambda stage, fraction: None), Path(out)
    if kind is None:
        raise ScenarioError(
            f"scenario '{scenario.name}' is no study; allowed: one with a section {' or '.join(STUDIES)}"
        )
    picture = f"{kind}.png"
    with staged(folder, force) as staging:
        tell("preparing the network", None)
        try:
            with scenario.named():
                built, batch = scenario.read()
                digests = [built.network.digest]
                if batch.targets is not None:
                    digests.append(open_stream(built.network, batch.inputs, batch.targets).digest)
                parts = Parts(parts_path(folder), run_identity(scenario, *digests), resume)
                study = STUDIES[kind](scenario, built, batch, tell, parts)
        except KeyboardInterrupt as stop:
            raise resumable(stop, parts_path(folder)) from None
        texts = {name: more for name, more in study.files.items() if isinstance(more, str)}
        pictures = {picture: study.figure, **{n: more for n, more in study.files.items() if not isinstance(more, str)}}
        for name, content in texts.items():
            (staging / name).write_text(content, encoding="utf-8")
        report = StudyReport(scenario, study, folder, (RESULTS, *texts))
        _write(report, kind, staging)
        troubles: list[str] = []
        drawn = [name for name, draw in pictures.items() if attempt(staging / name, draw, troubles)]
        report = replace(report, files=(RESULTS, *drawn, *texts), troubles=tuple(troubles))
        _write(report, kind, staging)
    parts.remove()
    return report


def _write(report: StudyReport, kind: str, staging: Path) -> None:
    text = json.dumps(plain(_results(report, kind)), indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(staging / RESULTS, lambda file: file.write(text.encode()))


def _technologies(scenario: Scenario, built: Built, batch: Batch, tell: Progress, keep: Keep) -> Study:
    config = scenario.config
    section = config.technologies
    if section is None or batch.targets is None:
        raise ScenarioError("technologies needs its section and targets; allowed: a scenario with both")
    names = section.models or list(presets())
    for name in section.set:
        if name not in names:
            raise ScenarioError(f"technologies.set names {suggest(name, names)}")
    models = {}
    for name in names:
        one = {"technologies": None, "hardware.model": name, **dict(leaves(section.set.get(name, {})))}
        models[name] = changed(scenario, one).config.hardware.read(scenario.folder)
    results = compare_technologies(
        built.network,
        batch.inputs,
        batch.targets,
        models,
        labels=batch.labels,
        law=config.law.build(),
        substrate=config.substrate,
        run=config.run,
        progress=tell,
        keep=keep,
    )
    ran = [result for result in results if result.complete]
    good = all(result.settled == result.samples for result in ran)
    table, notes = technologies_table(results)
    verdict = f"{len(ran)} of {len(results)} technologies are complete" + (
        "; on all of them every sample settled" if good else "; some samples did not settle"
    )
    data = {"technologies": [result.to_dict() for result in results]}
    return Study(good, verdict, table, notes, data, partial(technologies_figure, results, scenario.title))


def _precision(scenario: Scenario, built: Built, batch: Batch, tell: Progress, keep: Keep) -> Study:
    config = scenario.config
    section = config.precision
    if section is None or batch.targets is None:
        raise ScenarioError("precision needs its section and targets; allowed: a scenario with both")
    found = precision_study(
        built.network,
        batch.inputs,
        batch.targets,
        hardware=config.hardware.build(scenario.folder),
        bits=section.bits,
        noise=section.noise,
        floor=section.floor,
        law=config.law.build(),
        substrate=config.substrate,
        run=config.run,
        progress=partial(tell, "settling"),
        keep=keep,
    )
    slopes = {
        quantity: {"per bit": 2 ** found.bits.slope(quantity, True), "in noise": found.noise.slope(quantity, False)}
        for quantity in QUANTITIES
    }
    verdict = "errors per further bit: " + ", ".join(f"x {slopes[q]['per bit']:.2f} ({q})" for q in QUANTITIES)
    table, notes = precision_table(found)
    data = {"curves": found.to_dict(), "slopes": slopes}
    return Study(True, verdict, table, notes, data, partial(precision_figure, found, scenario.title))


#: studies by the section that asks for them
STUDIES: dict[str, Callable[[Scenario, Built, Batch, Progress, Keep], Study]] = {
    "technologies": _technologies,
    "precision": _precision,
    "atlas": atlas_study,
    "claims": claims_study,
}


def _results(report: StudyReport, kind: str) -> dict[str, Any]:
    config = report.scenario.config
    return {
        "format": FORMAT,
        "version": 1,
        "kind": kind,
        "scenario": report.scenario.name,
        "title": report.scenario.title,
        "command": command(report.scenario),
        "verdict": report.study.verdict,
        **report.study.data,
        "configuration": config.model_dump(mode="json"),
        "seeds": {"run": config.run.seed, "hardware": config.substrate.seed},
        "versions": versions(),
        "files": list(report.files),
        "troubles": list(report.troubles),
    }
