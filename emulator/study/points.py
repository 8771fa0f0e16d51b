"""Points on their way into a store: every study, and every experiment of many runs, goes through here."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from emulator.contents import contents_of
from emulator.errors import StudyError
from emulator.processes import Pool, equip, pool_of, shared_out
from emulator.scenario.outdir import plain
from emulator.scenario.scenario import Scenario
from emulator.study.opening import network_filesystem
from emulator.study.pace import Kind, Pace
from emulator.study.stopping import Due
from emulator.study.work import Outcome, Task, Work, now, run_tasks, seeds_of
from emulator.study.writer import Finished, Writer, canonical
from emulator.versions import versions

_SEEDS = {"substrate.seed", "run.seed"}
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
        Whether nothing is left to do: every point is there, or those that are tell enough.
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


@dataclass(frozen=True)
class Ask:
    """A point that is wanted: its values on the axes, what it changes, which chip and run it is, and what it is called."""

    axes: Mapping[str, Any]
    changes: Mapping[str, Any]
    chip: int = 0
    noise: int = 0
    name: str = ""


@dataclass(frozen=True)
class Plan:
    """What is run into a store, and what is told of it there.

    Parameters
    ----------
    title : str
    command : tuple of str
        What makes it again.
    told : dict
        The study as tables: ``study`` with title and confidence, ``axes``, ``metrics``, ...
    work : Work
    asks : tuple of Ask
        The points, in order.
    tried : object
        All values that keys of the scenario are given.
    network, metrics : dict
        Facts on the network; unit and better direction of every metric.
    numbered : bool
        Whether points are told apart by their place in the order, too.
    alike : tuple of str, optional
        Keys whose values say how long a point takes; by default all that it changes, but for seeds.
    later : tuple of (dict, int, str)
        How many runs are expected after the points, with these changes, and the knob that is turned in them.
    trials_train : bool
        Whether networks are trained in these.
    """

    title: str
    command: tuple[str, ...]
    told: dict[str, Any]
    work: Work
    asks: tuple[Ask, ...]
    tried: Any
    network: dict[str, Any]
    metrics: dict[str, dict[str, str]]
    numbered: bool = False
    alike: tuple[str, ...] | None = None
    later: tuple[tuple[Mapping[str, Any], int, str], ...] = ()
    trials_train: bool = True

    @cached_property
    def base(self) -> dict[str, Any]:
        """The base of all points: scenario, hardware, network."""
        scenario = self.work.scenario
        hardware = scenario.config.hardware.build(scenario.folder)
        found: dict[str, Any] = plain(
            {
                "scenario": scenario.config.model_dump(mode="json"),
                "hardware": {path: entry.value for path, entry in hardware.flat().items()},
                "network": self.work.material.network.digest,
            }
        )
        return found

    @cached_property
    def _base_digest(self) -> str:
        return digest([self.base, self.work.files])

    def meta(self) -> dict[str, str]:
        """Facts for the store."""
        told = {"study": self.told, "base": self.base, "files": self.work.files}
        return {
            "study": canonical(plain(self.told)),
            "base": canonical(self.base),
            "files": canonical(self.work.files),
            "digest": digest(plain(told)),
            "title": self.title,
            "command": shlex.join(self.command),
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
            "metrics": canonical(self.metrics),
            "planned": str(len(self.asks)),
        }

    def task(self, what: list[Any], ask: Ask) -> Task:
        """A point to run; `what` makes it another than those with the same seeds."""
        seeds = {key: ask.changes[key] for key in sorted(_SEEDS, reverse=True) if key in ask.changes}
        name = digest([self._base_digest, what, ask.chip, ask.noise, seeds])
        return Task(name, dict(ask.changes), ask.chip, ask.noise, ask.name)

    def kind(self, changes: Mapping[str, Any], trained: bool, knob: str = "") -> Kind:
        """What runs that take about the same time have in common."""
        keys = changes.keys() - _SEEDS if self.alike is None else self.alike
        return Kind(canonical(plain({key: changes.get(key) for key in sorted(keys)})), trained, knob)

    def kind_of(self, task: Task) -> Kind:
        """The same of a task."""
        trained = self.work.trained
        trains = not task.untrained and (trained is None or task.trial or task.chip < trained)
        return self.kind(task.changes, trains, task.name if task.trial else "")

    def points(self) -> Iterator[tuple[Task, int, Mapping[str, Any]]]:
        """Every point as a task, with its place in the order and its values on the axes."""
        for ordinal, ask in enumerate(self.asks):
            what = ["point", ordinal, ask.axes] if self.numbered else ["point", ask.axes]
            yield self.task(what, ask), ordinal, ask.axes


#: called when all points are in the store: what else is to be run, and what follows from them
Finish = Callable[["Runner", Writer], None]
#: of a store, which points are wanted beyond those that it has, where these may tell enough
Following = Callable[[Path], Due]


def run_points(
    plan: Plan,
    store: Path,
    *,
    finish: Finish,
    following: Following | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
) -> StudyReport:
    """Run what is not in the store yet, and write every finished point there at once.

    Parameters are those of `emulator.study.run_study`, and `following`, without which every point of the plan is wanted.
    """
    tell: Progress = progress or (lambda stage, fraction: None)
    with pool_of(workers, scheduler) as pool:
        runner = Runner(plan, pool, tell)
        with Writer(store, plan.meta(), resume) as writer:
            complete = runner.points(writer, limit, following)
            if complete:
                finish(runner, writer)
            done = len(writer.done())
    return StudyReport(store, len(plan.asks), done, runner.ran, complete, runner.emulated, runner.seconds)


def check_numbers(workers: int | None, limit: int | None = None) -> None:
    """Refuse less than one worker, or less than one point."""
    for name, value in (("workers", workers), ("limit", limit)):
        if value is not None and value < 1:
            raise StudyError(f"{name} is {value}; allowed: at least 1")


def shared_folder(store: Path) -> str | None:
    """What there is to say against a store where it is."""
    shared = network_filesystem(store)
    if shared is None:
        return None
    return (
        f"store '{store}' is on a file system that machines share ({shared}): locks may not hold there, and writing "
        "is slow; a disk of this machine is safer"
    )


def files_of(scenario: Scenario, tried: Any) -> dict[str, str]:
    """SHA-256 of every file that points may read, by name."""
    return contents_of([scenario.config.model_dump(mode="json"), tried], scenario.folder)


def digest(value: Any) -> str:
    """A hash of plain values."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:32]


