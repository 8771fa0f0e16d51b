"""The atlas: what settles, and how fast, cell by cell of every map that a scenario asks for."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from emulator.errors import ScenarioError, within
from emulator.experiments.atlas.cells import Cell, Map, agreement, bias_of, forecast, measure
from emulator.experiments.atlas.figure import COSINE, ERROR, maps_figure, times_figure
from emulator.experiments.atlas.table import atlas_table
from emulator.experiments.findings import Findings, Row, Way
from emulator.scenario.axes import AxisConfig
from emulator.scenario.experiments import AtlasConfig, MapConfig
from emulator.scenario.load import changed
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.resolve import spread_over
from emulator.study.work import Measured, Task, Work, graph_of, material_of
from emulator.text import for_cell

METRICS = ("radius", "predicted", "measured", "transit", "gradient", "cosine", "bias")


def atlas(scenario: Scenario, way: Way) -> Findings:
    """Measure and predict every cell of every map.

    Raises
    ------
    ScenarioError
        If a key or value of a map is wrong.
    """
    section = _section(scenario)
    asks = [ask for one in section.maps for ask in cells_of(scenario, one)]
    rows = iter(way.rows(scenario, asks, measured, METRICS))
    maps: list[tuple[Map, list[Cell]]] = []
    for one in section.maps:
        places = _places(section, one)
        maps.append((_axes(section, one), [_cell(section, one, *place, next(rows)) for place in places]))
    cells = [cell for _, inside in maps for cell in inside]
    total = agreement(cells, section.within)
    table, notes = atlas_table(maps, section.within)
    biased = [one for one in maps if any(cell.biased for cell in one[1])]
    drawn = partial(maps_figure, biased, section.within, scenario.title)
    more = {"bias.png": partial(drawn, ERROR), "cosine.png": partial(drawn, COSINE)} if biased else {}
    return Findings(
        good=total.good(section.required.boundary, section.required.time),
        verdict=(
            f"{total.same_side} of {total.cells} cells on the predicted side of the boundary "
            f"({total.boundary_share:.1%}); settling time within {section.within:.0%} of the prediction in "
            f"{total.close} of {total.settled} settled cells ({total.time_share:.1%})"
        ),
        table=table,
        notes=notes,
        data={"cells": [_described(axes, cell) for axes, inside in maps for cell in inside]},
        figure=partial(maps_figure, maps, section.within, scenario.title),
        substrate=_substrate(scenario, section),
        files={"times.png": partial(times_figure, maps, section.within), **more, "cells.csv": cells_csv(maps)},
    )


def _substrate(scenario: Scenario, section: AtlasConfig) -> str | None:
    """Law and hardware; maps that set another law are called after it."""
    if not any(key.partition(".")[0] == "law" for one in section.maps for key in one.set):
        return scenario.substrate
    return f"law as named at every map, hardware {scenario.config.hardware.model}"


def cells_of(scenario: Scenario, one: MapConfig) -> Iterator[Ask]:
    """The cells of a map, column by column: what is compiled in rarely differs within one."""
    section = _section(scenario)
    for x in _values(section, one.x):
        for y in _values(section, one.y):
            keys = {**dict.fromkeys((one.x.key, *one.x.also), x), **dict.fromkeys((one.y.key, *one.y.also), y)}
            changes = {**one.set, **keys}
            with within(f"atlas map '{one.name}'"):
                changed(scenario, changes)
            yield Ask({"map": one.name, one.x.key: x, one.y.key: y}, changes, name=one.name)


def measured(work: Work, scenario: Scenario, task: Task) -> Measured:
    """A cell: its settling time in brian2, and what the linearised step says."""
    section = _section(work.scenario)
    horizon = next(_horizon(section, one) for one in section.maps if one.name == task.name)
    run = scenario.config.run
    with within(f"atlas map '{task.name}'"):
        material = material_of(work, scenario)
        graph = graph_of(work, scenario, material)
        batch = material.batch
        how: dict[str, Any] = {"horizon": horizon, "tolerance": run.tolerance}
        taken = measure(graph, batch.inputs, batch.targets, material.exact, target=run.target, **how)
        predicted = forecast(graph, material.exact, **how)
        bias = bias_of(graph, material.exact)
    found = {"radius": predicted.radius, "predicted": predicted.steps, "measured": taken.steps,
             "transit": graph.transit, "gradient": taken.gradient, "cosine": taken.cosine, "bias": bias}  # fmt: skip
    settled = math.isfinite(taken.steps)
    return Measured(None if settled else f"not settled within {horizon} steps", found, settled)


def cells_csv(maps: list[tuple[Map, list[Cell]]]) -> str:
    """All cells as a table; what is not finite is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("map", "x", "x value", "y", "y value", "horizon (steps)", "spectral radius", "predicted (steps)",
                     "settled", "measured (steps)", "steps per transit", "same side", "error", "gradient error",
                     "gradient cosine", "bias of the rest"))  # fmt: skip
    for axes, cells in maps:
        for cell in cells:
            table = cell.to_dict()
            error = cell.error if abs(cell.error) < float("inf") else None
            writer.writerow(map(for_cell, (cell.map, axes.x_label, axes.x_ticks[cell.column], axes.y_label,
                            axes.y_ticks[cell.row], cell.horizon, table["radius"], table["predicted"], cell.settled,
                            table["measured"], cell.transit, cell.same_side, error, table["gradient"],
                            table["cosine"], table["bias"])))  # fmt: skip
    return text.getvalue()


