"""`Bilateral()` as a newcomer types it: settings chosen for the network, with which it settles."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import (
    Bilateral,
    Matched,
    Network,
    NetworkBuilder,
    ParallelRL,
    SeriesRC,
    compile_network,
    reference,
    settle,
)
from emulator.compile.outline import outline_of
from tests.support.stranger_networks import brought


def _coupling(weights, slopes, taper):
    """``I - S`` of a chain of layers, as a dense matrix."""
    sizes = [weights[0].shape[1], *(len(w) for w in weights)]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    matrix = np.eye(starts[-1])
    for k, (weight, slope) in enumerate(zip(weights, slopes, strict=True)):
        jacobian = (weight if slope is None else slope[:, None] * weight) / np.sqrt(taper)
        matrix[starts[k + 1] : starts[k + 2], starts[k] : starts[k + 1]] = -jacobian
    return matrix


@pytest.mark.parametrize("taper", [1.0, 2.5])
def test_the_resonance_is_one_over_the_least_singular_value(taper):
    network, *_ = brought(3, depth=3, widest=12)
    found = outline_of(network)
    draws = np.random.default_rng(0).normal(size=(4, network.size(network.inputs[0])))
    states, exact = reference(network, draws).states, []
    dense, weights = list(network.dense), [p.weight for p in network.parameters.values()]
    for k in range(4):
        slopes = [
            None if not readers else (1 - np.tanh(states[name][k]) ** 2)
            for name in dense
            for readers in [network.consumers(name)]
        ]
        exact.append(1 / np.linalg.svd(_coupling(weights, slopes, taper), compute_uv=False)[-1])
    assert found.depth == 3 and not found.kinked
    assert found.resonance(lambda weight: taper) == pytest.approx(np.median(exact), rel=0.03)


def test_branches_of_a_network_are_disturbed_together():
    """A skip connection doubles a way: the resonance is that of the dense matrix of all rows."""
    weight = np.array([[0.5, -0.8], [0.3, 0.9]])
    build = NetworkBuilder()
    x = build.input("x", 2)
    h = build.dense(x, weight, [0.0, 0.0], name="h")
    build.add(h, x, name="y")
    network = build.build()
    matrix = np.block([[np.eye(2), np.zeros((2, 2))], [-weight - np.eye(2), np.eye(2)]])
    exact = 1 / np.linalg.svd(matrix, compute_uv=False)[-1]
    assert outline_of(network).resonance(lambda weight: 1.0) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
def test_impedances_bound_how_far_costates_bend_junctions(loss):
    """``Z |lam| max |phi''|`` of a chain, by exact backpropagation of targets of order 1."""
    network = brought(25).network.altered(loss=loss)  # tanh
    found = outline_of(network).bend(lambda weight: 2.0)
    draws, classes = np.random.default_rng(0), np.random.default_rng(2)
    inputs, size = draws.normal(size=(4, network.size(network.inputs[0]))), network.size(network.output)
    targets = classes.normal(size=(4, size))
    if loss != "mse":
        targets = np.eye(size)[classes.integers(size, size=4)]
    exact = reference(network, inputs, targets).costates
    most = np.maximum(np.abs(exact["x2"]).max(axis=1) / 2, np.abs(exact["x1"]).max(axis=1) / 4)  # x3 is linear
    assert found == pytest.approx(4 / 27**0.5 * np.median(most), rel=1e-9)
    for kappa in (1.0, 0.1):
        law = compile_network(network, law=Bilateral(taper=2.0, kappa=kappa)).law
        assert law.impedance == pytest.approx(min(1.0, 0.2 / found) / (kappa if loss == "mse" else 1.0))


@pytest.mark.parametrize("size", [0.1, 1.0])
def test_impedances_that_match_crossbars_are_bounded_by_what_they_are(size):
    """With ``taper = "matched"`` they climb towards the input where weights are small: ``Z`` of every line counts."""
    rng = np.random.default_rng(4)
    shapes = [(20, 20), (20, 20), (3, 20)]
    network = Network.mlp([size * rng.normal(size=shape) for shape in shapes])
    graph = compile_network(network, law=Bilateral(taper="matched"))
    draws, classes = np.random.default_rng(0), np.random.default_rng(2)
    exact = reference(network, draws.normal(size=(4, 20)), classes.normal(size=(4, 3))).costates
    rises = [graph.law.impedance_rise(p.weight) for p in network.parameters.values()]
    most = [np.abs(exact["x2"]).max(axis=1) / rises[2], np.abs(exact["x1"]).max(axis=1) / (rises[2] * rises[1])]
    bent = graph.law.impedance * 4 / 27**0.5 * np.median(np.maximum(*most))
    assert bent == pytest.approx(0.2) or (bent < 0.2 and graph.law.impedance == 1.0)


def test_costates_bend_networks_with_kinks_no_further():
    """Behind a relu there is a tanh, and weights that make costates large."""
    weights = [np.eye(2), np.array([[0.4, -0.3]]), [[300.0]]]
    network = Network.mlp(weights, activations=["relu", "tanh", "identity"])
    found = outline_of(network)
    law = compile_network(network, law=Bilateral(taper=1.0)).law
    assert (
        found.kinked and law.impedance == pytest.approx(0.2 / found.bend(lambda weight: 1.0)) and law.impedance < 0.02
    )


def test_what_was_chosen_stands_in_the_graph_and_is_told():
    network = brought(5).network
    graph = compile_network(network, law=Bilateral())
    law, kappa = graph.law, outline_of(network).resonance(graph.law.impedance_rise)
    assert law.far_end.resistance == pytest.approx(4 * kappa)
    assert law.far_end.capacitance == law.source_end.inductance == pytest.approx(1 - 0.5 / kappa)
    assert law.source_end.resistance * law.far_end.resistance == pytest.approx(1)
    assert law.impedance == 1.0 and graph.notes[0].startswith("law bilateral: chosen for this network: impedance 1, ")
    impedances = [bundle.impedance for bundle in graph.bundles if bundle.is_line]
    assert max(impedances) / min(impedances) <= 10 * (1 + 1e-9)
    again = compile_network(network, law=graph.law)
    assert again.law == graph.law and again.notes == ()


def test_what_is_given_stays_as_given():
    network = brought(5).network
    assert compile_network(network, law=Bilateral(0.7)).law == Bilateral(0.7, 1.0, far_end=None)
    squared = network.altered(loss="mse")
    law = compile_network(squared, law=Bilateral(taper=1.5, far_end=SeriesRC(4, 5), kappa=2.0)).law
    assert (law.taper, law.far_end, law.source_end, law.impedance) == (1.5, SeriesRC(4, 5), None, 0.5)
    law = compile_network(network, law=Bilateral(source_end=ParallelRL(0.1, 2))).law
    assert law.source_end == ParallelRL(0.1, 2) and law.far_end == compile_network(network, law=Bilateral()).law.far_end
    assert compile_network(network, law=Bilateral(taper="matched")).law.taper == "matched"
    assert compile_network(network, law=Matched()).notes == ()


@pytest.mark.parametrize("seed", [5, 25])  # sigmoid, whose slopes vanish, and tanh
def test_weights_beyond_all_scales_are_chosen_for_without_a_fault(seed):
    for scale in (0.0, 1e-300, 1e160, 1e200):
        network = brought(seed).network
        network = network.with_parameters({n: (scale * p.weight, p.bias) for n, p in network.parameters.items()})
        law = compile_network(network, law=Bilateral()).law
        assert 0 < law.far_end.resistance <= 4e6 and 0 < law.impedance <= 1


@pytest.mark.parametrize("seed", range(100, 105))
def test_it_settles_on_fresh_networks_to_exact_backpropagation(seed):
    network, inputs, targets, words = brought(seed, deepest=3, widest=12)
    run = settle(compile_network(network, law=Bilateral()), inputs, targets, target="numpy", hold=400)
    assert run.settled.all(), words
    exact = reference(network, inputs, targets)
    for name, costates in exact.costates.items():
        assert np.abs(run.held_costates[name] - costates).max() <= 2e-3 * np.abs(costates).max(), (words, name)
