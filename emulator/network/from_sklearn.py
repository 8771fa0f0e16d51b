"""Reading the parameters of a fitted scikit-learn perceptron."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emulator.errors import NetworkError
from emulator.network.arrays import FloatArray

_FUNCTIONS = {"identity": "identity", "tanh": "tanh", "relu": "relu", "logistic": "sigmoid"}


class MlpArguments(NamedTuple):
    """The arguments of `Network.mlp`: weights ``(n_out, n_in)``, biases, activations and loss."""

    weights: list[FloatArray]
    biases: list[FloatArray]
    activations: list[str]
    loss: str


def mlp_arguments(model: object) -> MlpArguments:
    """Read weights, biases, activations and loss from a fitted ``MLPClassifier`` or ``MLPRegressor``.

    scikit-learn keeps its weights as ``(n_in, n_out)``; they are transposed here. The single logit ``z`` of
    a binary classifier becomes the logits ``[0, z]``.

    Raises
    ------
    NetworkError
        If scikit-learn is missing, or the model is of another kind, unfitted, multilabel, or has another
        loss.
    """
    try:
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    except ImportError as error:
        raise NetworkError("reading a scikit-learn model needs the package scikit-learn, which is missing") from error
    kind = type(model).__name__
    if not isinstance(model, (MLPClassifier, MLPRegressor)):
        raise NetworkError(f"model is of type {kind}; allowed: MLPClassifier, MLPRegressor")
    if not hasattr(model, "coefs_"):
        raise NetworkError(f"{kind} is not fitted; allowed: models after fit")
    if model.activation not in _FUNCTIONS:
        raise NetworkError(f"{kind} has activation {model.activation!r}; allowed: {', '.join(_FUNCTIONS)}")
    weights = [np.array(coefficients.T, dtype=np.float64) for coefficients in model.coefs_]
    biases = [np.array(intercepts, dtype=np.float64) for intercepts in model.intercepts_]
    activations = [_FUNCTIONS[model.activation]] * (len(weights) - 1) + ["identity"]
    match isinstance(model, MLPClassifier), model.out_activation_, model.n_outputs_:
        case False, "identity", _:
            loss = "mse"
        case True, "softmax", _:
            loss = "softmax_cross_entropy"
        case True, "logistic", 1:
            loss = "softmax_cross_entropy"
            weights[-1] = np.vstack([np.zeros_like(weights[-1]), weights[-1]])
            biases[-1] = np.concatenate([np.zeros(1), biases[-1]])
        case _:
            raise NetworkError(
                f"{kind} has {model.n_outputs_} outputs of kind {model.out_activation_!r}; "
                "allowed: regressors with squared error, and classifiers with one label per sample"
            )
    return MlpArguments(weights, biases, activations, loss)
