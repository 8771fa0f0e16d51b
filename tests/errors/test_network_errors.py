"""Every error of layers, networks, the builder and scikit-learn conversion, with its words."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import emulator.errors as errors
from emulator.errors import BackwaveError, NetworkError, suggest
from emulator.network import (
    Activation,
    Add,
    Concat,
    Dense,
    Input,
    Network,
    NetworkBuilder,
    activation_function,
    loss_function,
)
from tests.refusals import refuses

W = np.arange(6, dtype=np.float64).reshape(2, 3)
B = np.zeros(2)
X = Input("x", 3)
H = Dense("h", "x", W, B)


def test_all_errors_share_one_base() -> None:
    for name in ("Network", "Compile", "Engine", "Scenario", "Export", "FileFormat"):
        assert issubclass(getattr(errors, f"{name}Error"), BackwaveError)


def test_suggest_puts_the_nearest_name_first() -> None:
    assert suggest("h3x", ["x", "h31", "y"]) == "'h3x' (did you mean 'h31'?); allowed: h31, x, y"
    assert suggest("zzz", ["x", "y"]) == "'zzz'; allowed: x, y"
    assert suggest(7, []) == "7; allowed: none"
    assert suggest("zzz", [f"a{i}" for i in range(25)]).endswith("a19 and 5 more")


# ---- layers


@pytest.mark.parametrize("name", ["", 3, None])
def test_layer_name(name: Any) -> None:
    refuses(f"Input layer has name {name!r}; allowed: a non-empty string", lambda: Input(name, 3))


@pytest.mark.parametrize("size", [0, -2, 2.0, True, "3"])
def test_input_size(size: Any) -> None:
    refuses(f"layer 'x': size is {size!r}; allowed: whole numbers from 1", lambda: Input("x", size))


def test_source_is_a_name() -> None:
    refuses("layer 'a': source is 3; allowed: the name of a layer", lambda: Activation("a", 3, "tanh"))  # type: ignore[arg-type]
    refuses("layer 'a': source is None; allowed", lambda: Add("a", ("x", None)))  # type: ignore[arg-type]


@pytest.mark.parametrize("sources", ["xy", ("x",), 3])
def test_sources_are_several_names(sources: Any) -> None:
    refuses(
        f"layer 'c': sources are {sources!r}; allowed: a sequence of at least two",
        lambda: Concat("c", sources),
    )


@pytest.mark.parametrize("weight", [["a", "b"], [[1.0, 2.0], [3.0]], [[1j]], None])
def test_weight_is_numeric(weight: Any) -> None:
    refuses("layer 'h': weight must be an array of real numbers: ", lambda: Dense("h", "x", weight, B))


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 0), (1, 2, 3)])
def test_weight_axes(shape: tuple[int, ...]) -> None:
    words = f"layer 'h': weight has shape {shape}; allowed: 2 non-empty axes"
    refuses(words, lambda: Dense("h", "x", np.zeros(shape), B))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_parameters_are_finite(value: float) -> None:
    weight, bias = W.copy(), B.copy()
    weight[1, 2] = bias[1] = value
    refuses(f"layer 'h': weight[1, 2] is {value}; allowed: finite", lambda: Dense("h", "x", weight, B))
    refuses(f"layer 'h': bias[1] is {value}; allowed: finite", lambda: Dense("h", "x", W, bias))


def test_bias_shape() -> None:
    words = "layer 'h': bias has shape (3,); allowed: (2,), one entry per row"
    refuses(words, lambda: Dense("h", "x", W, np.zeros(3)))


@pytest.mark.parametrize("slope", [np.nan, np.inf, "0.1", None])
def test_slope(slope: Any) -> None:
    words = f"layer 'a': slope is {slope!r}; allowed: finite numbers"
    refuses(words, lambda: Activation("a", "x", "leaky_relu", slope))


@pytest.mark.parametrize("function", ["tanhh", ["tanh"], None])
def test_activation_name(function: Any) -> None:
    words = f"no activation function {function!r}"
    refuses(words, lambda: activation_function(function))
    refuses(f"layer 'a': {words}", lambda: Activation("a", "x", function))


def test_activation_name_suggestion() -> None:
    words = "no activation function 'tanhh' (did you mean 'tanh'?); allowed: tanh, identity, relu"
    refuses(words, lambda: activation_function("tanhh"))


# ---- networks


def test_only_layers() -> None:
    words = "a network got 'x' as a layer; allowed: Input, Dense, Activation, Add, Concat"
    refuses(words, lambda: Network(["x"]))  # type: ignore[list-item]


def test_repeated_name() -> None:
    refuses("layer 'x' is given twice; allowed: unique names", lambda: Network([X, H, X]))


def test_unknown_source() -> None:
    words = "layer 'h': no source 'inn' (did you mean 'in'?); allowed: in, h"
    refuses(words, lambda: Network([Input("in", 3), Dense("h", "inn", W, B)]))


def test_no_input() -> None:
    refuses("a network of 0 layers has no Input; allowed: at least one", lambda: Network([]))


def test_loop_is_listed_whole() -> None:
    layers = [X, Add("a", ("x", "c")), Activation("b", "a", "tanh"), Activation("c", "b", "relu")]
    with pytest.raises(NetworkError, match=r"^layers form the loop .*; allowed: acyclic networks$") as caught:
        Network(layers)
    loop = str(caught.value).removeprefix("layers form the loop ").split(";")[0].split(" -> ")
    assert loop[0] == loop[-1]
    assert "".join(loop[:-1]) * 2 in ("abcabc", "bcabca", "cabcab")


def test_layer_feeding_itself() -> None:
    refuses("layers form the loop a -> a; allowed", lambda: Network([X, Add("a", ("x", "a"))]))


def test_weight_does_not_match_source() -> None:
    words = "layer 'h': weight has shape (2, 3) but source 'x' has size 4; allowed: (2, 4)"
    refuses(words, lambda: Network([Input("x", 4), H]))


def test_add_sizes() -> None:
    words = "layer 'a': sources have sizes 'x' (3), 'h' (2); allowed: equal sizes"
    refuses(words, lambda: Network([X, H, Add("a", ("x", "h"))]))


def test_several_sinks() -> None:
    words = "layers 'h', 'g' feed no other layer; allowed: exactly one, the output"
    refuses(words, lambda: Network([X, H, Activation("g", "x", "tanh")]))


def test_unknown_output() -> None:
    words = "no output layer 'hh' (did you mean 'h'?); allowed: h, x"
    refuses(words, lambda: Network([X, H], output="hh"))


def test_output_is_an_input() -> None:
    refuses("output 'x' is an Input; allowed: a layer that computes something", lambda: Network([X]))


def test_layer_does_not_reach_output() -> None:
    words = "layer 'g' does not reach output 'h'; every layer must"
    refuses(words, lambda: Network([X, H, Activation("g", "h", "tanh")], output="h"))


def test_loss_name() -> None:
    words = "no loss 'mes' (did you mean 'mse'?); allowed: mse, softmax_cross_entropy"
    refuses(words, lambda: Network([X, H], loss="mes"))
    refuses("no loss ['mse']", lambda: loss_function(["mse"]))  # type: ignore[arg-type]


@pytest.mark.parametrize("ask", [Network.__getitem__, Network.size, Network.sources, Network.consumers])
def test_unknown_layer(ask: Callable[[Network, str], object]) -> None:
    words = "no layer 'hidden' (did you mean 'hidden1'?); allowed: hidden1, x"
    refuses(words, lambda: ask(Network([X, Dense("hidden1", "x", W, B)]), "hidden"))


def test_with_parameters_of_no_dense_layer() -> None:
    refuses("no dense layer 'x1'", lambda: Network.mlp([W]).with_parameters({"x1": (W, B)}))


def test_with_parameters_of_another_shape() -> None:
    words = "layer 's1': weight has shape (3, 2); allowed: (2, 3)"
    refuses(words, lambda: Network.mlp([W]).with_parameters({"s1": (W.T, np.zeros(3))}))


def test_mlp_counts() -> None:
    refuses("an mlp got no weights; allowed: at least one", lambda: Network.mlp([]))
    refuses("an mlp got 2 biases; allowed: 1, one per weight", lambda: Network.mlp([W], [B, B]))
    words = "an mlp got 2 activations; allowed: one name, or 1, one per weight"
    refuses(words, lambda: Network.mlp([W], activations=["tanh", "tanh"]))


# ---- builder


def test_builder_refuses_at_once() -> None:
    b = NetworkBuilder()
    b.input("x1", 3)
    refuses("layer 'x1' is given twice; allowed: unique names", lambda: b.input("x1", 3))
    refuses("layer 'dense1': no source 'x' (did you mean 'x1'?); allowed: x1", lambda: b.dense("x", W))


# ---- scikit-learn


def test_sklearn_other_kind() -> None:
    words = "model is of type dict; allowed: MLPClassifier, MLPRegressor"
    refuses(words, lambda: Network.from_sklearn({}))


def test_sklearn_unfitted() -> None:
    words = "MLPClassifier is not fitted; allowed: models after fit"
    refuses(words, lambda: Network.from_sklearn(MLPClassifier()))


def fitted(model: Any, targets: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(np.random.default_rng(0).normal(size=(6, 2)), targets)


def test_sklearn_activation() -> None:
    model = fitted(MLPRegressor(max_iter=1), np.arange(6.0))
    model.activation = "swish"
    words = "MLPRegressor has activation 'swish'; allowed: identity, tanh, relu, logistic"
    refuses(words, lambda: Network.from_sklearn(model))


def test_sklearn_multilabel() -> None:
    model = fitted(MLPClassifier(max_iter=1), np.eye(3, dtype=int)[[0, 1, 2, 0, 1, 2]])
    refuses("MLPClassifier has 3 outputs of kind 'logistic'; allowed: ", lambda: Network.from_sklearn(model))


def test_sklearn_other_loss() -> None:
    model = fitted(MLPRegressor(max_iter=1), np.arange(6.0))
    model.out_activation_ = "exp"
    refuses("MLPRegressor has 1 outputs of kind 'exp'; allowed: ", lambda: Network.from_sklearn(model))
