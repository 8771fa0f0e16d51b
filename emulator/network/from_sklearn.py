"""Reading the parameters of fitted scikit-learn models: perceptrons, linear models, and pipelines that scale before them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from emulator.errors import NetworkError
from emulator.network.arrays import FloatArray

#: activations by their names there
FUNCTIONS = {"identity": "identity", "tanh": "tanh", "relu": "relu", "logistic": "sigmoid"}
_LINEAR = ("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV")
_LOGISTIC = ("LogisticRegression", "LogisticRegressionCV")
_SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
_ALLOWED = (
    "MLPClassifier, MLPRegressor, LogisticRegression, LinearRegression, Ridge, Lasso, ElasticNet, a Pipeline of scalers with "
    "one of them at its end, or a search over them"
)
_SCALERS = "StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, PCA, 'passthrough'"


class MlpArguments(NamedTuple):
    """The arguments of `Network.mlp`: weights ``(n_out, n_in)``, biases, activations and loss."""

    weights: list[FloatArray]
    biases: list[FloatArray]
    activations: list[str]
    loss: str


def mlp_arguments(model: object) -> MlpArguments:
    """Read weights, biases, activations and loss from a fitted model.

    scikit-learn keeps the weights of perceptrons as ``(n_in, n_out)``; they are transposed here. The single logit ``z``
    of a binary classifier becomes the logits ``[0, z]``. Scalers of a pipeline are folded into the first layer, those of
    the targets into the last.

    Raises
    ------
    NetworkError
        If the model is of another kind, unfitted, multilabel, or has another loss.
    """
    given: Any = model
    kinds = [base.__name__ for base in type(model).__mro__ if base.__module__.startswith("sklearn.")]
    kind = kinds[0] if kinds else type(model).__name__
    if kind in _SEARCHES:
        return mlp_arguments(_fitted(given, "best_estimator_"))
    if kind == "Pipeline":
        return _pipeline(given)
    if kind == "TransformedTargetRegressor":
        return _with_scaled_targets(given)
    if kind in ("MLPClassifier", "MLPRegressor"):
        return _perceptron(given, kind)
    if kind in _LINEAR:
        weight = np.atleast_2d(np.array(_fitted(given, "coef_"), float))
        bias = np.broadcast_to(np.asarray(given.intercept_, float), len(weight)).copy()
        return MlpArguments([weight], [bias], ["identity"], "mse")
    if kind in _LOGISTIC:
        return _logistic(given, kind)
    raise NetworkError(f"model is of type {kind}; allowed: {_ALLOWED}")


def names_of(model: object) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Names of a fitted model's features and classes; None where it has none, or classes that are 0, 1, ... themselves."""
    given: Any = model
    features = getattr(given, "feature_names_in_", None)
    classes = getattr(given, "classes_", None)
    known = None if classes is None else tuple(str(one) for one in classes)
    return (
        None if features is None else tuple(str(one) for one in features),
        None if known is None or known == tuple(map(str, range(len(known)))) else known,
    )


def _fitted(model: Any, attribute: str) -> Any:
    if not hasattr(model, attribute):
        raise NetworkError(f"{type(model).__name__} is not fitted; allowed: models after fit")
    return getattr(model, attribute)


def _perceptron(model: Any, kind: str) -> MlpArguments:
    coefs = _fitted(model, "coefs_")
    if model.activation not in FUNCTIONS:
        raise NetworkError(f"{kind} has activation {model.activation!r}; allowed: {', '.join(FUNCTIONS)}")
    weights = [np.array(coefficients.T, dtype=np.float64) for coefficients in coefs]
    biases = [np.array(intercepts, dtype=np.float64) for intercepts in model.intercepts_]
    activations = [FUNCTIONS[model.activation]] * (len(weights) - 1) + ["identity"]
    match kind == "MLPClassifier", model.out_activation_, model.n_outputs_:
        case False, "identity", _:
            return MlpArguments(weights, biases, activations, "mse")
        case True, "softmax", _:
            return MlpArguments(weights, biases, activations, "softmax_cross_entropy")
        case True, "logistic", 1:
            weights[-1], biases[-1] = _two_logits(weights[-1], biases[-1])
            return MlpArguments(weights, biases, activations, "softmax_cross_entropy")
        case _:
            raise NetworkError(
                f"{kind} has {model.n_outputs_} outputs of kind {model.out_activation_!r}; "
                "allowed: regressors with squared error, and classifiers with one label per sample"
            )


