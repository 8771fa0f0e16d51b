"""What settles on a 64-32-10 network and what does not, and that every method agrees on it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import ArpackNoConvergence

import emulator.measure.stability as stability
from emulator import Network, NodeLaw, Worldsheet, compile_network, reference
from emulator.errors import EngineError
from emulator.families.node.linear_step import NodeStep
from emulator.measure.stability import Prediction, predict, radius_of
from hwmodels.seeds import rng
from tests.refusals import refuses
from tests.substrate import delays


def generator(*names: str) -> np.random.Generator:
    return rng(0, "test_stability_figures", *names)


def digits(seed: int, loss: str = "mse") -> Network:
    draws = generator("digits", str(seed))
    weights = [draws.normal(size=(32, 64)) / 8, draws.normal(size=(10, 32)) / np.sqrt(32)]
    return Network.mlp(weights, activations="tanh", loss=loss)


def on_digits(network: Network, law: NodeLaw, shortest: int, longest: int, wiring: str = "tile") -> Prediction:
    graph = compile_network(network, hardware=delays(shortest, longest), law=law, wiring=wiring, seed=0)
    inputs = generator("digits", "image").choice([0.0, 0.3, 1.0], size=(1, 64), p=[0.5, 0.2, 0.3])
    return predict(graph, reference(network, inputs, np.eye(10)[[3]]))


@pytest.mark.parametrize("gamma", [0.01, 0.05, 0.2, 0.5, 1.0, 1.9])
@pytest.mark.parametrize("impedance", [0.3, 1.0])
@pytest.mark.parametrize("longest", [1, 5])
def test_without_dissipation_nothing_settles(gamma, impedance, longest):
    prediction = on_digits(digits(0), Worldsheet(0.0, gamma, impedance), 1, longest)
    assert not prediction.settles
    assert prediction.steps == np.inf
    assert prediction.radius >= 1 - 1e-12
    if gamma >= 0.2:
        assert prediction.radius > 1.01


def test_without_dissipation_the_null_space_of_a_layer_rings_for_ever():
    network = digits(0)
    graph = compile_network(network, hardware=delays(1, 1), law=Worldsheet(0.0, 0.02, 1.0))
    step = NodeStep(graph, reference(network, np.ones((1, 64)), np.eye(10)[[3]]))
    sizes = np.abs(np.linalg.eigvals(step @ np.eye(step.shape[0])))
    assert sizes.max() == pytest.approx(1, abs=1e-9)
    lossless = np.abs(sizes - 1) < 1e-9
    assert lossless.sum() == 64 + 2 * (32 - 10)  # costates of the sources; state and costate of hidden modes


@pytest.mark.parametrize("beta", [0.05, 0.3, 1.0, 1.7])
@pytest.mark.parametrize("impedance", [0.2, 3.0])
def test_a_lone_node_settles_iff_gamma_is_below_two_minus_beta(beta, impedance):
    network = Network.mlp([[[0.7]]])
    for gamma in (0.5 * (2 - beta), 0.999 * (2 - beta), 1.001 * (2 - beta), 1.5 * (2 - beta)):
        law = Worldsheet(beta, gamma, impedance)
        graph = compile_network(network, law=law)
        alone = predict(graph, reference(network, [0.4]))  # without a load nothing comes back
        assert alone.settles == (gamma < 2 - beta) == (not law.warnings())


@pytest.mark.parametrize("seed", range(3))
def test_equal_long_delays_resonate_where_spread_ones_do_not(seed):
    law = Worldsheet(1.0, 0.4, 1.0)
    network = digits(seed)
    assert on_digits(network, law, 5, 5).radius > 1.03
    assert on_digits(network, law, 1, 5, "tile").settles
    assert on_digits(network, law, 1, 5, "synapse").settles


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.2, 0.4, 0.6])
def test_spread_delays_are_harmless(gamma):
    prediction = on_digits(digits(1), Worldsheet(0.5, gamma, 0.3), 1, 5, "synapse")
    assert prediction.radius < 0.9
    assert prediction.steps < 70


def test_coupling_speeds_settling_up_only_at_low_impedance():
    radii = {(z, g): on_digits(digits(2), Worldsheet(0.3, g, z), 1, 1).radius for z in (0.3, 1.0) for g in (0.1, 0.2)}
    assert radii[0.3, 0.2] < radii[0.3, 0.1] < radii[1.0, 0.1]
    assert radii[1.0, 0.2] > radii[1.0, 0.1] - 0.01


def no_convergence(*_, **__):
    raise ArpackNoConvergence("No convergence", np.zeros(0), np.zeros((0, 0)))


@pytest.mark.parametrize(
    ("law", "shortest", "longest"), [(Worldsheet(0.5, 0.3, 0.3), 5, 5), (Worldsheet(1, 0.4), 1, 5)]
)
def test_every_method_finds_the_same_radius(law, shortest, longest, monkeypatch):
    network = digits(0, "softmax_cross_entropy")
    arpack = on_digits(network, law, shortest, longest)
    monkeypatch.setattr(stability, "eigs", no_convergence)
    dense = on_digits(network, law, shortest, longest)
    monkeypatch.setattr(stability, "_AFFORDABLE", 0)
    power = on_digits(network, law, shortest, longest)
    assert (arpack.method, dense.method, power.method) == ("arpack", "dense", "power")
    assert arpack.radius == pytest.approx(dense.radius, rel=1e-7)
    assert power.radius == pytest.approx(dense.radius, rel=1e-3)
    monkeypatch.setattr(stability, "_FOLLOWED", (128, -1.0))
    words = "spectral radius of a step with 806 amplitudes: ARPACK does not converge, and the growth of a wave"
    if shortest == 5:
        refuses(words, lambda: on_digits(network, law, shortest, longest), EngineError)


def test_a_followed_wave_that_dies_has_radius_zero(monkeypatch):
    monkeypatch.setattr(stability, "eigs", no_convergence)
    monkeypatch.setattr(stability, "_DENSE", 0)
    monkeypatch.setattr(stability, "_AFFORDABLE", 0)
    network = digits(0)
    step = NodeStep(compile_network(network), reference(network, np.ones((1, 64)), np.ones((1, 10))))
    step.triangular = None
    assert radius_of(step) == (0.0, "power")
