"""What `settle` returns: shapes, units, masks, inference, and the memory of the substrate between samples."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emulator import Matched, Network, NetworkBuilder, Worldsheet, compile_network, reference, settle
from tests.graphs import random_batch, random_network
from tests.substrate import STEP, delays


@pytest.fixture
def network() -> Network:
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))]
    return Network.mlp(weights, [rng.normal(size=4), rng.normal(size=2)], loss="softmax_cross_entropy")


@pytest.fixture
def batch(network):
    rng = np.random.default_rng(3)
    return rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])


def test_shapes_units_and_provenance(network, batch):
    graph = compile_network(network, hardware=delays(1, 5), seed=4)
    result = settle(graph, *batch, seed=7, target="numpy")
    assert result.states["x1"].shape == (5, 4)
    assert result.costates["s2"].shape == (5, 2)
    assert result.gradients["s1"].weight.shape == (4, 3)
    assert result.gradients["s1"].bias.shape == (4,)
    np.testing.assert_allclose(result.settling_time, result.settling_steps * STEP)
    np.testing.assert_allclose(result.settling_transits, result.settling_steps / graph.transit)
    assert result.reflected_power.shape == (5 * result.hold,)
    assert result.seeds == {"run": 7, "hardware": 4}
    assert {"backwave", "brian2", "numpy"} <= set(result.versions)
    assert result.status == "settled" and result.reason is None
    json.dumps(result.to_dict(), allow_nan=False)


def test_hold_in_transits_or_seconds_is_rounded_up_to_whole_steps(network, batch):
    graph = compile_network(network, hardware=delays(1, 5), seed=4)
    assert settle(graph, *batch, hold=6, target="numpy", diagnose=False).hold == int(np.ceil(6 * graph.transit))
    assert settle(graph, *batch, hold_seconds=20.5e-9, target="numpy", diagnose=False).hold == 21
    assert settle(graph, *batch, hold_seconds=21e-9, target="numpy", diagnose=False).hold == 21
    assert settle(graph, *batch, target="numpy").hold == graph.longest_round_trip + 1


def test_a_hold_one_step_too_short_does_not_settle_and_says_why(network, batch):
    graph = compile_network(network, hardware=delays(3, 9), seed=4)
    enough = graph.longest_round_trip + 1
    assert settle(graph, *batch, hold_seconds=enough * STEP, target="numpy", tolerance=1e-9).settled.all()
    short = settle(graph, *batch, hold_seconds=(enough - 1) * STEP, target="numpy", tolerance=1e-9)
    assert not short.settled.any()
    assert "round trip" in short.reason
    assert np.isnan(short.outputs).all()
    assert np.isnan(short.gradients["s1"].weight).all()
    assert np.isfinite(short.held_states["x1"]).all()


def test_inference_needs_no_targets_and_sends_no_costates(network, batch):
    graph = compile_network(network, hardware=delays(1, 5), seed=4)
    result = settle(graph, batch[0], target="numpy", traces=True)
    exact = reference(network, batch[0])
    np.testing.assert_allclose(result.outputs, exact.states["x2"], atol=1e-13)
    assert result.settled.all()
    assert result.costates == {} and result.gradients == {}
    assert (result.traces.port < graph.neurons).all()
    assert result.events.sum() < settle(graph, *batch, target="numpy").events.sum()


def test_samples_follow_each_other_without_a_reset(network, batch):
    graph = compile_network(network, hardware=delays(1, 5), seed=4)
    inputs = np.vstack([batch[0][:1]] * 3)
    result = settle(graph, inputs, [0, 0, 0], target="numpy")
    assert result.settling_steps[0] > 0
    assert (result.settling_steps[1:] == 0).all()
    assert (result.events[1:] == 0).all()
    np.testing.assert_array_equal(result.states["x2"][0], result.states["x2"][2])


def test_the_matched_law_reflects_nothing_and_others_do(network, batch):
    matched = settle(compile_network(network, law=Matched()), *batch, target="numpy")
    assert (matched.reflected_power == 0).all()
    other = settle(compile_network(network, law=Worldsheet(0.5)), *batch, target="numpy")
    assert (other.reflected_power >= 0).all()
    assert other.reflected_power[: other.hold].max() > 1e-3
    assert other.reflected_power[other.hold - 1] < 1e-6 * other.reflected_power.max()


def test_events_are_those_of_the_raster(network, batch):
    graph = compile_network(network, hardware=delays(1, 5), seed=4)
    result = settle(graph, *batch, target="numpy", traces=True)
    from emulator.families.node import lay_out

    lines = lay_out(graph).lines_of_port
    sample = result.traces.step // result.hold
    counted = np.bincount(sample, weights=lines[result.traces.port], minlength=5)
    np.testing.assert_array_equal(result.events, counted)


def test_several_inputs_and_a_concatenated_output():
    rng = np.random.default_rng(0)
    build = NetworkBuilder()
    a, b = build.input("a", 3), build.input("b", 2)
    ha = build.dense(a, rng.normal(size=(4, 3)), name="ha", activation="sigmoid")
    hb = build.dense(b, rng.normal(size=(3, 2)), name="hb", activation="tanh")
    network = build.build(output=build.concat(ha, hb, ha, name="both"))
    inputs = {"b": rng.normal(size=(2, 2)), "a": rng.normal(size=(2, 3))}
    targets = rng.normal(size=(2, 11))
    for wiring in ("tile", "synapse"):
        graph = compile_network(network, hardware=delays(1, 4), wiring=wiring)
        result = settle(graph, inputs, targets, target="numpy")
        exact = reference(network, inputs, targets)
        assert result.errors(exact)["costate"] < 1e-12
        np.testing.assert_allclose(result.costates["both"], exact.costates["both"], atol=1e-12)
        np.testing.assert_allclose(result.gradients["ha_s"].weight, exact.gradients["ha_s"].weight, atol=1e-12)


def test_deviation_from_the_reference_is_reported_not_used(network, batch):
    graph = compile_network(network, hardware=delays(1, 5))
    result = settle(graph, *batch, target="numpy")
    exact = reference(network, *batch)
    errors = result.errors(exact)
    assert errors["gradient"] < 1e-13 and errors["gradient_cosine"] == pytest.approx(1)
    other = reference(network, *batch[:1], np.array([1, 1, 1, 1, 1]))
    assert result.errors(other)["gradient"] > 1e-2


def test_a_softmax_load_survives_logits_far_apart():
    network = Network.mlp([np.array([[900.0, 0], [0, -900.0], [1.0, 2.0]])], loss="softmax_cross_entropy")
    inputs, targets = np.array([[1.0, 1.0], [-2.0, 0.5]]), np.array([0, 2])
    result = settle(compile_network(network), inputs, targets, hold=8, target="numpy")
    assert result.errors(reference(network, inputs, targets))["costate"] < 1e-9


def test_larger_tolerance_settles_no_later():
    rng = np.random.default_rng(1)
    network = random_network(rng, max_depth=4, max_width=6)
    graph = compile_network(network, hardware=delays(1, 3), law=Worldsheet(0.4))
    data = random_batch(rng, network, 3)
    steps = [
        settle(graph, *data, tolerance=tolerance, hold=400, target="numpy", diagnose=False).settling_steps
        for tolerance in (1e-1, 1e-3, 1e-6)
    ]
    assert (steps[0] <= steps[1]).all() and (steps[1] < steps[2]).all()


def test_the_settling_time_is_that_of_the_recorded_trace():
    rng = np.random.default_rng(9)
    network = random_network(rng, max_depth=4, max_width=6)
    graph = compile_network(network, hardware=delays(1, 4), law=Worldsheet(0.6, 0.05))
    data = random_batch(rng, network, 2)
    result = settle(graph, *data, hold=300, target="numpy", traces=True, tolerance=1e-3)
    assert result.settled.all()
    for k in range(2):
        window = slice(k * result.hold, (k + 1) * result.hold)
        late = 0
        for field in (result.traces.x[window], result.traces.lam[window]):
            for site in graph.sites:
                row = field[:, site.start : site.stop]
                outside = (np.abs(row - row[-1]) > 1e-3 * np.abs(row[-1]).max()).any(axis=1)
                late = max(late, int(np.flatnonzero(outside).max(initial=-1)) + 1)
        assert abs(int(result.settling_steps[k]) - late) <= 1
