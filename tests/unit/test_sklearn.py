"""Conversion of fitted scikit-learn perceptrons."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from emulator.measure import reference
from emulator.network import Network, softmax

RNG = np.random.default_rng(3)
DATA = RNG.normal(size=(40, 3))


def fit(model: MLPClassifier | MLPRegressor, targets: np.ndarray) -> MLPClassifier | MLPRegressor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(DATA, targets)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_classifier_with_many_classes(activation: str) -> None:
    labels = np.array(["a", "c", "b", "d"])[np.argmax(DATA @ RNG.normal(size=(3, 4)), axis=1)]
    model = fit(MLPClassifier(hidden_layer_sizes=(6, 5), activation=activation, max_iter=30, random_state=1), labels)
    net = Network.from_sklearn(model)
    assert net.loss == "softmax_cross_entropy"
    assert [net.size(name) for name in ("x0", "x1", "x2", "x3")] == [3, 6, 5, 4]
    logits = reference(net, DATA).states[net.output]
    np.testing.assert_allclose(softmax(logits), model.predict_proba(DATA), atol=1e-12)


def test_binary_classifier_becomes_two_logits() -> None:
    model = fit(MLPClassifier(hidden_layer_sizes=(6,), max_iter=30, random_state=1), (DATA[:, 0] > 0.2).astype(int))
    net = Network.from_sklearn(model)
    logits = reference(net, DATA).states[net.output]
    np.testing.assert_array_equal(logits[:, 0], 0.0)
    np.testing.assert_allclose(softmax(logits), model.predict_proba(DATA), atol=1e-12)


@pytest.mark.parametrize("outputs", [1, 2])
def test_regressor(outputs: int) -> None:
    targets = (DATA @ RNG.normal(size=(3, outputs))).squeeze()
    model = fit(MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", max_iter=30, random_state=1), targets)
    net = Network.from_sklearn(model)
    assert net.loss == "mse"
    found = reference(net, DATA).states[net.output]
    np.testing.assert_allclose(found, model.predict(DATA).reshape(len(DATA), outputs), atol=1e-12)
