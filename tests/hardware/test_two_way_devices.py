"""Crossbars of two-way lines whose weights are devices: crossbars of other weights, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.engine.programming import programmed
from emulator.errors import EngineError
from emulator.families.bilateral import lay_out
from emulator.families.bilateral.held import as_held
from emulator.measure.rest import operating_point
from emulator.measure.stability import spectral_radius
from hwmodels import load
from tests.refusals import refuses
from tests.substrate import delays

LAW = Bilateral(0.5, 2.0, far_end=SeriesRC())
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


def test_devices_that_are_read_with_noise_are_refused():
    network, inputs, targets = two_layers()
    noisy = DEVICES | {"weights.read_noise": {"kind": "power", "coefficient": 0.01, "exponent": 1.0}}
    graph = compile_network(network, law=LAW, hardware=load("ideal").replace(noisy))
    words = "hardware.weights.read_noise.kind is 'power'; allowed with law bilateral: the ideal value; delay, loss, bandwidth, impedance and crosstalk of lines, "
    refuses(words, lambda: settle(graph, inputs, targets, target="numpy"), EngineError)