class Runner:
    """Runs points of a plan in the processes of a pool, and counts them."""

    def __init__(self, plan: Plan, pool: Pool, tell: Progress) -> None:
        self.plan, self.pool, self.tell = plan, pool, tell
        self.ran, self.emulated, self.seconds = 0, 0.0, 0.0
        told = [plan.work.scenario.config.model_dump(mode="json"), plan.tried, list(plan.work.metrics)]
        self.work = replace(plan.work, parts=equip(pool, told))
        self.pace = Pace()
        self._shared: Any = None

    def points(self, writer: Writer, limit: int | None, following: Following | None = None) -> bool:
        """Run the points that are not in the store and wanted, at most so many; whether none is left."""
        there, place_of, tasks = writer.done(), {}, []
        for task, ordinal, axes in self.plan.points():
            place_of[task.id] = ordinal, axes
            if task.id not in there:
                tasks.append(task)
        total, done, room = len(place_of), len(there), len(tasks) if limit is None else limit
        for task in tasks[:room]:
            self.pace.expect(self.plan.kind_of(task), 1)
        for changes, count, knob in self.plan.later if room >= len(tasks) else ():
            self.pace.expect(self.plan.kind(changes, self.plan.trials_train, knob), count)
        compiles = " (the first ones compile)" if self.plan.work.scenario.config.run.target != "numpy" else ""
        self.tell(f"point {done:,} of {total:,}{compiles}", 0.0)
        while True:
            now, later = (tasks, []) if following is None else self._due(tasks, place_of, following(writer.path))
            if not now or not room:
                return not now
            for task, outcome in self.run(now[:room]):
                writer.add_point(finished(task, outcome), *place_of[task.id])
                done += 1
                self.ran += 1
                self.tell(f"point {done:,} of {total:,}", self.pace.fraction)
            tasks, room = [*now[room:], *later], max(room - len(now), 0)

    def _due(self, tasks: list[Task], place_of: Mapping[str, Any], due: Due) -> tuple[list[Task], list[Task]]:
        """Points to run now, and those that may be wanted later; others are expected no more."""
        now = [task for task in tasks if place_of[task.id][0] in due.now]
        later = [task for task in tasks if place_of[task.id][0] in due.later]
        for task in tasks:
            if place_of[task.id][0] not in due.now | due.later:
                self.pace.expect(self.plan.kind_of(task), -1)
        return now, later

    def run(self, tasks: list[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Outcomes as they come; the first of every kind goes first, so that programs are compiled side by side, then the others."""
        if not tasks:
            return
        tasks, seen = sorted(tasks, key=lambda task: (task.chip, task.noise)), Counter[Kind]()
        ranks = {}
        for task in tasks:
            seen[kind := self.plan.kind_of(task)] += 1
            ranks[task.id] = seen[kind]
        tasks.sort(key=lambda task: ranks[task.id])
        if self._shared is None:
            self._shared = self.pool.share(self.work)
        for task, outcome in shared_out(
            self.pool, run_tasks, self._shared, tasks, lambda one: one.seconds, self._given_up
        ):
            self.emulated += outcome.emulated
            self.seconds += outcome.seconds
            self.pace.took(self.plan.kind_of(task), outcome.seconds)
            yield task, outcome

    def _given_up(self, task: Task) -> Outcome:
        """What is recorded of a point whose worker died every time."""
        return Outcome(
            status="failed",
            reason="its worker process died every time it was tried: perhaps it needs more memory than there is",
            metrics=dict.fromkeys(self.work.metrics),
            config=canonical(plain(task.changes)),
            seeds=canonical(seeds_of(self.work, task)),
            finished=now(),
            seconds=0.0,
        )


def finished(task: Task, outcome: Outcome) -> Finished:
    """A row for the store."""
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
        notes=outcome.notes,
    )
