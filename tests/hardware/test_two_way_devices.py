"""Crossbars of two-way lines whose weights are devices: crossbars of other weights, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.engine.programming import programmed
from emulator.engine.random import gauss, key
from emulator.families.bilateral import lay_out
from emulator.families.bilateral.held import as_held
from emulator.learning import Learning, Resistive
from emulator.measure.rest import operating_point
from emulator.measure.stability import spectral_radius
from emulator.training.substrate import Substrate
from hwmodels import load
from tests.substrate import delays
from tests.support.bench import has_mean, has_std

LAW = Bilateral(0.5, 2.0, far_end=SeriesRC())
READ = {
    "weights.g_max": 25e-6,
    "weights.read_noise": {"kind": "polynomial", "coefficients": (1e-6,), "reference": 25e-6},
}
DEVICES = {
    "weights.g_max": 25e-6, "weights.levels": 16, "weights.stuck_low": 0.1,
    "weights.programming": {"kind": "polynomial", "coefficients": [1e-6], "reference": 25e-6},
}  # fmt: skip


def two_layers(loss: str = "mse"):
    rng = np.random.default_rng(4)
    network = Network.mlp([rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2], loss=loss)
    return network, rng.normal(size=(2, 4)), rng.normal(size=(2, 3))


def transformers(weight, x, y, z1, z2, kappa, steps):
    """Waves into the lines of one crossbar between a clamp and a linear neuron, by the currents and voltages at each place."""
    rows, columns = weight.shape[::-1]
    tail, head, left, right = np.zeros(rows), np.zeros(columns), np.zeros(rows), np.zeros(columns)
    found = []
    for _ in range(steps):  # waves that arrive: at the source, at the neuron, and at both sides of the crossbar
        inner = np.diag(1 / z1) + weight.T @ np.diag(1 / z2) @ weight
        voltage = np.linalg.solve(inner, 2 * left / z1 + weight.T @ (2 * right / z2))
        s = (2 * head + z2 * kappa * y) / (1 + z2 * kappa)
        sent = x - tail, weight @ voltage - right, voltage - left, s - head
        found.append(np.concatenate(sent))
        left, head, tail, right = sent
    return np.array(found)


def test_waves_are_those_of_a_circuit_with_the_weights_that_were_programmed():
    """A simulation with node voltages, by another formula than the engine's; every wave of every step."""
    rng = np.random.default_rng(2)
    weight, x, y = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
    hardware = delays(1, 1).replace(DEVICES)
    graph = compile_network(Network.mlp([weight]), law=Bilateral(0.8, 2.3, kappa=1.3), hardware=hardware, seed=5)
    layout = lay_out(graph)
    held = layout.blocks[0].matrix(programmed(graph, layout).weight)
    assert 0.01 < np.abs(held - weight).max() < 3
    result = settle(graph, x[None], y[None], hold_seconds=60 * graph.step, target="numpy", traces=True, diagnose=False)
    z = layout.lines.impedance
    expected = transformers(held, x, y, z[:4], z[4:], 1.3, 60)
    np.testing.assert_allclose(result.waves.leaving, expected, atol=1e-12)
    ideal = transformers(weight, x, y, z[:4], z[4:], 1.3, 60)
    assert np.abs(result.waves.leaving - ideal).max() > 1e-2


@pytest.mark.parametrize("changes", [DEVICES, {"precision.weights": {"bits": 5, "full_scale": 2.0}}])
def test_it_settles_where_backpropagation_through_the_chips_weights_is(changes):
    network, inputs, targets = two_layers()
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(changes), seed=3)
    result = settle(graph, inputs, targets, tolerance=1e-6, target="numpy")
    assert result.settled.all()
    held = as_held(graph)
    exact = reference(held.network, inputs, targets)
    errors = result.errors(exact)
    assert max(errors[name] for name in ("state", "costate", "gradient")) < 1e-5
    assert result.errors(reference(network, inputs, targets))["costate"] > 1e-3
    assert held.hardware.weights.exact and as_held(held) is held


