"""What an experiment hands back, and how its points get into a store and out of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from emulator.errors import ScenarioError
from emulator.scenario.outdir import taken_up
from emulator.scenario.results import command
from emulator.scenario.scenario import Scenario
from emulator.study.describe import facts_of
from emulator.study.points import Ask, Plan, Progress, Runner, files_of, run_points
from emulator.study.store import Store
from emulator.study.work import Material, Measured, Task, Work, now
from emulator.study.writer import Writer

#: the first row are the heads
Table = list[tuple[str, ...]]


@dataclass(frozen=True)
class Findings:
    """What an experiment found.

    Parameters
    ----------
    good : bool
        Whether everything that ran settled, or what was to be shown was.
    verdict : str
        The outcome in a sentence.
    table : Table
        May be empty.
    notes : list of (str, str)
        What needs to be said beside the table.
    data : dict
        The figures, in plain tables.
    figure : callable
        Draws the picture, after the figures have been written.
    files : dict
        Further pictures, drawn likewise, and texts by file name.
    substrate : str or None
        What the pictures say of law and hardware where they are not the scenario's; None where they say it themselves.
    """

    good: bool
    verdict: str
    table: Table
    notes: list[tuple[str, str]]
    data: dict[str, Any]
    figure: Callable[[], Figure]
    files: dict[str, Callable[[], Figure] | str] = field(default_factory=dict)
    substrate: str | None = ""


class Row(NamedTuple):
    """A point as the store has it; a metric that is not known is NaN."""

    axes: Mapping[str, Any]
    metrics: Mapping[str, float]
    notes: Sequence[str]
    reason: str | None
    seconds: float


@dataclass(frozen=True)
class Way:
    """How the points of an experiment are run: where they are kept, by how many processes, and who is told.

    Parameters
    ----------
    kind : str
        Section of the scenario.
    store : Path
        Where points are kept on the way.
    ended : Path
        Where they are of a run that is complete.
    workers : int, optional
    resume : bool
    tell : callable
    scheduler : str, optional
        Of Dask, in place of processes on this machine.
    """

    kind: str
    store: Path
    ended: Path
    workers: int | None
    resume: bool
    tell: Progress
    scheduler: str | None = None

    def rows(
        self,
        scenario: Scenario,
        asks: Sequence[Ask],
        measure: Callable[[Work, Scenario, Task], Measured],
        metrics: Sequence[str],
        *,
        fit: bool = False,
    ) -> list[Row]:
        """Run points that are not in the store yet; all of them, in their order.

        Parameters
        ----------
        scenario : Scenario
            The base of all points.
        asks : sequence of Ask
        measure : callable
            A function of a module: what is seen at a point.
        metrics : sequence of str
        fit : bool
            Whether full scales follow the network.

        Raises
        ------
        BackwaveError
            If a point cannot be run, the samples have no targets, or the store is of something else.
        """
        if not asks:
            return []
        changes = [dict(ask.changes) for ask in asks]
        files, material = files_of(scenario, changes), Material.of(scenario)
        if material.batch.targets is None:
            raise ScenarioError(f"{self.kind} needs targets; allowed: data that have them")
        work = Work(
            scenario,
            material,
            tuple(metrics),
            measure,
            full_scale="network" if fit else "given",
            strict=True,
            files=files,
        )
        keys = dict.fromkeys(key for ask in asks for key in ask.axes)
        plan = Plan(
            title=scenario.title,
            command=command_of(scenario, self.kind),
            told={
                "study": {"title": scenario.title, "confidence": 0.95},
                "axes": [{"key": key, "label": key} for key in keys],
                "metrics": list(metrics),
            },
            work=work,
            asks=tuple(asks),
            tried=changes,
            network=facts_of(material),
            metrics={name: {"unit": "", "better": ""} for name in metrics},
            numbered=True,
        )
        with taken_up(self.store, self.ended, self.resume):
            run_points(
                plan, self.store, finish=_complete, workers=self.workers, scheduler=self.scheduler, resume=self.resume,
                progress=self.tell,
            )  # fmt: skip
        with Store(self.store) as reader:
            return _rows(reader)


def command_of(scenario: Scenario, kind: str) -> tuple[str, ...]:
    """What makes an experiment again."""
    return tuple(shlex.split(command(scenario, "train" if kind == "comparison" else "run")))


def _complete(runner: Runner, writer: Writer) -> None:
    """Nothing follows that belongs into the store."""
    writer.conclude((), (), (), now())


def _rows(store: Store) -> list[Row]:
    columns, notes = store.metrics(), store.notes()
    return [
        Row(one.axes, {name: float(column[k]) for name, column in columns.items()}, notes.get(one.id, ()), one.reason,
            one.seconds)
        for k, one in enumerate(store.records())
    ]  # fmt: skip
