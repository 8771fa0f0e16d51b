"""Training on data as they come, unscaled or with an outlier, is plain descent on them, or said not to be."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from emulator import Network, reference
from emulator.learning import Resistive
from emulator.runs.train import train
from tests.support.descent import Descent, resistive, sample_order


@pytest.mark.parametrize("rate", [1e-9, 1e-6])
def test_features_as_they_come_train_as_plain_descent_does(rate):
    """Up to 4254, through relu neurons: logits of thousands, losses of thousands."""
    inputs, labels = (part[:40] for part in load_breast_cancer(return_X_y=True))
    assert inputs.max() > 2000
    rng = np.random.default_rng(7)
    weights = [rng.normal(size=(8, 30)) * np.sqrt(2 / 30), rng.normal(size=(2, 8)) * np.sqrt(2 / 8)]
    network = Network.mlp(weights, activations="relu", loss="softmax_cross_entropy")
    found, expected = descended(network, inputs, np.eye(2)[labels], rate)
    assert (found.status, found.warnings) == ("finished", ())
    same(found, expected, 1e-12)
    assert (
        max(
            np.abs(right.weight - network.parameters[name].weight).max()
            for name, right in found.network.parameters.items()
        )
        > 1e-9
    )


@pytest.mark.parametrize("outlier", [1e16, 1e300])
@pytest.mark.parametrize("missed", [False, True], ids=["told right", "told wrong"])
def test_an_outlier_in_a_training_is_learned_as_it_is_or_said(outlier, missed):
    """Where the network is wrong about it, its weights become enormous, as in plain descent."""
    rng = np.random.default_rng(3)
    inputs, labels = rng.normal(size=(40, 5)), rng.integers(0, 2, 40)
    weights = [rng.normal(size=(6, 5)) / 2, rng.normal(size=(2, 6)) / 2]
    network = Network.mlp(weights, activations="relu", loss="softmax_cross_entropy")
    place = sample_order(40, 3)[20]
    inputs[place, 0] = outlier
    answer = reference(network, inputs[place : place + 1]).states[network.output][0].argmax()
    labels[place] = 1 - answer if missed else answer
    found, expected = descended(network, inputs, np.eye(2)[labels], 1e-2)
    if not all(np.isfinite(part).all() for parts in expected.values() for part in parts):
        assert missed and found.status == "diverged" and "beyond all numbers" in found.reason
        return
    same(found, expected, 1e-12)


def same(found, expected, near):
    """Every layer's weights and biases, to the scale of the largest."""
    for name, parts in expected.items():
        for got, right in zip(found.network.parameters[name], parts, strict=True):
            np.testing.assert_allclose(got, right, rtol=0, atol=near * np.abs(right).max())


def descended(network, inputs, targets, rate):
    """One epoch on the substrate, and in plain NumPy."""
    with np.errstate(all="ignore"):
        found = train(network, inputs, targets, port=Resistive(rate), epochs=1, seed=3, target="numpy")
        expected = Descent(network, resistive(rate)).run(inputs, targets, sample_order(40, 3), np.ones(40))
    return found, expected
