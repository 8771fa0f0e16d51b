"""One network on several technologies: what it still gets right, how fast it settles, and what that costs."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import ScenarioError, suggest
from emulator.experiments.findings import Findings, Row, Way
from emulator.experiments.precision.curves import errors_of
from emulator.experiments.technologies.figure import technologies_figure
from emulator.experiments.technologies.result import Cost, TechnologyResult
from emulator.experiments.technologies.table import technologies_table
from emulator.measure import SettleResult
from emulator.measure.agreement import cosine, in_one_row
from emulator.measure.energy import EnergyUse, unpriced
from emulator.runs.settle import settle
from emulator.scenario.load import changed, leaves
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.work import Material, Measured, Task, Work, graph_of, material_of
from hwmodels import HardwareModel, presets

_AXIS = "hardware.model"
_COUNTS = ("samples", "settled")
_COSTS = ("inference", "gradient")
_FIGURES = (
    "state_error", "costate_error", "gradient_error", "gradient_cosine", "settling_seconds", "settling_transits",
    "inference_seconds", "hold_seconds", "events_inference", "events_gradient",
)  # fmt: skip
METRICS = ("accuracy", *_COUNTS, *_FIGURES, *_COSTS)


def technologies(scenario: Scenario, way: Way) -> Findings:
    """Settle the samples on every technology, with targets and without.

    Quantisers get the network's own range as full scale, and delays that are not whole steps are rounded to them. That a
    technology does not settle is what was asked; only if nothing settles on any, or none can be emulated, has the comparison failed.
    """
    section = scenario.config.technologies
    if section is None:
        raise ScenarioError("technologies needs its section; allowed: a scenario with one")
    names = dict.fromkeys(section.models or presets())
    for name in section.set:
        if name not in names:
            raise ScenarioError(f"technologies.set names {suggest(name, names)}")
    base, models, asks = changed(scenario, {"technologies": None}), dict[str, HardwareModel](), []
    for name in names:
        changes = {_AXIS: name, **dict(leaves(section.set.get(name, {}))), "substrate.rounding": "nearest"}
        models[name] = changed(base, changes).config.hardware.read(scenario.folder)
        if not models[name].missing():
            asks.append(Ask({_AXIS: name}, changes))
    rows = {row.axes[_AXIS]: row for row in way.rows(base, asks, measured, METRICS, fit=True)}
    results = [_result(name, model, rows.get(name)) for name, model in models.items()]
    ran = [result for result in results if result.complete]
    unsettled = [result.name for result in ran if result.settled < result.samples]
    table, notes = technologies_table(results)
    if not ran:
        settled = "nothing was emulated"
    elif unsettled:
        settled = f"not all samples settled on {', '.join(unsettled)}"
    else:
        settled = "on all of them every sample settled"
    return Findings(
        good=any(result.settled for result in ran),
        verdict=f"{len(ran)} of {len(results)} technologies are complete; {settled}",
        table=table,
        notes=notes,
        data={"technologies": [result.to_dict() for result in results]},
        figure=partial(technologies_figure, results, scenario.title),
        substrate=f"law {scenario.config.law.name}, hardware as named at every row",
    )


def measured(work: Work, scenario: Scenario, task: Task) -> Measured:
    """The figures of a technology."""
    material = material_of(work, scenario)
    batch, graph = material.batch, graph_of(work, scenario, material)
    learning, inference = (
        settle(graph, batch.inputs, wanted, diagnose=False, run=scenario.config.run) for wanted in (batch.targets, None)
    )
    errors = errors_of(learning, material.exact)
    figures = {
        "accuracy": _accuracy(inference, material),
        "samples": len(learning.settled),
        "settled": int(learning.settled.sum()),
        "state_error": errors["states"],
        "costate_error": errors["costates"],
        "gradient_error": errors["gradients"],
        "gradient_cosine": cosine(*in_one_row(learning.held_gradients, material.exact.gradients)),
        "settling_seconds": _median(learning.settling_time, learning),
        "settling_transits": _median(learning.settling_transits, learning),
        "inference_seconds": _median(inference.settling_time, inference),
        "hold_seconds": learning.hold * graph.step,
        "events_inference": float(inference.events.mean()),
        "events_gradient": float(learning.events.mean()),
        "inference": _joules(inference.energy),
        "gradient": _joules(learning.energy),
    }
    return Measured(learning.reason, figures, bool(learning.settled.all()), notes=graph.notes)


def _result(name: str, model: HardwareModel, row: Row | None) -> TechnologyResult:
    if row is None:
        return TechnologyResult(name, model.missing(), model.differs)
    found, missing = row.metrics, unpriced(model)
    values: dict[str, Any] = {
        "accuracy": None if math.isnan(found["accuracy"]) else found["accuracy"],
        **{key: int(found[key]) for key in _COUNTS},
        **{key: found[key] for key in _FIGURES},
        **{key: Cost(found[key], missing) for key in _COSTS},
    }
    return TechnologyResult(name, (), model.differs, notes=tuple(row.notes), **values)


def _accuracy(inference: SettleResult, material: Material) -> float | None:
    if inference.graph.loss != "softmax_cross_entropy":
        return None
    output, labels = inference.graph.network.output, material.batch.labels
    truth = material.exact.states[output].argmax(axis=1) if labels is None else labels
    return float(((inference.held_states[output].argmax(axis=1) == truth) & inference.settled).mean())


def _joules(use: EnergyUse) -> float:
    """The mean of a sample, as far as it is known."""
    return float(sum(part.mean() for part in use.parts.values()))


def _median(values: NDArray[np.float64], result: SettleResult) -> float:
    return float(np.median(values[result.settled])) if result.settled.any() else math.nan
