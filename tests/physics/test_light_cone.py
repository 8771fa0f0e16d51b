"""Causality: values arrive exactly when the delays say, and nothing changes outside the light cone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emulator import Matched, Network, NetworkBuilder, Worldsheet, compile_network, settle
from tests.substrate import delays


def deep_mlp(rng: np.random.Generator, loss: str = "mse") -> Network:
    sizes = [5, 7, 4, 6, 3]
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]
    biases = [rng.normal(size=b) * 0.1 for b in sizes[1:]]
    return Network.mlp(weights, biases, "tanh", loss)


def residual(rng: np.random.Generator) -> Network:
    build = NetworkBuilder()
    x = build.input("x", 4)
    for k in range(3):
        x = build.residual(
            x,
            rng.normal(size=(6, 4)) / 2,
            rng.normal(size=6) / 10,
            rng.normal(size=(4, 6)) / 2.4,
            rng.normal(size=4) / 10,
            name=f"block{k}",
        )
    out = build.dense(x, rng.normal(size=(3, 4)) / 2, name="out")
    return build.build(output=out, loss="mse")


def second_sample(graph, rng, **how):
    """Traces of the second of two samples, relative to its presentation."""
    network = graph.network
    inputs = rng.normal(size=(2, network.size(network.inputs[0])))
    classes = network.size(network.output)
    targets = rng.dirichlet(np.ones(classes), size=2) if network.loss != "mse" else rng.normal(size=(2, classes))
    result = settle(graph, inputs, targets, traces=True, target="numpy", **how)
    x, lam = result.traces.x, result.traces.lam
    hold = result.hold
    return x[hold - 1 :], lam[hold - 1 :], result


def last_change(trace: np.ndarray) -> np.ndarray:
    """Step of the last change of every column after row 0, counted from row 1 as step 0; -1 if it never changed."""
    changed = np.diff(trace, axis=0) != 0
    return np.where(changed.any(axis=0), len(changed) - 1 - changed[::-1].argmax(axis=0), -1)


def first_change(trace: np.ndarray) -> np.ndarray:
    changed = np.diff(trace, axis=0) != 0
    return np.where(changed.any(axis=0), changed.argmax(axis=0), np.iinfo(np.int64).max)


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@pytest.mark.parametrize("make", [deep_mlp, lambda r: deep_mlp(r, "softmax_cross_entropy"), residual])
def test_matched_values_become_final_exactly_when_the_last_wave_lands(make, wiring):
    rng = np.random.default_rng(3)
    graph = compile_network(make(rng), hardware=delays(1, 9), wiring=wiring, seed=4)
    x, lam, result = second_sample(graph, rng)
    np.testing.assert_array_equal(last_change(x), graph.arrival.state)
    np.testing.assert_array_equal(last_change(lam), graph.arrival.costate)
    assert result.hold == graph.longest_round_trip + 1


@pytest.mark.parametrize("law", [Matched(), Worldsheet(beta=0.5, gamma=0.3, impedance=0.7)])
@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_nothing_changes_before_the_light_cone_arrives(law, wiring):
    rng = np.random.default_rng(8)
    graph = compile_network(deep_mlp(rng), hardware=delays(2, 9), law=law, wiring=wiring, seed=1)
    x, lam, _ = second_sample(graph, rng, hold=900, tolerance=1e-14, threshold=1e-13, diagnose=False)
    cone_x, cone_lam = graph.arrival.first_state, graph.arrival.first_costate
    if law.parameters["gamma"] > 0:  # a scattering node answers in both fields when either proposal changes
        cone_x = cone_lam = np.minimum(cone_x, cone_lam)
    quiet = np.abs(np.diff(x[:1], axis=0)).max(initial=0)
    assert quiet == 0
    moved_x, moved_lam = (
        first_change(np.where(np.abs(x - x[0]) > 1e-9, x, x[0])),
        first_change(np.where(np.abs(lam - lam[0]) > 1e-9, lam, lam[0])),
    )
    assert (moved_x >= cone_x).all()
    assert (moved_lam >= cone_lam).all()
    sources = np.arange(graph.sites[0].stop)
    assert (moved_x[sources] == 0).all()


def test_the_measured_delay_of_every_line_is_the_one_asked_for_with_many_events_in_flight():
    width, samples = 12, 60
    build = NetworkBuilder()
    x = build.input("x", width)
    network = build.build(output=build.activation(x, "identity", name="y"))
    graph = compile_network(network, hardware=delays(1, 20, backward=(3, 17)), seed=7)
    rng = np.random.default_rng(0)
    data = rng.integers(-512, 512, size=(samples, width)) / 256
    wanted = rng.integers(-512, 512, size=(samples, width)) / 256
    result = settle(graph, data, wanted, hold_seconds=graph.step, traces=True, diagnose=False, target="numpy")
    (wire,) = graph.couplings
    assert wire.delay_forward.max() > 10 and len(set(wire.delay_forward)) > 5
    for k in range(width):
        forward, backward = int(wire.delay_forward[k]), int(wire.delay_backward[k])
        y = result.traces.x[:, width + k]
        np.testing.assert_array_equal(y[forward:], data[: samples - forward, k])
        assert (y[:forward] == 0).all()
        sent = result.traces.lam[:, width + k]
        np.testing.assert_array_equal(sent, y - wanted[:, k])
        np.testing.assert_array_equal(result.traces.lam[backward:, k], sent[: samples - backward])


def test_delays_are_those_of_the_sample_even_in_synapse_wiring():
    rng = np.random.default_rng(1)
    network = Network.mlp([rng.integers(1, 64, size=(3, 4)) / 64], activations="identity")
    graph = compile_network(network, hardware=delays(1, 15), wiring="synapse", seed=3)
    samples = 40
    data = rng.integers(-64, 64, size=(samples, 4)) / 64
    result = settle(graph, data, hold_seconds=graph.step, traces=True, diagnose=False, target="numpy")
    forward = graph.couplings[0].delay_forward.reshape(4, 3)
    weight = network.parameters["s1"].weight
    for t in range(20, samples):
        for j in range(3):
            expected = sum(weight[j, i] * data[t - forward[i, j], i] for i in range(4))
            assert result.traces.x[t, 4 + j] == pytest.approx(expected, abs=1e-13)