def _section(scenario: Scenario) -> AtlasConfig:
    if scenario.config.atlas is None:
        raise ScenarioError("atlas needs its section; allowed: a scenario with one")
    return scenario.config.atlas


def _values(section: AtlasConfig, axis: AxisConfig) -> list[Any]:
    """The values of an axis; computed ones to four digits."""
    if isinstance(axis.values, list):
        return axis.values
    return [float(f"{value:.4g}") for value in spread_over(axis, section.grid)]


def _horizon(section: AtlasConfig, one: MapConfig) -> int:
    return one.horizon or section.horizon


def _places(section: AtlasConfig, one: MapConfig) -> Iterator[tuple[int, int]]:
    """Columns and rows in the order of `cells_of`."""
    columns, rows = len(_values(section, one.x)), len(_values(section, one.y))
    return ((column, row) for column in range(columns) for row in range(rows))


def _cell(section: AtlasConfig, one: MapConfig, column: int, row: int, found: Row) -> Cell:
    values = found.metrics
    steps = values["measured"] if values["measured"] == values["measured"] else math.inf
    return Cell(
        map=one.name,
        column=column,
        row=row,
        horizon=_horizon(section, one),
        radius=values["radius"],
        predicted=values["predicted"] if values["predicted"] == values["predicted"] else math.inf,
        settled=steps < math.inf,
        measured=steps,
        transit=values["transit"],
        gradient=values["gradient"],
        cosine=values["cosine"],
        bias=values["bias"],
    )


def _axes(section: AtlasConfig, one: MapConfig) -> Map:
    def ticks(axis: AxisConfig) -> tuple[str, ...]:
        values = axis.ticks or _values(section, axis)
        return tuple(f"{v:.3g}" if isinstance(v, int | float) else str(v) for v in values)

    return Map(one.name, one.x.label or one.x.key, one.y.label or one.y.key, ticks(one.x), ticks(one.y))


def _described(axes: Map, cell: Cell) -> dict[str, Any]:
    """A cell with its place in words, and whether it agrees."""
    return {
        **cell.to_dict(),
        axes.x_label: axes.x_ticks[cell.column],
        axes.y_label: axes.y_ticks[cell.row],
        "same_side": cell.same_side,
        "error": cell.error,
    }
