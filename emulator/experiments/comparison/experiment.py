"""Several trainings of one scenario side by side, each repeated with other seeds, and baselines in NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from statistics import fmean
from typing import Any

from emulator.errors import NetworkError, ScenarioError
from emulator.experiments.comparison.figure import comparison_figure
from emulator.experiments.comparison.outcome import Outcome, crossing
from emulator.experiments.findings import Findings, Row, Way
from emulator.learning import Resistive
from emulator.measure.fit import fit
from emulator.measure.reference import reference
from emulator.network import check_batch
from emulator.scenario.load import changed
from emulator.scenario.scenario import Scenario
from emulator.scenario.training import ComparisonConfig
from emulator.study.points import Ask
from emulator.study.work import Measured, Task, Work
from emulator.training.baselines import baseline
from emulator.training.streams import open_stream
from emulator.units import si

_BASELINE = "baseline "
_UNTIMED = ", each for a time on the substrate that is not known"


def comparison(scenario: Scenario, way: Way) -> Findings:
    """Train every variant, and every baseline, as often as the scenario asks."""
    compared = _section(scenario)
    kinds: list[tuple[str, float | None, str, bool, dict[str, Any]]] = [
        (b, None, "", True, {}) for b in compared.baselines
    ]
    kinds += [(v.name, v.x, v.series, False, v.set) for v in compared.variants]
    asks = []
    for name, _, _, is_baseline, changes in kinds:
        what = f"{_BASELINE}{name}" if is_baseline else name
        one = changed(scenario, changes)
        asks += [
            Ask({"training": what}, {**changes, **_seeds(one, repeat)}, noise=repeat, name=what)
            for repeat in range(compared.repeats)
        ]
    rows = iter(way.rows(scenario, asks, measured, ["score", "classifies", "substrate_seconds"]))
    outcomes = [
        _outcome(name, x, series, is_baseline, [next(rows) for _ in range(compared.repeats)])
        for name, x, series, is_baseline, _ in kinds
    ]
    crossings = [(f"{a} against {b}", crossing(outcomes, (a, b))) for a, b in compared.pairs]
    return Findings(
        good=True,
        verdict=f"finished: {len(outcomes)} trainings of '{scenario.title}' compared",
        table=[],
        notes=[*_warnings(outcomes), *map(_told, outcomes), *crossings],
        data={
            "comparison": [{**asdict(one), "mean": one.mean, "spread": one.spread} for one in outcomes],
            "crossings": dict(crossings),
        },
        figure=partial(comparison_figure, outcomes, scenario.title, compared.x_label),
        substrate=_substrate(scenario, compared),
    )


def _substrate(scenario: Scenario, compared: ComparisonConfig) -> str:
    """Law and hardware, each the scenario's unless variants change it."""
    changed_tables = {key.partition(".")[0] for variant in compared.variants for key in variant.set}
    own = dict(zip(("law", "hardware"), scenario.substrate.split(", ", 1), strict=True))
    return ", ".join(f"{table} as named" if table in changed_tables else words for table, words in own.items())


def measured(work: Work, scenario: Scenario, task: Task) -> Measured:
    """Test score after a training, not known if it diverged before its end; and whether it is of a classifier."""
    if task.name.startswith(_BASELINE):
        kind, reached = _baseline_score(task.name.removeprefix(_BASELINE), scenario)
        return Measured(None, {"score": reached, "classifies": kind == "accuracy", "substrate_seconds": None})
    result = scenario.train()
    classifies, diverged = result.network.loss == "softmax_cross_entropy", result.status == "diverged"
    score = None
    if result.complete or not diverged:
        score = result.test_accuracy if classifies else result.test_r2
    found = {"score": score, "classifies": classifies, "substrate_seconds": result.substrate_seconds}
    return Measured(result.reason, found, not diverged, notes=tuple(result.warnings))


def _section(scenario: Scenario) -> ComparisonConfig:
    training = scenario.config.training
    if training is None or training.compare is None:
        raise ScenarioError("there is no training.compare; allowed: a table with variants")
    return training.compare


def _seeds(scenario: Scenario, repeat: int) -> dict[str, int]:
    """The seeds of a repeat: of its run, and of its initial network."""
    config = scenario.config
    seeds = {"run.seed": config.run.seed + repeat}
    if hasattr(config.network, "seed"):
        seeds["network.seed"] = config.network.seed + repeat
    return seeds


def _outcome(name: str, x: float | None, series: str, is_baseline: bool, rows: list[Row]) -> Outcome:
    taken = [row.metrics["substrate_seconds"] for row in rows if not math.isnan(row.metrics["score"])]
    return Outcome(
        name=name,
        x=x,
        scores=tuple(row.metrics["score"] for row in rows),
        reasons=tuple(row.reason for row in rows if row.reason is not None),
        is_baseline=is_baseline,
        seconds=sum(row.seconds for row in rows),
        warnings=tuple(dict.fromkeys(text for row in rows for text in row.notes)),
        score="accuracy" if rows[0].metrics["classifies"] else "r2",
        series=series,
        substrate_seconds=fmean(taken) if taken else math.nan,
    )


def _warnings(outcomes: list[Outcome]) -> Iterator[tuple[str, str]]:
    for outcome in outcomes:
        for warning in outcome.warnings:
            yield "warning", f"{outcome.name}: {warning}"


def _told(outcome: Outcome) -> tuple[str, str]:
    lost, count = sum(value != value for value in outcome.scores), len(outcome.scores)
    if lost:
        return outcome.name, f"{lost} of {count} diverged"
    form = ".2%" if outcome.score == "accuracy" else ".4f"
    known, taken = not math.isnan(outcome.substrate_seconds), ""
    if not outcome.is_baseline:
        taken = f", each {si(outcome.substrate_seconds, 's')} on the substrate" if known else _UNTIMED
    return outcome.name, f"{outcome.mean:{form}} +- {outcome.spread:{form}} test {outcome.score}, {count} seeds{taken}"


def _baseline_score(name: str, scenario: Scenario) -> tuple[str, float]:
    config, training = scenario.config, scenario.config.training
    if training is None:
        raise ScenarioError(f"scenario '{scenario.name}' has no section training; allowed: one")
    port = training.port.build(config.hardware.build(scenario.folder))
    if not isinstance(port, Resistive):
        raise ScenarioError(
            f"training.compare.baselines need a rate: training.port is {port.name!r}; allowed: resistive"
        )
    network, samples, tested = scenario.lessons()
    stream = open_stream(network, samples.inputs, samples.targets, order=training.order, seed=config.run.seed)
    count, score = training.total(samples), "accuracy" if network.loss == "softmax_cross_entropy" else "r2"
    try:
        trained = baseline(name, network, stream, port.rate, training.rates(count), count, training.batch)
    except NetworkError:
        return score, float("nan")
    outputs = reference(trained, tested.inputs).states[trained.output]
    if score == "accuracy":
        return score, float((outputs.argmax(axis=1) == tested.labels).mean())
    found = fit(network.loss, outputs, check_batch(network, tested.inputs, tested.targets)[1])["r2"]
    return score, float("nan") if found is None else found