def _logistic(model: Any, kind: str) -> MlpArguments:
    weight, bias = np.array(_fitted(model, "coef_"), float), np.array(model.intercept_, float)
    if len(weight) == 1:
        weight, bias = _two_logits(weight, bias)
    elif getattr(model, "multi_class", "auto") == "ovr" or getattr(model, "solver", "") == "liblinear":
        raise NetworkError(
            f"{kind} has one classifier for each class; allowed: multinomial ones, whose loss is cross-entropy"
        )
    return MlpArguments([weight], [np.broadcast_to(bias, len(weight)).copy()], ["identity"], "softmax_cross_entropy")


def _two_logits(weight: FloatArray, bias: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.vstack([np.zeros_like(weight), weight]), np.concatenate([np.zeros(1), bias])


def _pipeline(model: Any) -> MlpArguments:
    *before, (_, last) = model.steps
    found = mlp_arguments(last)
    for name, step in reversed(before):
        if step in (None, "passthrough"):
            continue
        matrix, shift = _affine(f"pipeline step {name!r}", step)
        weight = found.weights[0]
        found.biases[0] = found.biases[0] + weight @ shift
        found.weights[0] = weight * matrix if matrix.ndim == 1 else weight @ matrix
    return found


def _with_scaled_targets(model: Any) -> MlpArguments:
    found = mlp_arguments(_fitted(model, "regressor_"))
    scale, shift = _affine("the transformer of the targets", model.transformer_)
    if scale.ndim != 1 or found.activations[-1] != "identity":
        raise NetworkError(f"the transformer of the targets mixes them; allowed: {_SCALERS}, without PCA")
    found.weights[-1] = found.weights[-1] / scale[:, np.newaxis]
    found.biases[-1] = (found.biases[-1] - shift) / scale
    return found


def _affine(place: str, step: Any) -> tuple[FloatArray, FloatArray]:
    """``matrix @ x + shift`` of a transformer; a vector stands for a diagonal matrix."""
    kind = type(step).__name__
    if kind == "StandardScaler":
        scale = _fitted(step, "scale_")
        width = step.n_features_in_
        factor = np.ones(width) if scale is None else 1.0 / np.asarray(scale, float)
        centre = np.zeros(width) if step.mean_ is None or not step.with_mean else np.asarray(step.mean_, float)
        return factor, -centre * factor
    if kind == "RobustScaler":
        width = _fitted(step, "n_features_in_")
        factor = np.ones(width) if step.scale_ is None else 1.0 / np.asarray(step.scale_, float)
        return factor, -(np.zeros(width) if step.center_ is None else np.asarray(step.center_, float)) * factor
    if kind == "MinMaxScaler" and not step.clip:
        return np.asarray(_fitted(step, "scale_"), float), np.asarray(step.min_, float)
    if kind == "MaxAbsScaler":
        return 1.0 / np.asarray(_fitted(step, "scale_"), float), np.zeros(step.n_features_in_)
    if kind == "PCA":
        matrix = np.array(_fitted(step, "components_"), float)
        if step.whiten:
            matrix = matrix / np.sqrt(step.explained_variance_)[:, np.newaxis]
        return matrix, -matrix @ np.asarray(step.mean_, float)
    raise NetworkError(f"{place} is of type {kind}; allowed: {_SCALERS} (a MinMaxScaler without clip)")
