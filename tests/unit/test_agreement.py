"""How gradients agree with the exact ones, and which points keep to targets: one place for each."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emulator import Network, compile_network, reference, settle
from emulator.measure.agreement import cosine, in_one_row, relative_error
from emulator.network import Gradient
from emulator.study.metrics import Target, measure, meets
from hwmodels import load


def test_lengths_and_angles():
    ours, true = np.array([3.0, 4.0]), np.array([4.0, 3.0])
    assert cosine(ours, true) == pytest.approx(24 / 25, abs=1e-15)
    assert relative_error(ours, true) == pytest.approx(math.sqrt(2) / 5, abs=1e-15)
    none = np.zeros(2)
    assert cosine(none, true) is None and cosine(true, none) is None and relative_error(true, none) is None
    assert relative_error(none, true) == 1.0


def test_layers_are_those_of_what_is_exact():
    gradient = Gradient(np.ones((2, 3)), np.zeros(2))
    ours, true = in_one_row({"b": gradient, "a": gradient, "other": gradient}, {"a": gradient, "b": gradient})
    assert ours.tolist() == true.tolist() and len(ours) == 16


def test_a_run_and_a_study_say_the_same():
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(4, 3)), rng.normal(size=(2, 4))])
    inputs, targets = rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    graph = compile_network(network, hardware=load("ideal").replace({"noise.gain_mismatch_backward": 0.2}))
    result, exact = settle(graph, inputs, targets, target="numpy"), reference(network, inputs, targets)
    told, measured = result.errors(exact), measure(result, exact, targets=targets)
    assert 0.5 < told["gradient_cosine"] < 1 - 1e-6
    assert measured["gradient_cosine"] == told["gradient_cosine"]
    assert measured["gradient_error"] == told["gradient"]


TARGETS = [Target.of("accuracy", {"min": 0.9}), Target.of("energy", {"min": None, "max": 2.0})]


@pytest.mark.parametrize(
    ("accuracy", "energy", "met"),
    [
        (0.9, 2.0, True),
        (0.89, 1.0, False),
        (1.0, 2.1, False),
        (None, 1.0, False),
        (1.0, None, False),
        (math.nan, 1.0, False),
    ],
)
def test_one_point_and_many_keep_to_targets_alike(accuracy, energy, met):
    assert bool(meets(TARGETS, {"accuracy": accuracy, "energy": energy})) is met
    columns = {"accuracy": np.array([accuracy, 1.0], float), "energy": np.array([energy, 0.0], float)}
    assert meets(TARGETS, columns, 2).tolist() == [met, True]
    assert meets(TARGETS, {"accuracy": columns["accuracy"]}, 2).tolist() == [False, False]
    assert meets([], columns, 2).tolist() == [True, True]
