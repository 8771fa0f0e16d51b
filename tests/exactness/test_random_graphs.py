"""Equilibrium invariance: wherever a run settles it is exact backpropagation, whatever delays, wiring and law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from emulator import Matched, Worldsheet, compile_network, reference, settle
from emulator.measure.bounds import error_bound
from tests.graphs import random_batch, random_network
from tests.substrate import delays

Q = 1e-12
LAWS = [
    Worldsheet(beta=0.5),
    Worldsheet(beta=0.8, gamma=0.1, impedance=0.5),
    Worldsheet(beta=0.6, gamma=0.2, impedance=0.3),
    Worldsheet(beta=1.0, gamma=0.05, impedance=2.0),
    Worldsheet(beta=1.3, gamma=0.0),
]
EXAMPLES = {"matched": 60, "worldsheet": 30}

PARTS = ("state", "costate", "gradient")

seeds = st.integers(0, 10**6)


def run(seed: int, wiring: str, law, hold_round_trips: float, samples: int):
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_depth=8, max_width=24)
    inputs, targets = random_batch(rng, network, samples)
    graph = compile_network(network, hardware=delays(1, 20), law=law, wiring=wiring, seed=seed)
    hold = hold_round_trips * (graph.longest_round_trip + 1) * graph.step
    result = settle(
        graph, inputs, targets, hold_seconds=hold, threshold=Q, tolerance=1e-10, target="numpy", diagnose=False
    )
    return graph, result, reference(network, inputs, targets)


def assert_exact(graph, result, exact) -> None:
    """Every state, costate and gradient within max(1e-9, bound) of the reference."""
    bound = error_bound(graph, exact, Q)
    for name in exact.states:
        within(result.states[name], exact.states[name], bound.states[name], f"state {name}")
        within(result.costates[name], exact.costates[name], bound.costates[name], f"costate {name}")
    for name, gradient in exact.gradients.items():
        within(result.gradients[name].weight, gradient.weight, bound.gradients[name].weight, f"weight of {name}")
        within(result.gradients[name].bias, gradient.bias, bound.gradients[name].bias, f"bias of {name}")


def within(found: np.ndarray, exact: np.ndarray, bound: np.ndarray, what: str) -> None:
    excess = np.abs(found - exact) - np.maximum(1e-9, bound)
    assert (excess <= 0).all(), f"{what}: off by {np.abs(found - exact).max():.2e}"


@pytest.mark.slow
@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@settings(max_examples=EXAMPLES["matched"], deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=seeds)
def test_the_matched_law_settles_to_backpropagation_on_any_graph(wiring, seed):
    graph, result, exact = run(seed, wiring, Matched(), 1, samples=2)
    assert result.settled.all()
    assert_exact(graph, result, exact)


@pytest.mark.slow
@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@settings(max_examples=EXAMPLES["worldsheet"], deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=seeds, law=st.sampled_from(LAWS))
def test_wherever_a_dissipative_law_settles_it_is_backpropagation(wiring, seed, law):
    graph, result, exact = run(seed, wiring, law, 8, samples=1)
    event("settled" if result.settled.all() else "not settled")
    if law.gamma == 0 and law.beta <= 1:  # a cascade of relaxations: it cannot fail to settle
        assert result.settled.all()
    if result.settled.all():
        assert_exact(graph, result, exact)
    else:
        assert np.isnan(result.outputs).all()


@pytest.mark.slow
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=seeds, q=st.sampled_from([1e-3, 1e-4, 1e-6]))
def test_with_a_send_on_change_threshold_the_error_obeys_the_bound(seed, q):
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_depth=5, max_width=12)
    inputs, targets = random_batch(rng, network, 2)
    graph = compile_network(network, hardware=delays(1, 6), seed=seed)
    result = settle(graph, inputs, targets, threshold=q, target="numpy")
    exact = reference(network, inputs, targets)
    bound = error_bound(graph, exact, q)
    assert result.settled.all()
    for name in exact.states:
        assert (np.abs(result.states[name] - exact.states[name]) <= bound.states[name] + 1e-12).all()
        assert (np.abs(result.costates[name] - exact.costates[name]) <= bound.costates[name] + 1e-12).all()
    for name, gradient in exact.gradients.items():
        for found, true, most in zip(result.gradients[name], gradient, bound.gradients[name], strict=True):
            assert (np.abs(found - true) <= most + 1e-12).all()


@pytest.mark.parametrize("law", [Matched(), pytest.param(LAWS[0], marks=pytest.mark.slow)], ids=lambda law: law.name)
def test_exponential_units_settle_to_backpropagation(law):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        network = random_network(rng, max_depth=6, max_width=10, activations=("elu", "elu", "tanh"))
        inputs, targets = random_batch(rng, network, 2)
        graph = compile_network(network, hardware=delays(1, 5), law=law, wiring="synapse", seed=seed)
        result = settle(graph, inputs, targets, tolerance=1e-10, target="numpy")
        assert result.settled.all() and "elu" in {getattr(one, "function", "") for one in network.layers.values()}
        assert max(result.errors(reference(network, inputs, targets))[name] for name in PARTS) < 1e-9


def test_delays_do_not_move_the_answer_but_do_move_the_transient():
    rng = np.random.default_rng(5)
    network = random_network(rng, max_depth=6, max_width=10)
    inputs, targets = random_batch(rng, network, 3)
    runs = [
        settle(compile_network(network, hardware=delays(*span), seed=seed), inputs, targets, target="numpy")
        for seed, span in ((0, (1, 1)), (1, (1, 9)), (2, (4, 20)))
    ]
    for other in runs[1:]:
        for name in runs[0].states:
            np.testing.assert_allclose(other.states[name], runs[0].states[name], atol=1e-12)
            np.testing.assert_allclose(other.costates[name], runs[0].costates[name], atol=1e-11)
    assert runs[0].settling_steps.max() < runs[1].settling_steps.min() < runs[2].settling_steps.max()
