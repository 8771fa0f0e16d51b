"""Tuning: settings by prediction, confirmed by runs; its command and its errors."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import (
    BackwaveError,
    Bilateral,
    EngineError,
    Matched,
    Network,
    ParallelRL,
    ScenarioError,
    SeriesRC,
    StudyError,
    Upwind,
    Worldsheet,
    compile_network,
    reference,
    tune,
)
from emulator.cli import app
from emulator.measure.rest import operating_point
from emulator.processes import InProcess
from emulator.runs.search import Forecast, first_simplex, search, settings_of, values_of, with_settings
from emulator.scenario import load_scenario
from emulator.scenario.config import LawConfig
from emulator.scenario.tuning import tune_scenario
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.networks import stack


def small() -> tuple[Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / np.sqrt(5)]
    return Network.mlp(weights), rng.normal(size=(3, 4)) / 2, rng.normal(size=(3, 3)) / 2


@pytest.fixture(scope="module")
def tuned():
    network, inputs, targets = small()
    graph = compile_network(
        network, law=Bilateral(0.4, 2.0, bandwidth=0.8, far_end=SeriesRC()), hardware=delays(1, 3), seed=1
    )
    stages: list[tuple[str, float | None]] = []
    found = tune(graph, inputs, targets, evaluations=130, target="numpy", progress=lambda *told: stages.append(told))
    return graph, found, stages


def test_what_it_proposes_settles_sooner_as_predicted(tuned):
    graph, found, stages = tuned
    assert found.better and found.after.steps < found.before.steps
    assert found.after.predicted.worst < found.before.predicted.worst
    for trial in (found.before, found.after):
        np.testing.assert_allclose(trial.measured.settling_steps, trial.predicted.steps, rtol=0.1, atol=2)
    assert found.before.law == graph.law
    assert found.settings["source_end.inductance"][0] is None
    assert {key for key, (a, b) in found.settings.items() if a != b} == set(found.settings)
    fractions = [fraction for stage, fraction in stages if stage == "searching"]
    assert fractions == sorted(fractions) and 0.8 < fractions[-1] <= 1


def test_the_proposal_is_a_section_of_a_scenario(tuned, tmp_path):
    _, found, _ = tuned
    found.save(tmp_path / "law.toml")
    table = tomllib.loads((tmp_path / "law.toml").read_text())
    assert set(table) == {"law"}
    assert LawConfig.model_validate(table["law"]).build() == found.after.law


def forecast_of(law: Bilateral) -> Forecast:
    network, inputs, targets = small()
    graph = compile_network(network, law=law)
    exact = reference(network, inputs, targets)
    return Forecast(graph, [operating_point(graph, exact, k) for k in range(3)], 1e-3)


@pytest.mark.slow
def test_only_what_may_change_changes_and_a_search_repeats():
    law = Bilateral(0.5, bandwidth=0.5, far_end=SeriesRC())
    settings = settings_of(law, ["impedance", "far_end"])
    once, again, other = (search(forecast_of(law), settings, evaluations=40, seed=seed) for seed in (0, 0, 1))
    assert once == again and once != other
    assert (once.bandwidth, once.taper) == (0.5, 1.0) and once.impedance != 0.5 and once.far_end != law.far_end
    assert forecast_of(law).of(once).worst < forecast_of(law).of(law).worst


@pytest.mark.parametrize(("law", "worse"), [(Worldsheet(0.2, 0.2, 1.0), 1.5), (Upwind(0.5, 3.0), 1.5)])
def test_other_laws_have_settings_too(law, worse):
    rng = np.random.default_rng(1)
    network = stack(rng, 3, 3)
    inputs, targets = rng.normal(size=(2, 2, 3)) / 2
    found = tune(compile_network(network, law=law), inputs, targets, evaluations=60, target="numpy")
    assert found.better and found.before.steps > worse * found.after.steps
    assert set(found.settings) == set(values_of(law))


def test_a_search_begins_and_may_end_where_the_law_is():
    """Bounds are absolute, and the impedance that is chosen for a load may be beyond them."""
    law = compile_network(small()[0], law=Upwind(kappa=100.0)).law
    bounds = {setting.key: (setting.low, setting.high) for setting in settings_of(law)}
    assert bounds["impedance"] == (law.impedance, 20.0) and law.impedance == pytest.approx(0.003)
    assert bounds["nu"] == (0.05, 1.0) and bounds["taper"] == (0.25, 32.0)


def test_a_given_up_law_costs_more_than_any_that_settles():
    forecast = forecast_of(Bilateral(0.3, bandwidth=0.5))
    graph = forecast.graph
    good, best = forecast.cost(graph.law, 3)
    ringing, _ = forecast.cost(Bilateral(0.3), 3, best)
    assert good < 5000 < 20_000 <= ringing  # what is good has a margin of more than 1 here, which costs
    assert (
        forecast.cost(Bilateral(0.3, bandwidth=0.02), 3, best)[0] > 20_000
    )  # given up: much slower than the best so far
    assert forecast.of(Bilateral(0.3)).worst == math.inf


def test_settings_are_read_and_written_by_key():
    law = Bilateral(0.5, 2.0, far_end=SeriesRC(1.5, 2.5))
    assert values_of(law)["far_end.resistance"] == 1.5 and values_of(law)["source_end.resistance"] is None
    changed = with_settings(law, {"impedance": 0.7, "far_end.capacitance": 4.0, "source_end.resistance": 0.3})
    assert changed == Bilateral(0.7, 2.0, far_end=SeriesRC(1.5, 4.0), source_end=ParallelRL(0.3, 3.0))
    assert [s.key for s in settings_of(law, ["far_end"])] == ["far_end.resistance", "far_end.capacitance"]
    assert values_of(Bilateral(taper="matched"))["taper"] == "matched"


def test_refusals():
    network, inputs, targets = small()
    graph = compile_network(network, law=Bilateral(1.0))
    for words, settings in (
        ("evaluations is 0; allowed: whole numbers from 1", {"evaluations": 0}),
        ("unknown target 'gpu'; allowed: auto, numpy", {"target": "gpu"}),
        ("seed is -1; allowed: whole numbers from 0", {"seed": -1}),
        ("tune got unknown keyword 'evaluation' (did you mean 'evaluations'?)", {"evaluation": 3}),
        ("tolerance is 2.0; allowed: above 0 and below 1", {"tolerance": 2.0}),
        ("tuning of law bilateral: no setting 'tapr' (did you mean 'taper'?)", {"only": ["tapr"]}),
    ):
        refuses(words, lambda s=settings: tune(graph, inputs, targets, **s), BackwaveError)
    words = "tuning of law matched: it has nothing to tune; allowed: law bilateral, upwind, "
    refuses(words, lambda: tune(compile_network(network, law=Matched()), inputs, targets), EngineError)


SCENARIO = """
title = "small"
[network]
source = "random-mlp"
sizes = [4, 5, 3]
[data]
source = "random"
samples = 3
[law]
name = "bilateral"
bandwidth = 0.4
"""


def backwave(*arguments: str):
    return CliRunner().invoke(app, ["tune", *arguments], prog_name="backwave")


@pytest.mark.slow
def test_the_command(tmp_path: Path):
    path, law = tmp_path / "small.toml", tmp_path / "law.toml"
    path.write_text(SCENARIO)
    quick = (str(path), "--samples", "2", "--evaluations", "60", "--set", "law.impedance=1")
    result = backwave(*quick, "--out", str(law))
    assert result.exit_code == 0, result.output
    assert "the slowest of 2 samples: settled in " in result.output and f"written: {law}" in result.output
    for key in ("impedance", "source_end.inductance", "predicted settling time", "spectral radius"):
        assert f"\n{key} " in result.output
    path.write_text(SCENARIO.partition("[law]")[0] + law.read_text())
    assert load_scenario(path).config.law.build() != Bilateral(1.0)
    result = backwave(
        *quick[:3],
        "--evaluations",
        "1",
        "--set",
        "law.impedance=1",
        "--only",
        "bandwidth",
        "--set",
        "law.bandwidth=0.9",
    )
    assert result.exit_code == 1 and "settled in" in result.output
    result = backwave(str(path), "--only", "tapr")
    assert result.exit_code == 2 and "no setting 'tapr'" in result.output


def test_a_scenario_without_targets_is_refused(tmp_path: Path):
    path = tmp_path / "small.toml"
    path.write_text(SCENARIO)
    scenario = load_scenario(path, ["data.targets=false"])
    words = "scenario 'small': data.targets is false; allowed for tuning: true"
    refuses(words, lambda: tune_scenario(scenario), ScenarioError)


@pytest.mark.slow
def test_what_a_search_finds_does_not_depend_on_who_judges():
    """The population is judged in portions that are the same for any number of processes."""
    network, inputs, targets = small()
    graph = compile_network(network, law=Bilateral(0.4, 2.0))
    exact = reference(network, inputs, targets)
    found = []
    for pool in (None, InProcess(batch_seconds=1e9), InProcess(workers=3)):
        forecast = Forecast(graph, [operating_point(graph, exact, k) for k in range(2)], 1e-3)
        settings = settings_of(graph.law, ["impedance", "far_end"])
        found.append(search(forecast, settings, evaluations=60, seed=0, pool=pool))
    assert found[0] == found[1] == found[2]


def test_a_search_goes_on_inwards_from_a_best_at_a_bound_or_beyond_it_by_rounding():
    """A simplex without extent along an axis would never leave it."""
    bounds = np.array([[-1.0, 2.0], [-1.0, 2.0], [0.0, 0.3]])
    for best in ([2.0, -1.0, 0.3], [2.0 + 1e-15, -1.0 - 1e-15, 0.25], [0.5, 1.95, 0.0]):
        corners = first_simplex(np.array(best), bounds)
        assert ((corners >= bounds[:, 0]) & (corners <= bounds[:, 1])).all()
        np.testing.assert_allclose(corners[0], best, atol=1e-14)
        np.testing.assert_allclose(np.abs(np.diag(corners[1:] - corners[0])), 0.1)
        assert np.count_nonzero(corners[1:] - corners[0]) == 3


@pytest.mark.parametrize("workers", [0, -1])
def test_less_than_one_process_is_refused(workers):
    network, inputs, targets = small()
    graph = compile_network(network, law=Bilateral(0.4, 2.0))
    with pytest.raises(StudyError, match=f"workers is {workers}; allowed: at least 1"):
        tune(graph, inputs, targets, workers=workers)
