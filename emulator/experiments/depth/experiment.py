"""Settling time against depth, curve by curve: each point measured in brian2 and predicted from the linearised step.

A point is a network of some depth on some lines, from a blank substrate. The prediction is asked first: it is held for half
as long again, but no longer than the horizon asks for, so that a cell which will not settle costs no more than that. Three
things may come of a point that was predicted to settle and never did: rounding, where impedances span so much that the first
costates are lost in it (`emulator.measure.dynamic_range`); growth beyond all numbers; and a bounded oscillation, which large
deviations excite and small ones, of which the prediction is, do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from emulator.errors import ScenarioError, within
from emulator.experiments.depth.curves import Point, growth
from emulator.experiments.depth.figure import depth_figure
from emulator.experiments.depth.table import depth_table
from emulator.experiments.findings import Findings, Row, Way
from emulator.measure.dynamic_range import lost_share
from emulator.measure.forecast import follow
from emulator.measure.rest import operating_point
from emulator.measure.settling import hold_for
from emulator.measure.stability import linearised
from emulator.runs.settle import settle
from emulator.scenario.experiments import CurveConfig, DepthConfig
from emulator.scenario.load import changed
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.work import Measured, Task, Work, graph_of, material_of

METRICS = ("predicted", "measured", "lost", "finite")
#: of the predicted steps, those for which a point is held
_LONGER = 1.5


def depth(scenario: Scenario, way: Way) -> Findings:
    """Measure and predict every point of every curve.

    Raises
    ------
    ScenarioError
        If a key or value of a curve is wrong.
    """
    section = _section(scenario)
    rows = iter(way.rows(scenario, list(_asks(scenario, section)), measured, METRICS))
    tolerance = scenario.config.run.tolerance
    points = [_point(one, layers, next(rows), section.horizon) for one in section.curves for layers in section.depths]
    settled = [point for point in points if math.isfinite(point.measured)]
    close = sum(point.near(section.within) for point in settled)
    table, notes = depth_table(points, section.depths, tolerance, section.within)
    grown = {name: growth([p for p in points if p.curve == name]) for name in dict.fromkeys(p.curve for p in points)}
    told = [(f"predicted within {section.within:.0%}", f"{close} of the {len(settled)} points that settle")]
    notes = (
        told + [(name, f"steps grow as depth^{slope:.2f}") for name, slope in grown.items() if slope == slope] + notes
    )
    return Findings(
        good=True,
        verdict=(
            f"{len(settled)} of {len(points)} points settle within {section.horizon:,} steps; predicted within "
            f"{section.within:.0%} in {close} of them ({close / max(1, len(settled)):.0%})"
        ),
        table=table,
        notes=notes,
        data={
            "points": [point.to_dict(tolerance) for point in points],
            "agreement": {"within": section.within, "settled": len(settled), "close": close},
            "growth": {name: None if slope != slope else slope for name, slope in grown.items()},
        },
        figure=partial(depth_figure, points, scenario.title),
        substrate=f"law and lines as named at every curve, hardware {scenario.config.hardware.model}",
    )


def measured(work: Work, scenario: Scenario, task: Task) -> Measured:
    """One point: its settling time in brian2, and what the linearised step says."""
    section, run = _section(work.scenario), scenario.config.run
    with within(f"depth curve '{task.name}'"):
        material = material_of(work, scenario)
        graph = graph_of(work, scenario, material)
    batch, horizon = material.batch, section.horizon
    steps = [
        linearised(graph, operating_point(graph, material.exact, k))
        for k in range(len(next(iter(material.exact.states.values()))))
    ]
    predicted, before = 0.0, None
    for one in steps:
        found = follow(graph, one, tolerance=run.tolerance, before=before, most=2 * horizon + graph.longest_round_trip)
        predicted, before = max(predicted, math.ceil(found.within) if math.isfinite(found.within) else math.inf), one
    wanted = min(predicted, horizon)
    hold = math.ceil(hold_for(graph, _LONGER * wanted + 1))
    with np.errstate(over="ignore", invalid="ignore"):
        how: dict[str, Any] = {"tolerance": run.tolerance, "target": run.target, "diagnose": False}
        result = settle(graph, batch.inputs, batch.targets, hold_seconds=hold * graph.step, **how)
    taken = float(result.settling_steps.max())
    settles = bool(result.settled.all()) and taken <= horizon
    values = [*result.held_states.values(), *result.held_costates.values()]
    found_of = {
        "predicted": predicted if predicted <= horizon else math.inf,
        "measured": taken if result.settled.all() else math.inf,
        "lost": lost_share(graph),
        "finite": float(all(np.isfinite(part).all() for part in values)),
    }
    return Measured(None if settles else f"not settled within {hold} steps", found_of, settles)


def _section(scenario: Scenario) -> DepthConfig:
    if scenario.config.depth is None:
        raise ScenarioError("depth needs its section; allowed: a scenario with one")
    return scenario.config.depth


def _asks(scenario: Scenario, section: DepthConfig) -> Iterator[Ask]:
    for one in section.curves:
        for layers in section.depths:
            changes = {**one.set, **_of_depth(one, layers)}
            with within(f"depth curve '{one.name}'"):
                changed(scenario, changes)
            yield Ask({"curve": one.name, "depth": layers}, changes, name=one.name)


def _of_depth(one: CurveConfig, layers: int) -> dict[str, Any]:
    """What makes a network so many layers of weights deep."""
    return {"network.depth": layers} if one.hidden is None else {"network.hidden": [one.hidden] * (layers - 1)}


def _point(one: CurveConfig, layers: int, row: Row, horizon: int) -> Point:
    known = {name: math.inf if value != value else value for name, value in row.metrics.items()}
    taken, finite = known["measured"], known["finite"] == 1
    late = horizon < taken < math.inf
    return Point(one.name, layers, known["predicted"], math.inf if late else taken, row.metrics["lost"], finite, late)
