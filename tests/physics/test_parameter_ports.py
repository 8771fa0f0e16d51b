"""Power at the parameter ports: what a matched port takes up is what the loss gives off."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Network, Worldsheet
from emulator.learning import GaussNewton, Inductive, RateSchedule, Resistive
from emulator.measure import reference
from emulator.runs.train import train


def regression(rng: np.random.Generator):
    """A convex problem: a linear map to be found from 12 samples."""
    network = Network.mlp([rng.normal(size=(3, 5)) / 2], [rng.normal(size=3)], "identity", "mse")
    inputs = rng.normal(size=(12, 5))
    return network, inputs, inputs @ rng.normal(size=(5, 3)) + 0.5


def mean_loss(network, inputs, targets) -> float:
    return float(reference(network, inputs, targets).loss.mean())


@pytest.mark.parametrize("schedule", ["settled", "unlocked"])
@pytest.mark.parametrize("port", [Resistive(0.05), GaussNewton(0.5, 5.0)])
def test_a_matched_port_reflects_nothing_however_far_from_the_optimum(port, schedule):
    network, inputs, targets = regression(np.random.default_rng(0))
    found = train(network, inputs, targets * 10, port=port, schedule=schedule, epochs=5, target="numpy")
    powers = found.history.columns()
    assert (powers["available"] > 1e-3).all()
    np.testing.assert_allclose(powers["absorbed"], 4 * powers["available"], rtol=1e-12)
    assert (powers["reflected"] < 1e-28 * powers["available"].max()).all()


def test_a_mismatched_port_reflects_what_its_flow_says():
    """With constant effort the heavy ball's flow is known in closed form, and so is the wave it sends back."""
    rate, mass, count = 1e-4, 4e4, 6
    network = Network.mlp([[[0.0]]], [[0.0]], "identity", "mse")
    inputs, targets = np.zeros((1, 1)), np.full((1, 1), 1e6)  # so far away that the effort does not change
    found = train(
        network,
        inputs,
        targets,
        port=Inductive(rate, mass),
        samples=count,
        chunk=1,
        order="replacement",
        target="numpy",
    )
    momentum = 1 - 1 / (rate * mass)
    flow = rate * 1e6 * (1 - momentum ** np.arange(1, count + 1))
    powers = found.history.columns()
    np.testing.assert_allclose(powers["reflected"], (1e6 - flow / rate) ** 2 * rate / 4, rtol=5e-3)
    np.testing.assert_allclose(powers["absorbed"], 1e6 * flow, rtol=5e-3)
    np.testing.assert_allclose(powers["available"], 1e12 * rate / 4, rtol=5e-3)
    assert powers["reflected"][0] > powers["reflected"][-1] > 0


def test_the_power_absorbed_is_the_rate_at_which_the_loss_falls():
    """On a convex problem, per hold of time, to first order in the rate: the error halves with the rate."""
    network, inputs, targets = regression(np.random.default_rng(1))
    errors = []
    for rate in (0.04, 0.02, 0.01):
        count = 12 * 10
        found = train(
            network, inputs, targets, port=Resistive(rate), batch=12, samples=count, chunk=count, target="numpy"
        )
        fallen = mean_loss(network, inputs, targets) - mean_loss(found.network, inputs, targets)
        absorbed = found.history.absorbed[0] * count
        errors.append(abs(absorbed / fallen - 1))
    assert errors[0] < 0.2
    assert errors[1] / errors[0] == pytest.approx(0.5, abs=0.1)
    assert errors[2] / errors[1] == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_available_power_falls_to_nothing_with_the_gradient():
    network, inputs, targets = regression(np.random.default_rng(2))
    found = train(network, inputs, targets, port=Resistive(0.4), batch=12, epochs=400, chunk=960, target="numpy")
    available = found.history.columns()["available"]
    assert (np.diff(available) < 0).all()
    assert available[-1] < 1e-12 * available[0]
    gradient = reference(found.network, inputs, targets).gradients["s1"]
    assert max(np.abs(part).max() for part in gradient) < 1e-5


@pytest.mark.slow
def test_learning_does_not_disturb_the_waves():
    """After a stretch of learning, states and costates are those of the weights that the substrate then holds."""
    rng = np.random.default_rng(3)
    network = Network.mlp([rng.normal(size=(4, 5)) / 2, rng.normal(size=(3, 4)) / 2], loss="softmax_cross_entropy")
    inputs, labels = rng.normal(size=(8, 5)), rng.integers(3, size=8)
    for law, hold in ((None, None), (Worldsheet(0.7, 0.1), 60)):
        one = train(network, inputs, labels, port=Resistive(0.3), epochs=1, chunk=8, law=law, hold=hold, target="numpy")
        parted = train(
            network, inputs, labels, port=Resistive(0.3), epochs=1, chunk=1, law=law, hold=hold, target="numpy"
        )
        for name, p in parted.network.parameters.items():
            np.testing.assert_allclose(one.network.parameters[name].weight, p.weight, atol=1e-9, rtol=0)
        np.testing.assert_allclose(one.history.loss[0], np.mean(parted.history.loss), rtol=1e-9)


def test_unlocked_learning_in_long_holds_approaches_gradient_flow():
    """A sample held for ever: the loss falls along the flow dw/dt = -rate dLoss/dw, here solved in closed form."""
    network = Network.mlp([[[0.2, -0.1]]], [[0.3]], "identity", "mse")
    x, y = np.array([[1.0, 2.0]]), np.array([[2.0]])
    start = float((network.parameters["s1"].weight @ x[0] + 0.3)[0] - 2.0)
    curvature = 1.0 + 4.0 + 1.0
    ends = []
    for hold in (20, 80):
        found = train(network, x, y, port=Resistive(0.1), schedule="unlocked", samples=1, hold=hold, target="numpy")
        p = found.network.parameters["s1"]
        ends.append(float((p.weight @ x[0] + p.bias)[0] - 2.0))
    exact = start * np.exp(-0.1 * curvature)
    assert abs(ends[1] - exact) < abs(ends[0] - exact)
    assert ends[1] == pytest.approx(exact, rel=0.05)


def test_the_rate_schedule_scales_the_power():
    network, inputs, targets = regression(np.random.default_rng(4))
    how = {"port": Resistive(1e-6), "epochs": 1, "chunk": 12, "target": "numpy"}
    full = train(network, inputs, targets, **how).history
    half = train(network, inputs, targets, rate_schedule=RateSchedule(decay=1, floor=0.5), **how).history
    factors = RateSchedule(decay=1, floor=0.5).factors(0, 12)
    assert factors[0] == 1.0
    assert (factors[1:] == 0.5).all()
    assert 0.5 < half.available[0] / full.available[0] < 0.75
