"""Slices under laws that choose their lines, and what the ports of layers without biases take up."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Dense, Input, Network, Resistive, compile_network, reference, settle, train
from emulator.network import Concat, Slice


def sliced() -> Network:
    rng = np.random.default_rng(3)
    return Network(
        [
            Input("x", 5),
            Slice("a", "x", 1, 4),
            Dense("h", "a", rng.normal(size=(3, 3)) / 2, np.zeros(3)),
            Slice("b", "h", 0, 2),
            Concat("c", ("b", "a")),
            Dense("y", "c", rng.normal(size=(2, 5)) / 2, np.zeros(2)),
        ]
    )


def test_lines_are_chosen_for_networks_with_slices() -> None:
    network = sliced()
    rng = np.random.default_rng(4)
    inputs, targets = rng.normal(size=(2, 5)), rng.normal(size=(2, 2))
    result = settle(compile_network(network, law=Bilateral()), inputs, targets, target="numpy")
    assert result.settled.all(), result.reason
    assert result.errors(reference(network, inputs, targets))["costate"] < 1e-5


@pytest.mark.parametrize("biased", [True, False])
def test_weights_without_a_bias_beside_them_take_up_power(biased: bool) -> None:
    weight = np.array([[0.5], [-0.3]])
    network = Network([Input("x", 1), Dense("y", "x", weight, np.zeros(2), biased=biased)])
    target = np.array([[1.0, 0.2]])
    result = train(network, np.ones((1, 1)), target, port=Resistive(0.1), epochs=1, target="numpy")
    effort = (weight[:, 0] - target[0]) * 1.0
    expected = 0.1 * (effort**2).sum() * (2 if biased else 1)  # bias and weight meet the same effort
    assert result.history.columns()["absorbed"][-1] == pytest.approx(expected, rel=1e-12)
