"""The exact reference against finite differences and hand calculation."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emulator.measure import Reference, reference
from emulator.network import (
    ACTIVATIONS,
    LOSSES,
    Activation,
    Add,
    Concat,
    Dense,
    Input,
    Network,
    check_batch,
)
from tests.graphs import networks, random_batch

STEP = 1e-6


def difference(network: Network, inputs: dict[str, np.ndarray], targets: np.ndarray, name: str) -> np.ndarray:
    """Central difference of the mean loss in a dense layer's parameters: weight and bias side by side."""
    weight, bias = network.parameters[name]
    theta = np.column_stack([weight, bias])
    result = np.empty_like(theta)
    for index in np.ndindex(theta.shape):
        mean = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[index] += sign * STEP
            other = network.with_parameters({name: (moved[:, :-1], moved[:, -1])})
            loss = reference(other, inputs, targets).loss
            assert loss is not None
            mean.append(loss.mean())
        result[index] = (mean[0] - mean[1]) / (2.0 * STEP)
    return result


def kink_distance(network: Network, result: Reference) -> float:
    kinked = [
        np.abs(result.states[layer.source]).min()
        for layer in network.layers.values()
        if isinstance(layer, Activation) and not ACTIVATIONS[layer.function].smooth
    ]
    return min(kinked, default=np.inf)


@settings(max_examples=25, deadline=None)
@given(networks(max_width=5, max_layers=7), st.integers(0, 2**32 - 1))
def test_gradients_against_central_differences(network: Network, seed: int) -> None:
    inputs, targets = random_batch(np.random.default_rng(seed), network)
    exact = reference(network, inputs, targets)
    assume(kink_distance(network, exact) > 1e-4)
    for name, gradient in exact.gradients.items():
        found = np.column_stack([gradient.weight, gradient.bias])
        np.testing.assert_allclose(found, difference(network, inputs, targets, name), atol=2e-8, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(networks(max_width=5, max_layers=7), st.integers(0, 2**32 - 1))
def test_input_costates_are_per_sample(network: Network, seed: int) -> None:
    inputs, targets = random_batch(np.random.default_rng(seed), network, samples=2)
    exact = reference(network, inputs, targets)
    assume(kink_distance(network, exact) > 1e-4)
    for name, data in inputs.items():
        for column in range(data.shape[1]):
            losses = []
            for sign in (1.0, -1.0):
                moved = data.copy()
                moved[:, column] += sign * STEP
                losses.append(reference(network, inputs | {name: moved}, targets).loss)
            slope = (losses[0] - losses[1]) / (2.0 * STEP)  # type: ignore[operator]
            np.testing.assert_allclose(exact.costates[name][:, column], slope, atol=2e-8, rtol=1e-6)


@pytest.mark.parametrize("function", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_activation_and_loss(function: str, loss: str) -> None:
    rng = np.random.default_rng(7)
    weights = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))]
    network = Network.mlp(weights, [rng.normal(size=4), rng.normal(size=2)], [function, "tanh"], loss)
    inputs, targets = random_batch(rng, network, samples=5)
    exact = reference(network, inputs, targets)
    for name in ("s1", "s2"):
        found = np.column_stack([exact.gradients[name].weight, exact.gradients[name].bias])
        np.testing.assert_allclose(found, difference(network, inputs, targets, name), atol=1e-8, rtol=1e-6)


def test_fan_out_adds_costates_and_concat_splits_them() -> None:
    network = Network(
        [
            Input("x", 1),
            Input("u", 2),
            Dense("h", "x", np.array([[2.0], [3.0]]), np.array([0.5, 0.0])),
            Add("a", ("h", "u", "h")),
            Concat("y", ("u", "a", "x")),
        ]
    )
    exact = reference(network, {"x": [[1.0]], "u": [[10.0, 20.0]]}, [[9.0, 18.0, 12.0, 22.0, -4.0]])
    np.testing.assert_array_equal(exact.states["a"], [[15.0, 26.0]])
    np.testing.assert_array_equal(exact.states["y"], [[10.0, 20.0, 15.0, 26.0, 1.0]])
    np.testing.assert_array_equal(exact.costates["y"], [[1.0, 2.0, 3.0, 4.0, 5.0]])
    np.testing.assert_array_equal(exact.costates["a"], [[3.0, 4.0]])
    np.testing.assert_array_equal(exact.costates["h"], [[6.0, 8.0]])
    np.testing.assert_array_equal(exact.costates["u"], [[4.0, 6.0]])
    np.testing.assert_array_equal(exact.costates["x"], [[5.0 + 2.0 * 6.0 + 3.0 * 8.0]])
    np.testing.assert_array_equal(exact.gradients["h"].weight, [[6.0], [8.0]])
    np.testing.assert_array_equal(exact.gradients["h"].bias, [6.0, 8.0])
    np.testing.assert_array_equal(exact.loss, [27.5])


def test_gradients_average_over_the_batch_and_costates_do_not() -> None:
    network = Network.mlp([[[2.0]]])
    exact = reference(network, [[1.0], [3.0]], [[0.0], [1.0]])
    np.testing.assert_array_equal(exact.costates["s1"], [[2.0], [5.0]])
    np.testing.assert_array_equal(exact.gradients["s1"].weight, [[8.5]])
    np.testing.assert_array_equal(exact.gradients["s1"].bias, [3.5])
    np.testing.assert_array_equal(exact.loss, [2.0, 12.5])


def test_without_targets_only_states() -> None:
    exact = reference(Network.mlp([[[2.0]]]), [3.0])
    np.testing.assert_array_equal(exact.states["x1"], [[6.0]])
    assert exact.loss is None
    assert not exact.costates
    assert not exact.gradients


def test_arrays_are_read_only_and_apart_from_the_data() -> None:
    data = np.array([[3.0]])
    exact = reference(Network.mlp([[[2.0]]]), data, [[1.0]])
    assert not any(array.flags.writeable for array in (*exact.states.values(), *exact.costates.values()))
    data[0, 0] = 99.0
    assert exact.states["x0"][0, 0] == 3.0


def test_cross_entropy_is_stable_far_out() -> None:
    network = Network.mlp([np.eye(2)], loss="softmax_cross_entropy")
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        exact = reference(network, [[1e4, -1e4]], [1])
    np.testing.assert_allclose(exact.loss, [2e4])  # type: ignore[arg-type]
    np.testing.assert_allclose(exact.costates["x1"], [[1.0, -1.0]])


@pytest.mark.parametrize("labels", [[2, 0], np.array([2, 0], dtype=np.uint8)])
def test_labels_become_one_hot(labels: object) -> None:
    network = Network.mlp([np.ones((3, 2))], loss="softmax_cross_entropy")
    _, targets = check_batch(network, np.zeros((2, 2)), labels)  # type: ignore[arg-type]
    np.testing.assert_array_equal(targets, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def test_one_sample_takes_a_scalar_label_or_a_one_hot_vector() -> None:
    network = Network.mlp([np.ones((3, 2))], loss="softmax_cross_entropy")
    for targets in (1, [1], [0, 1, 0], [[0, 1, 0]]):
        _, rows = check_batch(network, [0.0, 0.0], targets)
        np.testing.assert_array_equal(rows, [[0.0, 1.0, 0.0]])


def test_whole_numbers_stay_numbers_for_squared_error() -> None:
    _, targets = check_batch(Network.mlp([np.ones((2, 1))]), [5], [7, 9])
    np.testing.assert_array_equal(targets, [[7.0, 9.0]])
