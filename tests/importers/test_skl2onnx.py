"""Real files of skl2onnx: fitted models come through ONNX as they come in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from emulator import Network, reference

skl2onnx = pytest.importorskip("skl2onnx")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier((6,), activation="tanh", max_iter=20, random_state=0),
        MLPClassifier((5, 4), activation="relu", max_iter=20, random_state=0),
        make_pipeline(StandardScaler(), MLPClassifier((6,), activation="logistic", max_iter=20, random_state=0)),
        MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", max_iter=20, random_state=0),
        make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=200)),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        LinearRegression(),
    ],
)
def test_a_fitted_model_answers_through_its_file_as_it_does_itself(tmp_path: Path, model) -> None:
    dice = np.random.default_rng(0)
    x = dice.normal(size=(60, 5)) * [1, 2, 3, 4, 5]
    y = np.argmax(x @ dice.normal(size=(5, 3)), axis=1)
    model.fit(x, y if hasattr(model, "predict_proba") else x @ dice.normal(size=5))
    given = [("x", skl2onnx.common.data_types.FloatTensorType([None, 5]))]
    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    made = skl2onnx.convert_sklearn(model, initial_types=given, target_opset=18, options=options)
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    network = Network.load(tmp_path / "m.onnx")
    outputs = reference(network, x).states[network.output]
    if hasattr(model, "predict_proba"):
        assert network.loss == "softmax_cross_entropy"
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), model.predict_proba(x), atol=2e-5)
    else:
        np.testing.assert_allclose(outputs[:, 0], model.predict(x), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_two_classes_are_two_logits_whose_softmax_is_theirs(tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    x = dice.normal(size=(60, 4))
    model = LogisticRegression().fit(x, x[:, 0] > 0.3)
    given = [("x", skl2onnx.common.data_types.FloatTensorType([None, 4]))]
    for zipped in (True, False):
        made = skl2onnx.convert_sklearn(model, initial_types=given, target_opset=18, options={"zipmap": zipped})
        (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
        network = Network.load(tmp_path / "m.onnx")
        outputs = reference(network, x).states[network.output]
        np.testing.assert_allclose(
            1 / (1 + np.exp(outputs[:, 0] - outputs[:, 1])), model.predict_proba(x)[:, 1], atol=1e-5
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", [MLPClassifier((4,), max_iter=5, random_state=0), LogisticRegression(max_iter=50)])
@pytest.mark.parametrize("zipped", [True, False])
def test_classes_keep_their_names(tmp_path: Path, model, zipped: bool) -> None:
    dice = np.random.default_rng(2)
    x = dice.normal(size=(60, 4))
    model.fit(x, np.array(["ash", "beech", "elm"])[np.argmax(x[:, :3], axis=1)])
    given = [("x", skl2onnx.common.data_types.FloatTensorType([None, 4]))]
    made = skl2onnx.convert_sklearn(model, initial_types=given, target_opset=18, options={"zipmap": zipped})
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    network = Network.load(tmp_path / "m.onnx")
    assert network.names[network.output] == ("ash", "beech", "elm") == tuple(model.classes_)
    network.save(tmp_path / "m.npz")
    assert Network.load(tmp_path / "m.npz").names == network.names
