"""Trainings that blow up say so before, and are called diverged after; those that learn are left in peace."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Network
from emulator.data.digits import split_digits
from emulator.learning import Device, GaussNewton, Inductive, ParameterPort, RateSchedule, Resistive
from emulator.runs.train import train
from emulator.training.stability import chance
from hwmodels import PulsedUpdate, Weights


def digits(seed: int, samples: int = 160, scale: float = 2.0, loss: str = "softmax_cross_entropy"):
    """The bundled scenarios' 64-32-10, and the first images."""
    rng = np.random.default_rng(seed)
    weights = [scale * rng.normal(size=(b, a)) / np.sqrt(a) for a, b in ((64, 32), (32, 10))]
    data = split_digits()
    labels = data.train_labels[:samples]
    targets = labels if loss == "softmax_cross_entropy" else np.eye(10)[labels]
    return Network.mlp(weights, loss=loss), data.train_inputs[:samples], targets


def learned(network, inputs, targets, port: ParameterPort, **how):
    return train(network, inputs, targets, port=port, epochs=1, target="numpy", **how)


STABLE = {
    "resistive": Resistive(0.05),
    "inductive": Inductive(0.05, 200.0),
    "gauss-newton": GaussNewton(0.1),
    "device": Device(0.05, Weights(g_max="20 uS", update=PulsedUpdate(pulses=400)), w_max=4.0, burst=4),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", list(STABLE))
def test_ports_that_learn_raise_no_alarm(name, seed):
    found = learned(*digits(seed), STABLE[name], seed=seed)
    assert (found.status, found.reason, found.warnings) == ("finished", None, ())
    assert found.complete


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gauss_newton_with_its_defaults_learns_digits(seed):
    network, inputs, labels = digits(seed, 200)
    found = learned(network, inputs, labels, GaussNewton(0.1), seed=seed)
    data = split_digits()
    w = list(found.network.parameters.values())
    answers = np.tanh(data.test_inputs @ w[0].weight.T + w[0].bias) @ w[1].weight.T + w[1].bias
    assert (answers.argmax(axis=1) == data.test_labels).mean() > 0.5
    assert max(np.abs(p.weight).max() for p in w) < 3


def test_a_gauss_newton_step_is_that_of_its_sum_whatever_the_scale_of_what_is_received():
    """Features a thousand times larger with weights a thousandth: the same sums, before and after a step."""
    rng = np.random.default_rng(0)
    weight, x = rng.normal(size=(3, 20)), rng.normal(size=(1, 20))
    sums = []
    for scale in (30.0, 30000.0):
        network = Network.mlp([weight / scale], loss="softmax_cross_entropy")
        found = train(network, x * scale, np.array([1]), port=GaussNewton(0.1), samples=1, target="numpy").network
        p = found.parameters["s1"]
        sums.append((x * scale) @ p.weight.T + p.bias)
    np.testing.assert_allclose(sums[0], sums[1], rtol=2e-3)


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (Resistive(0.5), "port resistive: rate 0.5 cannot be stable on these data; it needs to be below 0.3"),
        (Inductive(0.5, 20.0), "port inductive: rate 0.5 cannot be stable on these data; it needs to be below 0.3"),
        (
            GaussNewton(0.002),
            "port gauss-newton: damping 0.002 with time_constant 10 cannot be stable where classes tie",
        ),
    ],
)
def test_what_blows_up_is_said_before_and_named_after(port, words):
    said: list[str] = []
    found = learned(*digits(0), port, warn=said.append)
    assert found.warnings == tuple(said)
    assert said[0].startswith(words)
    assert found.status == "diverged"
    assert "the loss stays above where it began: " in found.reason
    assert (
        " of the initial network, and 2.26 if every answer were the same; the largest weight or bias is "
        in found.reason
    )
    assert found.reason.endswith("the parameters of the end are kept")
    assert found.complete
    assert found.samples == 160
    result = found.to_dict()
    assert (result["status"], result["complete"], result["warnings"]) == ("diverged", True, said)


def test_a_device_port_is_warned_of_its_rate_too():
    weights = Weights(g_max="20 uS", update=PulsedUpdate(pulses=50))
    network, inputs, labels = digits(0, 4)
    found = learned(network, inputs, labels, Device(0.9, weights, w_max=4.0))
    assert found.warnings[0].startswith(
        "port device: rate 0.9 cannot be stable on these data; it needs to be below 0.3"
    )


def test_unlocked_ports_are_warned_by_the_delay_of_their_waves():
    network, inputs, labels = digits(0, 2)
    how = {"schedule": "unlocked", "samples": 1, "target": "numpy"}
    settled = learned(network, inputs, labels, Resistive(5.0)).warnings[0]
    bound = float(settled.rsplit(" ", 1)[1])
    for hold, factor in ((4.0, 1.0), (16.0, np.pi)):
        found = train(network, inputs, labels, port=Resistive(9.0), hold=hold, **how).warnings[0]
        assert float(found.rsplit(" ", 1)[1]) == pytest.approx(factor * bound, rel=0.01)
        assert train(network, inputs, labels, port=Resistive(0.9 * factor * bound), hold=hold, **how).warnings == ()


@pytest.mark.slow
def test_the_verdict_is_the_same_after_an_interruption_and_however_long_the_stretches(tmp_path):
    network, inputs, labels = digits(0, 120)
    how = {"port": Resistive(0.5), "epochs": 1, "target": "numpy", "chunk": 40}
    whole = train(network, inputs, labels, checkpoint_path=tmp_path / "whole.npz", **how)
    again = train(network, inputs, labels, checkpoint_path=tmp_path / "whole.npz", resume=True, **how)
    assert whole.status == "diverged"
    assert (again.status, again.reason) == (whole.status, whole.reason)
    assert train(network, inputs, labels, **how | {"chunk": 7}).status == "diverged"


def test_labels_that_cannot_be_learned_are_no_divergence():
    rng = np.random.default_rng(0)
    network, inputs, _ = digits(0)
    found = learned(network, inputs, rng.integers(10, size=len(inputs)), Resistive(0.02), rate_schedule=RateSchedule())
    assert found.status == "finished"


def test_an_iterator_says_nothing_before_and_is_judged_by_its_first_samples():
    network, inputs, labels = digits(0, 120)
    found = train(network, iter(zip(inputs, labels, strict=True)), port=Resistive(40.0), chunk=30, target="numpy")
    assert found.warnings == ()
    assert found.status in ("finished", "diverged")


def test_the_loss_of_a_constant_answer():
    labels = np.eye(3)[[0, 0, 1, 1]]
    assert chance("softmax_cross_entropy", labels) == pytest.approx(np.log(2))
    assert chance("mse", np.array([[1.0], [3.0]])) == pytest.approx(0.5)
