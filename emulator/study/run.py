"""Running a study: its points, its tolerance searches, and what follows from them, all into one store."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from emulator.contents import contents_of
from emulator.errors import BackwaveError, StudyError
from emulator.scenario.load import changed
from emulator.scenario.results import plain
from emulator.study.analysis import sensitivities_of, yields_of
from emulator.study.describe import describe
from emulator.study.execute import Pool, cluster, equip, local, shared_out
from emulator.study.load import StudyFile
from emulator.study.metrics import METRICS, meets
from emulator.study.opening import network_filesystem
from emulator.study.store import Store, Tolerance
from emulator.study.suit import suited
from emulator.study.tolerance import Knob, Tried, search_all
from emulator.study.work import Material, Outcome, Task, Work, now, run_tasks
from emulator.study.writer import Finished, Writer, canonical
from emulator.versions import versions
from hwmodels import rng

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class StudyReport:
    """Where a study stands after a run.

    Parameters
    ----------
    path : Path
        The store.
    planned, done, ran : int
        Points of the study, points in the store, points of these that this run added.
    complete : bool
        Whether nothing is left to do.
    emulated, seconds : float
        Seconds that brian2 ran in all workers for the points of this run, and that these points took in all.
    """

    path: Path
    planned: int
    done: int
    ran: int
    complete: bool
    emulated: float
    seconds: float


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
    if workers is not None and workers < 1:
        raise StudyError(f"workers is {workers}; allowed: at least 1")
    if limit is not None and limit < 1:
        raise StudyError(f"limit is {limit}; allowed: at least 1")
    tell: Progress = progress or (lambda stage, fraction: None)
    path, say = Path(store), warn or (lambda text: None)
    shared = network_filesystem(path)
    if shared is not None:
        say(
            f"store '{path}' is on a file system that machines share ({shared}): locks may not hold there, and writing "
            "is slow; a disk of this machine is safer"
        )
    tell("preparing the base", None)
    try:
        run = _Run(study, tell, say)
    except BackwaveError as error:
        raise type(error)(f"study '{study.name}': {error}") from error
    with _pool(workers, scheduler) as pool:
        run.equip(pool)
        return _conducted(run, pool, path, resume, limit)


def _conducted(run: _Run, pool: Pool, path: Path, resume: bool, limit: int | None) -> StudyReport:
    """Run all that is left with the processes of a pool."""
    study = run.study
    with Writer(path, run.meta(path), resume) as writer:
        run.points(writer, pool, limit)
        complete = len(writer.done()) == len(study.places)
        if complete:
            tolerances = run.tolerances(writer, pool)
            with Store(path) as reader:
                writer.conclude(tolerances, yields_of(run.study, reader), sensitivities_of(run.study, reader), now())
        done = len(writer.done())
    return StudyReport(path, len(study.places), done, run.ran, complete, run.emulated, run.seconds)


def _pool(workers: int | None, scheduler: str | None) -> AbstractContextManager[Pool]:
    if scheduler is None:
        return local(workers)
    if workers is not None:
        raise StudyError(f"workers is {workers} beside scheduler {scheduler!r}; allowed: one of them")
    return cluster(scheduler)


class _Run:
    """A study on its way."""

    def __init__(self, given: StudyFile, tell: Progress, warn: Callable[[str], None]) -> None:
        self.tell = tell
        self.ran, self.emulated, self.seconds = 0, 0.0, 0.0
        self.files = contents_of([given.scenario.config.model_dump(mode="json"), _tried(given)], given.scenario.folder)
        self.material = Material.of(given.scenario)
        has_targets = self.material.batch.targets is not None
        study = self.study = suited(given, self.material.network, has_targets, warn)
        self.network, target = describe(study, self.material)
        scenario = changed(study.scenario, {"run.target": target})
        self.work = Work(
            scenario,
            self.material,
            tuple(study.config.metrics),
            study.config.base.full_scale == "network",
            self.files,
        )
        hardware = scenario.config.hardware.build(scenario.folder)
        self.base = plain(
            {
                "scenario": scenario.config.model_dump(mode="json"),
                "hardware": {path: entry.value for path, entry in hardware.flat().items()},
                "network": self.material.network.digest,
            }
        )
        self._base_digest = _hash([self.base, self.files])
        self._shared: tuple[Pool, Any] | None = None

    def meta(self, path: Path) -> dict[str, str]:
        """Facts for the store."""
        study = self.study
        file = study.config.model_dump(mode="json", exclude_none=True)
        for table, one in zip(file["axes"], study.axes, strict=True):
            table |= {"label": one.label, "unit": one.unit, "scale": one.axis.scale}
            if not one.axis.sampled:
                table["values"] = list(one.axis.values)
        told = {"study": file, "base": self.base, "files": self.files}
        overrides = [part for text in study.overrides for part in ("--set", text)]
        return {
            "study": canonical(plain(file)),
            "base": canonical(self.base),
            "files": canonical(self.files),
            "digest": _hash(plain(told)),
            "title": study.title,
            "command": shlex.join(["backwave", "study", study.source, *overrides, "--store", str(path)]),
            "created": now(),
            "versions": canonical({**versions(), "scikit-learn": metadata.version("scikit-learn")}),
            "platform": canonical(
                {
                    "python": platform.python_version(),
                    "machine": platform.machine(),
                    "system": platform.system(),
                    "cores": os.cpu_count(),
                }
            ),
            "network": canonical(plain(self.network)),
            "metrics": canonical(
                {name: {"unit": METRICS[name].unit, "better": METRICS[name].better} for name in study.config.metrics}
            ),
            "planned": str(len(study.places)),
        }

    def equip(self, pool: Pool) -> None:
        """See that the processes have the parts that the study uses."""
        told = [self.work.scenario.config.model_dump(mode="json"), _tried(self.study), list(self.work.metrics)]
        self.work = replace(self.work, parts=equip(pool, told))

    def points(self, writer: Writer, pool: Pool, limit: int | None) -> None:
        """Run the points that are not in the store."""
        study, there = self.study, writer.done()
        tasks, place_of = [], {}
        for place in study.places:
            changes = {key: place.axes[one.axis.key] for one in study.axes for key in one.keys}
            task = self._task(["point", place.axes], changes, place.chip, place.noise)
            place_of[task.id] = place
            if task.id not in there:
                tasks.append(task)
        total, done, now = len(study.places), len(there), tasks[:limit]
        self.tell(f"point {done:,} of {total:,} (the first ones compile)", 0.0)
        for number, (task, outcome) in enumerate(self._run(pool, now), start=1):
            place = place_of[task.id]
            writer.add_point(_finished(task, outcome), place.ordinal, place.axes)
            done += 1
            self.ran += 1
            self.tell(f"point {done:,} of {total:,}", number / len(now))

    def tolerances(self, writer: Writer, pool: Pool) -> list[Tolerance]:
        """Search the tolerance of every knob; trials that are in the store are not run again."""
        study, section, known = self.study, self.study.config.tolerance, writer.trials()
        if section is None:
            return []
        by_name = {one.knob.name: one for one in study.knobs}

        def ask(wanted: list[tuple[Knob, float]]) -> list[Tried]:
            trials = {
                task.id: (task, knob, value)
                for knob, value in wanted
                for chip in range(section.chips)
                for task in [self._trial(by_name[knob.name].keys, by_name[knob.name].changes, knob, value, chip)]
            }
            missing = [task for task, _, _ in trials.values() if task.id not in known]
            for task, outcome in self._run(pool, missing):
                _, knob, value = trials[task.id]
                met = None if outcome.status == "failed" else bool(meets(study.targets, outcome.metrics))
                known[task.id] = met, outcome.reason
                writer.add_trial(_finished(task, outcome), knob.name, value, met)
                self.tell(f"tolerance search: {len(known):,} runs", None)
            found: dict[tuple[str, float], list[tuple[bool | None, str | None]]] = {}
            for name, (_, knob, value) in trials.items():
                found.setdefault((knob.name, value), []).append(known[name])
            return [Tried.of(found[knob.name, value]) for knob, value in wanted]

        knobs = [one.knob for one in study.knobs]
        return search_all(knobs, section.share, study.config.study.confidence, section.halvings, ask)

    def _trial(self, keys: Sequence[str], changes: dict[str, Any], knob: Knob, value: float, chip: int) -> Task:
        what = ["trial", knob.name, value, knob.where]
        return self._task(what, {**changes, **dict.fromkeys(keys, value)}, chip, 0)

    def _task(self, what: list[Any], changes: dict[str, Any], chip: int, noise: int) -> Task:
        """A point with its seeds: the same for the same chip and run, wherever it stands."""
        config = self.study.scenario.config
        draws = rng(config.run.seed, "study", f"chip {chip}", f"run {noise}")
        seeds = {
            "substrate.seed": config.substrate.seed + chip,
            "run.seed": config.run.seed if chip == noise == 0 else int(draws.integers(2**31)),
        }
        name = _hash([self._base_digest, what, chip, noise, seeds])
        return Task(name, {**changes, **seeds}, chip, noise)

    def _run(self, pool: Pool, tasks: list[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Outcomes as they come; the first chip of every place goes first, so that programs are compiled side by side."""
        if not tasks:
            return
        tasks = sorted(tasks, key=lambda task: (task.chip, task.noise))
        if self._shared is None or self._shared[0] is not pool:
            self._shared = pool, pool.share(self.work)
        for task, outcome in shared_out(
            pool, run_tasks, self._shared[1], tasks, lambda one: one.seconds, self._given_up
        ):
            self.emulated += outcome.emulated
            self.seconds += outcome.seconds
            yield task, outcome

    def _given_up(self, task: Task) -> Outcome:
        """What is recorded of a point whose worker died every time."""
        seeds = {"hardware": task.changes["substrate.seed"], "run": task.changes["run.seed"]}
        return Outcome(
            status="failed",
            reason="its worker process died every time it was tried: perhaps it needs more memory than there is",
            metrics=dict.fromkeys(self.work.metrics),
            config=canonical(plain(task.changes)),
            seeds=canonical(seeds),
            finished=now(),
            seconds=0.0,
        )


def _finished(task: Task, outcome: Outcome) -> Finished:
    return Finished(
        id=task.id,
        chip=task.chip,
        noise=task.noise,
        config=outcome.config,
        seeds=outcome.seeds,
        status=outcome.status,
        reason=outcome.reason,
        finished=outcome.finished,
        seconds=outcome.seconds,
        metrics=outcome.metrics,
    )


def _tried(study: StudyFile) -> dict[str, Any]:
    """The values that keys of the scenario are given."""
    return {key: list(one.axis.values) for one in study.axes for key in one.keys}


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:32]
