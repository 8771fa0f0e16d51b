"""Conversion of fitted scikit-learn perceptrons."""

import warnings

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler

from emulator.errors import NetworkError
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


SCALED = DATA * [1.0, 40.0, 1e-3] + [5.0, -3.0, 0.2]


@pytest.mark.parametrize(
    "before",
    [
        (StandardScaler(),),
        (StandardScaler(with_mean=False), "passthrough"),
        (MinMaxScaler((-2, 1)), StandardScaler(with_std=False)),
        (RobustScaler(), MaxAbsScaler()),
        (StandardScaler(), PCA(2, whiten=True)),
        (PCA(3),),
    ],
)
def test_scalers_are_folded_into_the_first_layer(before: tuple[object, ...]) -> None:
    labels = np.argmax(DATA @ RNG.normal(size=(3, 3)), axis=1)
    last = MLPClassifier(hidden_layer_sizes=(6,), activation="tanh", max_iter=30, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make_pipeline(*before, last).fit(SCALED, labels)
    net = Network.from_sklearn(model)
    np.testing.assert_allclose(
        softmax(reference(net, SCALED).states[net.output]), model.predict_proba(SCALED), atol=1e-10
    )


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(0.1), Ridge(fit_intercept=False), ElasticNet(0.01)])
@pytest.mark.parametrize("outputs", [1, 2])
def test_linear_models(model: object, outputs: int) -> None:
    targets = (DATA @ RNG.normal(size=(3, outputs))).squeeze()
    fitted = GridSearchCV(make_pipeline(StandardScaler(), model), {}).fit(SCALED, targets)
    net = Network.from_sklearn(fitted)
    assert net.loss == "mse"
    found = reference(net, SCALED).states[net.output]
    np.testing.assert_allclose(found, fitted.predict(SCALED).reshape(len(DATA), outputs), atol=1e-10)


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression(classes: int) -> None:
    labels = np.array(["b", "a", "c"])[np.argmax(DATA[:, :classes], axis=1)]
    model = LogisticRegression().fit(DATA, labels)
    net = Network.from_sklearn(model)
    np.testing.assert_allclose(softmax(reference(net, DATA).states[net.output]), model.predict_proba(DATA), atol=1e-12)


def test_scaled_targets_are_folded_into_the_last_layer() -> None:
    inner = MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", max_iter=30, random_state=1)
    model = TransformedTargetRegressor(inner, transformer=StandardScaler())
    fitted = fit(model, 300 + 50 * DATA[:, 0])
    net = Network.from_sklearn(fitted)
    np.testing.assert_allclose(reference(net, DATA).states[net.output][:, 0], fitted.predict(DATA), rtol=1e-12)


def test_steps_that_are_not_affine_are_refused() -> None:
    model = make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(DATA, DATA[:, 0])
    words = (
        "pipeline step 'polynomialfeatures' is of type PolynomialFeatures; allowed: StandardScaler, MinMaxScaler, "
        "MaxAbsScaler, RobustScaler, PCA, 'passthrough' (a MinMaxScaler without clip)"
    )
    with pytest.raises(NetworkError) as told:
        Network.from_sklearn(model)
    assert str(told.value) == words
    with pytest.raises(NetworkError, match="GridSearchCV is not fitted; allowed: models after fit"):
        Network.from_sklearn(GridSearchCV(Ridge(), {}))