def test_the_prediction_knows_the_chips_weights():
    network, inputs, targets = two_layers()
    graph = compile_network(network, law=LAW, hardware=delays(1, 1).replace(DEVICES), seed=3)
    point = operating_point(graph, reference(network, inputs, targets))
    plain = compile_network(network, law=LAW, hardware=delays(1, 1), seed=3)
    chip = compile_network(as_held(graph).network, law=LAW, hardware=delays(1, 1), seed=3)
    radii = [spectral_radius(one, point) for one in (graph, chip, plain)]
    assert radii[0] == pytest.approx(radii[1], rel=1e-9)
    assert abs(radii[0] - radii[2]) > 1e-6


def test_devices_drift_with_their_age():
    network, inputs, targets = two_layers()
    weights = load("pcm-crossbar").weights.model_copy(update={"read_noise": None})
    graph = compile_network(network, law=LAW, hardware=delays(1, 1).replace({"weights": weights}), seed=3)
    layout = lay_out(graph)
    for age in (60.0, 86400.0):
        result = settle(graph, inputs, targets, hold=400, age=age, target="numpy", tolerance=1e-5, diagnose=False)
        exact = reference(as_held(graph, programmed(graph, layout, age).weight).network, inputs, targets)
        assert result.settled.all() and result.errors(exact)["state"] < 1e-4


@pytest.mark.parametrize("target", ["numpy", pytest.param("standalone", marks=pytest.mark.slow)])
def test_a_crossbar_that_is_read_with_noise_rests_at_the_network_that_was_read(target):
    """Each sample at the exact backpropagation of its own weights, drawn again here."""
    network, inputs, targets = two_layers()
    inputs, targets = inputs[[0, 0, 0]], targets[[0, 0, 0]]
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(READ), seed=3)
    result = settle(graph, inputs, targets, hold_seconds=400 * graph.step, target=target, seed=8)
    assert result.settled.all() and result.deviation.max() < 1e-6
    layout = lay_out(graph)
    bars, held = layout.crossbars, programmed(graph, layout)
    for k in range(3):
        place = len(bars.column_tap) * bars.row.astype(float) + bars.column
        noise = gauss(key(8, "read noise"), place, np.full(len(place), 400.0 * k))
        exact = reference(
            as_held(graph, held.weight + held.sigma * noise).network, inputs[k : k + 1], targets[k : k + 1]
        )
        for layer in ("x1", "x2"):
            np.testing.assert_allclose(result.states[layer][k], exact.states[layer][0], atol=1e-6)
            np.testing.assert_allclose(result.costates[layer][k], exact.costates[layer][0], atol=1e-6)
        assert np.abs(noise).max() > 1
    assert np.abs(np.diff(result.states["x2"], axis=0)).max() > 1e-2


@pytest.mark.parametrize("learns", [True, False])
def test_weights_that_learn_are_read_anew_with_the_noise_of_what_they_then_are(learns):
    start, later = np.full((50, 1), 0.1), np.linspace(0.2, 0.9, 50)
    start[0] = 1.0
    noise = {"weights.read_noise": {"kind": "polynomial", "coefficients": (0.0, 3e-6), "reference": 25e-6}}
    graph = compile_network(
        Network.mlp([start], activations="identity"), law=LAW, hardware=delays(1, 1).replace(READ | noise), seed=2
    )
    substrate = Substrate(graph, Learning(Resistive(1e-9), "unlocked"), 40, 20, 0, 0.0, "numpy")
    state = substrate.initial() | {"w": later.copy()}
    if learns:
        found = substrate.train(
            state, np.hstack([np.ones((20, 1)), np.tile(later, (20, 1))]), np.ones((20, 3)), 1
        ).outputs
    else:
        found = substrate.answers(state, np.ones((20, 1)), 1)
    error = (found - later) / (later * 3e-6 / 25e-6)
    has_mean(error, 0.0)
    has_std(error, 1.0)
    assert abs(np.corrcoef(error[1:].ravel(), error[:-1].ravel())[0, 1]) < 4 / np.sqrt(error.size)
