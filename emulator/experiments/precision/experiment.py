"""How far a settled substrate is from exact backpropagation, against word length and receiver noise.

Rounding errors halve with every bit and noise is added as it is, so to first order the errors of states, costates and
gradients fall by a factor 2 per bit, down to a floor that receiver noise sets, and rise in proportion to the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from emulator.errors import ScenarioError
from emulator.experiments.findings import Findings, Row, Way
from emulator.experiments.precision.curves import QUANTITIES, Curve, PrecisionStudy, errors_of
from emulator.experiments.precision.figure import precision_figure
from emulator.experiments.precision.table import precision_table
from emulator.scenario.load import changed
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.work import Measured, Task, Work, graph_of, material_of

_WORDS = ("hardware.precision.forward.bits", "hardware.precision.backward.bits")
_NOISE = "hardware.noise.receiver"


def precision(scenario: Scenario, way: Way) -> Findings:
    """Settle the samples with waves of different word lengths, and with different receiver noise.

    Full scales are the largest state and costate of the batch; everything else is as in the scenario's hardware.
    """
    section = scenario.config.precision
    if section is None:
        raise ScenarioError("precision needs its section; allowed: a scenario with one")
    curves: dict[str, list[dict[str, Any]]] = {
        "bits": [dict.fromkeys(_WORDS, count) for count in section.bits],
        "bits_with_noise": [{**dict.fromkeys(_WORDS, count), _NOISE: section.floor} for count in section.bits],
        "noise": [{_NOISE: rms} for rms in section.noise],
    }
    # a field without a value is as the hardware has it
    asks = [
        Ask({_WORDS[0]: changes.get(_WORDS[0]), _NOISE: changes.get(_NOISE)}, changes)
        for points in curves.values()
        for changes in points
    ]
    rows = iter(way.rows(changed(scenario, {"substrate.rounding": "nearest"}), asks, measured, QUANTITIES, fit=True))
    x: dict[str, Sequence[float]] = {"bits": section.bits, "bits_with_noise": section.bits, "noise": section.noise}
    found = PrecisionStudy(**{name: _curve(along, rows) for name, along in x.items()}, floor=section.floor)
    slopes = {
        quantity: {"per bit": 2 ** found.bits.slope(quantity, True), "in noise": found.noise.slope(quantity, False)}
        for quantity in QUANTITIES
    }
    table, notes = precision_table(found)
    return Findings(
        good=True,
        verdict="errors per further bit: " + ", ".join(f"x {slopes[q]['per bit']:.2f} ({q})" for q in QUANTITIES),
        table=table,
        notes=notes,
        data={"curves": found.to_dict(), "slopes": slopes},
        figure=partial(precision_figure, found, scenario.title),
    )


def measured(work: Work, scenario: Scenario, task: Task) -> Measured:
    """How far states, costates and gradients are from exact ones."""
    material = material_of(work, scenario)
    batch, graph = material.batch, graph_of(work, scenario, material)
    result = scenario.settle(graph, batch, diagnose=False)
    return Measured(result.reason, errors_of(result, material.exact), bool(result.settled.all()))


def _curve(along: Sequence[float], rows: Any) -> Curve:
    """The next points as a curve."""
    found: list[Row] = [next(rows) for _ in along]
    columns = ([row.metrics[quantity] for row in found] for quantity in QUANTITIES)
    return Curve(np.asarray(along, dtype=float), *map(np.array, columns))
