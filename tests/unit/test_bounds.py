"""The error bound of send-on-change: by hand, and against the engine."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Add, Concat, Dense, Input, Network, Worldsheet, compile_network, reference, settle
from emulator.errors import EngineError
from emulator.measure.bounds import Bound, error_bound
from emulator.network import Activation
from tests.graphs import random_batch, random_network
from tests.refusals import refuses
from tests.substrate import delays


def nearby(rng: np.random.Generator, network: Network, q: float, samples: int = 6):
    """Samples that differ by about `q`: most changes stay unsent, so the errors come near their bound."""
    inputs, targets = random_batch(rng, network, 1)
    several = {name: rows + q * rng.uniform(-1, 1, (samples, rows.shape[1])) for name, rows in inputs.items()}
    if network.loss == "mse":
        return several, targets + q * rng.uniform(-1, 1, (samples, targets.shape[1]))
    return several, np.repeat(targets, samples, axis=0)


def shares(bound: Bound, result, exact) -> list[float]:
    """Largest error over its bound, of states, costates, weight and bias gradients; round-off set aside."""
    pairs: list[list] = [[], [], [], []]
    for name in exact.states:
        pairs[0].append((result.held_states[name], exact.states[name], bound.states[name]))
        pairs[1].append((result.held_costates[name], exact.costates[name], bound.costates[name]))
    for name, gradient in exact.gradients.items():
        pairs[2].append((result.held_gradients[name].weight, gradient.weight, bound.gradients[name].weight))
        pairs[3].append((result.held_gradients[name].bias, gradient.bias, bound.gradients[name].bias))
    return [
        max(float((np.maximum(np.abs(held - true) - 1e-12, 0) / (limit + 1e-15)).max()) for held, true, limit in group)
        for group in pairs
    ]


@pytest.mark.parametrize("seed", range(8))
def test_no_error_exceeds_it_and_some_come_near(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_width=8, max_layers=8)
    graph = compile_network(network, hardware=delays(1, 3), wiring=("tile", "synapse")[seed % 2], seed=seed)
    for q in (1e-3, 1e-6):
        inputs, targets = nearby(rng, network, q)
        exact = reference(network, inputs, targets)
        result = settle(graph, inputs, targets, threshold=q, target="numpy", diagnose=False)
        share = shares(error_bound(graph, exact, q), result, exact)
        assert max(share) <= 1.0
        assert min(share[:3]) >= 1e-4
        assert max(share[:3]) >= 1e-2


def test_it_holds_for_a_scattering_law_that_has_settled():
    rng = np.random.default_rng(5)
    network = random_network(rng, max_width=6, max_layers=4)
    graph = compile_network(network, hardware=delays(1, 2), law=Worldsheet(0.8, 0.1, 0.4), seed=5)
    inputs, targets = nearby(rng, network, 1e-4)
    exact = reference(network, inputs, targets)
    result = settle(graph, inputs, targets, threshold=1e-4, hold=150, target="numpy", diagnose=False)
    share = shares(error_bound(graph, exact, 1e-4), result, exact)
    assert 1e-4 <= min(share[:3]) <= max(share) <= 1.0


@pytest.mark.parametrize("seed", range(4))
def test_without_a_threshold_it_is_zero(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_width=6, max_layers=6)
    exact = reference(network, *random_batch(rng, network))
    bound = error_bound(compile_network(network), exact, 0.0)
    for arrays in (bound.states, bound.costates):
        assert list(arrays) == list(exact.states)
        assert all(not array.any() for array in arrays.values())
    assert all(not part.any() for gradient in bound.gradients.values() for part in gradient)


def test_without_a_threshold_a_kink_is_certain():
    network = Network.mlp([[[1.0]], [[2.0]]], activations="relu")
    bound = error_bound(compile_network(network), reference(network, [[0.0]], [[1.0]]), 0.0)
    assert all(not array.any() for array in bound.costates.values())


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
def test_two_layers_by_hand(loss):
    first, second = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[1.0, -3.0], [0.5, 0.0]])
    network = Network.mlp([first, second], [[0.1, -0.2], [0.0, 0.3]], ["tanh", "identity"], loss)
    inputs, targets = np.array([[0.3, -0.4], [1.0, 0.2]]), np.array([[0.75, 0.25], [0.0, 1.0]])
    exact = reference(network, inputs, targets)
    q, l2 = 0.01, 4 / (3 * np.sqrt(3))
    bound = error_bound(compile_network(network), exact, q)
    es1 = np.array([1.5, 2.25]) * q  # |W1| (0 + q)
    es2 = np.array([1 * (es1[0] + q) + 3 * (es1[1] + q), 0.5 * (es1[0] + q)])
    norm = np.sqrt(es2[0] ** 2 + es2[1] ** 2) / 2
    el2 = es2 if loss == "mse" else np.array([norm, norm])
    el1 = np.array([1 * (el2[0] + q) + 0.5 * (el2[1] + q), 3 * (el2[0] + q)])
    em1 = el1 + l2 * es1 * np.abs(exact.costates["x1"])
    el0 = np.stack([0.5 * (em1[:, 0] + q) + 2 * (em1[:, 1] + q), 1 * (em1[:, 0] + q) + 0.25 * (em1[:, 1] + q)], 1)
    for name, expected in (("x0", [0, 0]), ("s1", es1), ("x1", es1), ("s2", es2), ("x2", es2)):
        np.testing.assert_allclose(bound.states[name], np.broadcast_to(expected, (2, 2)), rtol=1e-12)
    for name, expected in (("x2", el2), ("s2", el2), ("x1", el1), ("s1", em1), ("x0", el0)):
        np.testing.assert_allclose(bound.costates[name], np.broadcast_to(expected, (2, 2)), rtol=1e-12)
    x1, mu2 = np.abs(exact.states["x1"]), np.abs(exact.costates["s2"])
    weight = [np.outer(el2 + q, x1[b] + es1 + q) + np.outer(mu2[b], es1 + q) for b in range(2)]
    np.testing.assert_allclose(bound.gradients["s2"].weight, np.mean(weight, axis=0), rtol=1e-12)
    np.testing.assert_allclose(bound.gradients["s2"].bias, el2, rtol=1e-12)
    np.testing.assert_allclose(bound.gradients["s1"].bias, em1.mean(axis=0), rtol=1e-12)


def test_a_gradient_is_off_by_what_its_crossbar_did_not_receive_on_either_side():
    network = Network.mlp([[[0.01]]])
    q = 1e-3
    inputs, targets = np.array([[1.0], [1.0]]), np.array([[0.01], [0.01 - 0.9 * q]])
    result = settle(compile_network(network), inputs, targets, threshold=q, target="numpy")
    exact = reference(network, inputs, targets)
    error = abs(result.held_gradients["s1"].weight - exact.gradients["s1"].weight)[0, 0]
    limit = error_bound(compile_network(network), exact, q).gradients["s1"].weight[0, 0]
    assert error == pytest.approx(0.45 * q)
    assert error <= limit <= 1.5 * q


def test_wires_add_their_own_hop_and_concatenations_none():
    network = Network(
        [
            Input("x", 2),
            Activation("a", "x", "sigmoid"),
            Add("sum", ("a", "x")),
            Concat("c", ("sum", "a", "sum")),
            Dense("y", "c", np.full((1, 6), -2.0), np.zeros(1)),
        ]
    )
    exact = reference(network, [[0.5, -0.5]], [[0.0]])
    q = 1e-3
    bound = error_bound(compile_network(network), exact, q)
    np.testing.assert_allclose(bound.states["a"], 0.25 * q * np.ones((1, 2)))
    np.testing.assert_allclose(bound.states["sum"], 2.25 * q * np.ones((1, 2)))
    np.testing.assert_allclose(bound.states["c"], q * np.array([[2.25, 2.25, 0.25, 0.25, 2.25, 2.25]]))
    ey = 2 * (4 * 3.25 + 2 * 1.25) * q
    np.testing.assert_allclose(bound.states["y"], [[ey]])
    np.testing.assert_allclose(bound.costates["c"], np.full((1, 6), 2 * (ey + q)))
    np.testing.assert_allclose(bound.costates["sum"], np.full((1, 2), 4 * (ey + q)))
    np.testing.assert_allclose(bound.costates["a"], np.full((1, 2), 4 * (ey + q) + q + 2 * (ey + q)))


def test_a_nested_concatenation_collects_what_each_place_sends_back():
    network = Network(
        [
            Input("x", 1),
            Dense("h", "x", [[2.0]], [0.0]),
            Concat("c", ("h", "x")),
            Concat("d", ("c", "x", "c")),
            Dense("y", "d", [[1.0, 2.0, 4.0, 8.0, 16.0]], [0.0]),
        ]
    )
    q = 1e-3
    bound = error_bound(compile_network(network), reference(network, [[0.5]], [[0.0]]), q)
    received = bound.costates["y"][0, 0] + q
    np.testing.assert_allclose(bound.costates["d"], received * np.array([[1.0, 2.0, 4.0, 8.0, 16.0]]))
    np.testing.assert_allclose(bound.costates["c"], received * np.array([[1.0 + 8.0, 2.0 + 16.0]]))
    np.testing.assert_allclose(bound.costates["h"], [[9.0 * received]])


def test_wires_that_read_a_concatenation_send_back_once_per_use():
    network = Network(
        [
            Input("x", 1),
            Dense("h", "x", [[2.0]], [0.0]),
            Concat("c", ("h", "x")),
            Add("sum", ("c", "c")),
            Activation("f", "c", "sigmoid"),
            Add("y", ("sum", "f")),
        ]
    )
    q = 1e-3
    exact = reference(network, [[0.5]], [[0.0, 0.0]])
    costates = error_bound(compile_network(network), exact, q).costates
    curvature = np.abs(exact.costates["f"]) / (6 * np.sqrt(3))
    received = error_bound(compile_network(network), exact, q).states["c"] + q
    em = 0.25 * costates["f"] + curvature * received
    np.testing.assert_allclose(costates["c"], 2 * (costates["sum"] + q) + (em + q))
    np.testing.assert_allclose(costates["h"], costates["c"][:, :1])


@pytest.mark.parametrize(("function", "slope"), [("relu", 0.0), ("leaky_relu", 0.3)])
def test_there_is_no_bound_below_an_uncertain_kink(function, slope):
    network = Network(
        [
            Input("x", 2),
            Dense("h", "x", np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2)),
            Activation("r", "h", function, slope),
            Dense("y", "r", np.array([[1.0, 1.0]]), np.zeros(1)),
        ]
    )
    exact = reference(network, [[5e-4, -1.0], [1.5e-3, -1.0]], [[1.0], [1.0]])
    bound = error_bound(compile_network(network), exact, 1e-3)
    np.testing.assert_array_equal(np.isinf(bound.costates["h"]), [[True, False], [False, False]])
    np.testing.assert_array_equal(np.isinf(bound.costates["x"]), [[True, False], [False, False]])
    np.testing.assert_array_equal(np.isinf(bound.gradients["h"].weight), [[True, True], [False, False]])
    np.testing.assert_array_equal(np.isinf(bound.gradients["h"].bias), [True, False])
    assert np.isfinite(bound.gradients["y"].weight).all()
    assert all(np.isfinite(array).all() for array in bound.states.values())


def test_a_leaky_slope_above_one_stretches_errors():
    network = Network.mlp([[[1.0]]], activations=["identity"])
    steep = Network([Input("x", 1), Dense("h", "x", [[1.0]], [2.0]), Activation("y", "h", "leaky_relu", slope=-3.0)])
    q = 1e-4
    plain = error_bound(compile_network(network), reference(network, [[1.0]], [[0.0]]), q)
    stretched = error_bound(compile_network(steep), reference(steep, [[1.0]], [[0.0]]), q)
    np.testing.assert_allclose(stretched.states["y"], 3 * plain.states["x1"])


def test_without_targets_only_states():
    network = Network.mlp([[[2.0]]])
    bound = error_bound(compile_network(network), reference(network, [3.0]), 0.5)
    np.testing.assert_array_equal(bound.states["x1"], [[1.0]])
    assert bound.costates == {}
    assert bound.gradients == {}


@pytest.mark.parametrize("q", [-1e-9, np.inf, np.nan])
def test_thresholds_are_finite_and_not_negative(q):
    network = Network.mlp([[[2.0]]])
    graph, exact = compile_network(network), reference(network, [3.0])
    words = f"error bound: q is {q!r}; allowed: a finite number, at least 0"
    refuses(words, lambda: error_bound(graph, exact, q), EngineError)
