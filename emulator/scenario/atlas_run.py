"""Running a scenario that maps what settles: many cells, kept column by column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from emulator.data.batch import Batch
from emulator.errors import ScenarioError, within
from emulator.graph import ScatteringGraph
from emulator.measure import Reference, reference
from emulator.report.atlas import maps_figure, times_figure
from emulator.scenario.load import changed
from emulator.scenario.networks import Built
from emulator.scenario.scenario import Scenario
from emulator.scenario.studies import AtlasConfig, AxisConfig, MapConfig
from emulator.scenario.study_base import Progress, Study
from emulator.scenario.study_tables import atlas_table
from emulator.study.atlas import Cell, Forecast, Map, agreement, forecast, measure
from emulator.study.keeping import Keep
from emulator.text import for_cell


@dataclass(frozen=True)
class _Task:
    """A cell to be done."""

    map: MapConfig
    column: int
    row: int
    scenario: Scenario
    horizon: int


@dataclass(frozen=True)
class _Material:
    """A network with its samples and their exact rests."""

    network: Any
    batch: Batch
    exact: Reference


def atlas_study(scenario: Scenario, built: Built, batch: Batch, tell: Progress, keep: Keep) -> Study:
    """Measure and predict every cell of every map, column by column.

    Raises
    ------
    ScenarioError
        If a key or value of a map is wrong.
    """
    section = scenario.config.atlas
    if section is None:
        raise ScenarioError("atlas needs its section; allowed: a scenario with one")
    tasks = [task for one in section.maps for task in _tasks(scenario, section, one)]
    cells = _all_cells(tasks, tell, keep)
    maps = {one.name: (_axes(section, one), [c for c in cells if c.map == one.name]) for one in section.maps}
    total = agreement(cells, section.within)
    table, notes = atlas_table(list(maps.values()), section.within)
    return Study(
        good=total.good,
        verdict=(
            f"{total.same_side} of {total.cells} cells on the predicted side of the boundary "
            f"({total.boundary_share:.1%}); settling time within {section.within:.0%} of the prediction in "
            f"{total.close} of {total.settled} settled cells ({total.time_share:.1%})"
        ),
        table=table,
        notes=notes,
        data={"cells": [_described(maps[cell.map][0], cell) for cell in cells]},
        figure=partial(maps_figure, list(maps.values()), section.within, scenario.title),
        files={"times.png": partial(times_figure, list(maps.values()), section.within), "cells.csv": _csv(maps, cells)},
    )


def _tasks(scenario: Scenario, section: AtlasConfig, one: MapConfig) -> Iterator[_Task]:
    """The cells of a map, column by column: what is compiled in rarely differs within one."""
    base = {**one.set}
    with within(f"atlas map '{one.name}'"):
        for column, x in enumerate(one.x.grid(section.grid)):
            for row, y in enumerate(one.y.grid(section.grid)):
                cell = changed(scenario, {**base, one.x.key: x, one.y.key: y})
                yield _Task(one, column, row, cell, one.horizon or section.horizon)


def _all_cells(tasks: list[_Task], tell: Progress, keep: Keep) -> list[Cell]:
    """All cells; each column of a map is a part that is kept."""
    materials: dict[str, _Material] = {}
    found: list[Cell] = []
    with ThreadPoolExecutor(1) as pool:
        for (name, column), members in groupby(tasks, key=lambda task: (task.map.name, task.column)):
            work = partial(_column, list(members), len(found), len(tasks), materials, pool, tell)
            found += [Cell.of_dict(table) for table in keep(f"{name}, column {column}", work)["cells"]]
    return found


def _column(
    tasks: list[_Task],
    first: int,
    total: int,
    materials: dict[str, _Material],
    pool: ThreadPoolExecutor,
    tell: Progress,
) -> dict[str, Any]:
    """The cells of a column, the first of which is number `first` of all."""
    begun = []
    for number, task in enumerate(tasks, first):
        tell(f"{task.map.name}: cell {number + 1} of {total}", number / total)
        begun.append(_begin(task, materials, pool))
    return {"cells": [_cell(*one).to_dict() for one in begun]}


def _begin(
    task: _Task, materials: dict[str, _Material], pool: ThreadPoolExecutor
) -> tuple[_Task, ScatteringGraph, float, Future[Forecast]]:
    """Measure a cell; a thread predicts it meanwhile, or a little later."""
    tolerance = task.scenario.config.run.tolerance
    how: dict[str, Any] = {"horizon": task.horizon, "tolerance": tolerance}
    with within(f"atlas map '{task.map.name}'"):
        graph, material = _prepared(task.scenario, materials)
        future = pool.submit(partial(forecast, graph, material.exact, **how))
        batch, target = material.batch, task.scenario.config.run.target
        return task, graph, measure(graph, batch.inputs, batch.targets, target=target, **how), future


def _prepared(scenario: Scenario, materials: dict[str, _Material]) -> tuple[ScatteringGraph, _Material]:
    """The compiled substrate of a cell; networks and their rests are shared among cells."""
    config = scenario.config
    key = repr((config.network, config.data))
    if key not in materials:
        built, batch = scenario.read()
        materials[key] = _Material(built.network, batch, reference(built.network, batch.inputs, batch.targets))
    found = materials[key]
    return scenario.compile(found.network, found.batch), found


def _cell(task: _Task, graph: ScatteringGraph, measured: float, future: Future[Forecast]) -> Cell:
    predicted = future.result()
    return Cell(
        map=task.map.name,
        column=task.column,
        row=task.row,
        horizon=task.horizon,
        radius=predicted.radius,
        predicted=predicted.steps,
        settled=measured < float("inf"),
        measured=measured,
        transit=graph.transit,
    )


def _axes(section: AtlasConfig, one: MapConfig) -> Map:
    def ticks(axis: AxisConfig) -> tuple[str, ...]:
        values = axis.ticks or axis.grid(section.grid)
        return tuple(f"{v:.3g}" if isinstance(v, int | float) else str(v) for v in values)

    return Map(one.name, one.x.label, one.y.label, ticks(one.x), ticks(one.y))


def _described(axes: Map, cell: Cell) -> dict[str, Any]:
    """A cell with its place in words, and whether it agrees."""
    return {
        **cell.to_dict(),
        axes.x_label: axes.x_ticks[cell.column],
        axes.y_label: axes.y_ticks[cell.row],
        "same_side": cell.same_side,
        "error": cell.error,
    }


def _csv(maps: dict[str, tuple[Map, list[Cell]]], cells: list[Cell]) -> str:
    """All cells as a table; what is not finite is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("map", "x", "x value", "y", "y value", "horizon (steps)", "spectral radius", "predicted (steps)",
                     "settled", "measured (steps)", "steps per transit", "same side", "error"))  # fmt: skip
    for cell in cells:
        axes, table = maps[cell.map][0], cell.to_dict()
        error = cell.error if abs(cell.error) < float("inf") else None
        writer.writerow(map(for_cell, (cell.map, axes.x_label, axes.x_ticks[cell.column], axes.y_label, axes.y_ticks[cell.row],
                         cell.horizon, table["radius"], table["predicted"], cell.settled, table["measured"], cell.transit,
                         cell.same_side, error)))  # fmt: skip
    return text.getvalue()
