"""Running a study: its points, its tolerance searches, and what follows from them, all into one store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emulator.errors import within
from emulator.scenario.load import changed
from emulator.study.analysis import sensitivities_of, yields_of
from emulator.study.describe import describe
from emulator.study.keys import heeded
from emulator.study.lessons import CLASSES, best_rate
from emulator.study.load import StudyFile
from emulator.study.metrics import METRICS, meets, of_training
from emulator.study.pace import Kind
from emulator.study.points import (
    Ask,
    Plan,
    Progress,
    Runner,
    StudyReport,
    check_numbers,
    files_of,
    finished,
    run_points,
    shared_folder,
)
from emulator.study.resolve import StudyKnob
from emulator.study.stopping import Stopping
from emulator.study.store import Store, Tolerance
from emulator.study.suit import suited
from emulator.study.tolerance import Knob, Tried, answered, expected_values, first_look, hopeless, search_all
from emulator.study.work import Material, Task, Work, measured, now
from emulator.study.writer import Writer, canonical
from hwmodels import rng

#: targets that are larger or smaller than 1 by this factor are far from what a network gives that has learned nothing
_FAR = 30.0


def run_study(
    study: StudyFile,
    store: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> StudyReport:
    """Run what is not in the store yet, and write every finished point there at once.

    A study that is killed and resumed has the same store in the end as one that ran through, and so has one with any
    number of workers, but for the times.

    Parameters
    ----------
    study : StudyFile
        From `load_study`.
    store : str or Path
        An SQLite file; see `emulator.study.store`.
    workers : int, optional
        Processes on this machine, by default one per processor.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers run the points instead.
    resume : bool
        Go on with a store that is there.
    limit : int, optional
        Run at most so many points now.
    progress : callable, optional
        Called with what is being done, and the fraction done.
    warn : callable, optional
        Called with what may go wrong, or is left out.

    Raises
    ------
    BackwaveError
        If the study cannot be run as described, the store is another study's or cannot be written, or the cluster
        cannot be reached. A point that fails is a result, not an error.
    """
    check_numbers(workers, limit)
    path, say = Path(store), warn or (lambda text: None)
    shared = shared_folder(path)
    if shared is not None:
        say(shared)
    if progress is not None:
        progress("preparing the base", None)
    with within(f"study '{study.name}'"):
        fitting, plan = planned(study, path, say)
    return run_points(
        plan,
        path,
        finish=partial(_conclude, fitting),
        following=Stopping(fitting) if fitting.config.repeats.sequential else None,
        workers=workers,
        scheduler=scheduler,
        resume=resume,
        limit=limit,
        progress=progress,
    )


def planned(given: StudyFile, store: Path, warn: Callable[[str], None]) -> tuple[StudyFile, Plan]:
    """The study that suits its network and hardware, and its plan; the store is named in the command that makes it again."""
    tried = {key: list(one.axis.values) for one in given.axes for key in one.keys}
    files, material = files_of(given.scenario, tried), Material.of(given.scenario)
    _scaled(given, material, warn)
    study = _rated(suited(given, material.network, material.batch.targets is not None, warn))
    network, target = describe(study, material)
    config = study.config
    work = Work(
        scenario=changed(study.scenario, {"run.target": target}),
        material=material,
        metrics=tuple(config.metrics),
        measure=measured,
        full_scale=config.base.full_scale,
        trained=config.repeats.trained,
        tested=config.repeats.tested,
        files=files,
    )
    section = config.tolerance
    told = config.model_dump(mode="json", exclude_none=True)
    for table, one in zip(told["axes"], study.axes, strict=True):
        table |= {"label": one.label, "unit": one.unit, "scale": one.axis.scale}
        if not one.axis.sampled:
            table["values"] = list(one.axis.values)
    asks, made = [], dict[str, dict[str, Any]]()
    for place in study.places:
        wanted = {key: place.axes[one.axis.key] for one in study.axes for key in one.keys}
        kind = canonical(wanted)
        if kind not in made:
            made[kind] = heeded(wanted, study.scenario)
        asks.append(Ask(place.axes, {**made[kind], **_seeds(study, place.chip, place.noise)}, place.chip, place.noise))
    overrides = [part for text in study.overrides for part in ("--set", text)]
    return study, Plan(
        title=study.title,
        command=("backwave", "study", study.source, *overrides, "--store", str(store)),
        told=told,
        work=work,
        asks=tuple(asks),
        tried=tried,
        network=network,
        metrics={name: {"unit": METRICS[name].unit, "better": METRICS[name].better} for name in config.metrics},
        alike=_per(study),
        trials_train=section is None or section.trains,
        later=tuple(
            (one.changes, expected_values(section.halvings) * section.chips, one.knob.name) for one in study.knobs
        )
        if section is not None
        else (),
    )


def _scaled(study: StudyFile, material: Material, warn: Callable[[str], None]) -> None:
    """Say that targets of a regression are far from scale 1, where a network is to learn them from scratch."""
    rows = material.rows
    if rows is None or material.network.loss == CLASSES or not any(of_training(name) for name in study.config.metrics):
        return
    size = float(np.sqrt(np.mean(np.square(rows))))
    if not 1 / _FAR < size < _FAR:
        warn(
            f"targets have a root mean square of {size:.3g}, and what is learned from scratch begins at scale 1: it may learn "
            "nothing; better: targets of mean 0 and deviation 1 in the table"
        )


def _rated(study: StudyFile) -> StudyFile:
    """The study with the rate of its trainings, where that is to be chosen."""
    if study.config.base.rate == "given" or not any(of_training(name) for name in study.config.metrics):
        return study
    return replace(study, scenario=changed(study.scenario, {"training.port.rate": best_rate(study.scenario)}))


def _per(study: StudyFile) -> tuple[str, ...] | None:
    """Keys of the axis with searches of its own: what its values are takes longest, or shortest."""
    per = None if study.config.tolerance is None else study.config.tolerance.per
    return next((one.keys for one in study.axes if one.axis.key == per), None)


def _seeds(study: StudyFile, chip: int, noise: int) -> dict[str, int]:
    """The seeds of a point: the same for the same chip and run, wherever it stands."""
    config = study.scenario.config
    draws = rng(config.run.seed, "study", f"chip {chip}", f"run {noise}")
    return {
        "substrate.seed": config.substrate.seed + chip,
        "run.seed": config.run.seed if chip == noise == 0 else int(draws.integers(2**31)),
    }


def _conclude(study: StudyFile, runner: Runner, writer: Writer) -> None:
    """Search the tolerances, and write what follows from all points."""
    tolerances = _tolerances(study, runner, writer)
    with Store(writer.path) as reader:
        writer.conclude(tolerances, yields_of(study, reader), sensitivities_of(study, reader), now())


def _tolerances(study: StudyFile, runner: Runner, writer: Writer) -> list[Tolerance]:
    """Search the tolerance of every knob; trials that are in the store are not run again."""
    section, known = study.config.tolerance, writer.trials()
    if section is None:
        return []
    confidence = study.config.study.confidence
    look = section.look if section.sequential else first_look(section.chips, section.share, confidence)
    by_name, tries = {one.knob.name: one for one in study.knobs}, Counter[str]()

    def trial(keys: Sequence[str], changes: dict[str, Any], knob: Knob, value: float, chip: int) -> Task:
        turned = {**changes, **dict.fromkeys(keys, value), **_seeds(study, chip, 0)}
        task = runner.plan.task(["trial", knob.name, value, knob.where], Ask({}, turned, chip, name=knob.name))
        return replace(task, trial=True, untrained=not section.trains)

    def told(found: Tried) -> bool:
        """Whether no more chips are wanted at a value."""
        if section.sequential:
            return answered(found, section.share, confidence)
        return hopeless(found, section.chips, section.share, confidence)

    def ask(wanted: list[tuple[Knob, float]]) -> list[Tried]:
        _expect(study, runner, [by_name[knob.name] for knob, _ in wanted], tries)
        found, left, chips = dict[tuple[str, float], Tried](), wanted, 0
        while left:
            chips = min(chips + look, section.chips)
            new = dict(zip(((knob.name, value) for knob, value in left), tried(left, chips), strict=True))
            found |= new
            left = [
                (knob, value) for knob, value in left if chips < section.chips and not told(new[knob.name, value])
            ]  # fmt: skip
        return [found[knob.name, value] for knob, value in wanted]

    def tried(wanted: list[tuple[Knob, float]], chips: int) -> list[Tried]:
        trials = {
            task.id: (task, knob, value)
            for knob, value in wanted
            for chip in range(chips)
            for task in [trial(by_name[knob.name].keys, by_name[knob.name].changes, knob, value, chip)]
        }
        missing = [task for task, _, _ in trials.values() if task.id not in known]
        for task, outcome in runner.run(missing):
            _, knob, value = trials[task.id]
            met = (
                None
                if outcome.status == "failed"
                else bool(meets(study.targets, outcome.metrics, trained=section.trains))
            )
            known[task.id] = met, outcome.reason
            writer.add_trial(finished(task, outcome), knob.name, value, met)
            runner.tell(f"tolerance search: {len(known):,} runs", runner.pace.fraction)
        found: dict[tuple[str, float], list[tuple[bool | None, str | None]]] = {}
        for name, (_, knob, value) in trials.items():
            found.setdefault((knob.name, value), []).append(known[name])
        return [Tried.of(found[knob.name, value]) for knob, value in wanted]

    knobs = [one.knob for one in study.knobs]
    found = search_all(knobs, section.share, confidence, section.halvings, ask, section.sequential)
    return [replace(one, detail={**one.detail, "chips": section.chips}) for one in found]


def _expect(study: StudyFile, runner: Runner, going: Sequence[StudyKnob], tries: Counter[str]) -> None:
    """Tell the pace how many trials are left, of the searches that go on: with this value, as many as they are expected to take."""
    section = study.config.tolerance
    assert section is not None
    left = Counter[Kind]()
    for one in going:
        left[runner.plan.kind(one.changes, section.trains, one.knob.name)] += section.chips * max(
            1, expected_values(section.halvings) - tries[one.knob.name]
        )
        tries[one.knob.name] += 1
    for kind in {runner.plan.kind(one.changes, section.trains, one.knob.name) for one in study.knobs}:
        runner.pace.expect(kind, left[kind] - runner.pace.expected(kind))
