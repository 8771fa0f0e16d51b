"""Two-way lines linearised at rest: what settles, and when, before any simulation."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from emulator import (
    Bilateral,
    EngineError,
    Matched,
    Network,
    ParallelRL,
    SeriesRC,
    SettleResult,
    compile_network,
    reference,
    settle,
)  # fmt: skip
from emulator.families.bilateral import lay_out
from emulator.families.bilateral.near_rest import Junctions
from emulator.families.bilateral.scattering import BilateralStep, rest_waves, swap_test
from emulator.measure.rest import operating_point
from emulator.measure.stability import predict, spectral_radius
from tests.graphs import random_batch, random_network
from tests.refusals import refuses
from tests.substrate import delays

BOTH_ENDS = Bilateral(0.5, taper=2.0, bandwidth=0.9, far_end=SeriesRC(), source_end=ParallelRL(0.8, 1.5))


def case(seed: int, law: Bilateral, shortest: int = 1, longest: int = 3, **network):
    rng = np.random.default_rng(seed)
    made = random_network(rng, max_depth=4, max_width=5, max_layers=4, **network)
    batch = random_batch(rng, made, 1)
    graph = compile_network(made, law=law, hardware=delays(shortest, longest), seed=seed)
    return graph, batch, reference(made, *batch)


@pytest.mark.parametrize("seed", range(4))
def test_waves_at_rest_are_those_that_a_settled_run_holds(seed):
    graph, batch, exact = case(seed, BOTH_ENDS, losses=["mse"])
    result = settle(graph, *batch, hold=900, tolerance=1e-7, target="numpy", traces=True)
    assert result.settled.all()
    leaving, arriving = rest_waves(graph, lay_out(graph), operating_point(graph, exact))
    scale = np.abs(leaving).max()
    np.testing.assert_allclose(result.waves.leaving[-1], leaving, atol=1e-6 * scale)
    np.testing.assert_allclose(result.waves.arriving[-1], arriving, atol=1e-6 * scale)


@pytest.mark.parametrize("loss", ["mse", pytest.param("softmax_cross_entropy", marks=pytest.mark.slow)])
def test_the_linearised_step_is_what_the_engine_does_to_a_small_change(loss):
    """Two runs whose data differ by little differ, step after step, by the linearised response."""
    graph, batch, exact = case(5, BOTH_ENDS, activations=["tanh", "sigmoid", "gelu"], losses=[loss], max_inputs=1)
    (name,) = graph.network.inputs
    small = 1e-4
    moved = {name: np.vstack([batch[0][name], batch[0][name] * (1 + small)])}
    targets = np.vstack([batch[1]] * 2)
    result = settle(graph, moved, targets, hold_seconds=2000e-9, target="numpy", traces=True, diagnose=False)
    step = BilateralStep(graph, exact)
    after = BilateralStep(graph, reference(graph.network, {name: moved[name][1:]}, targets[1:]))
    deviation = step.rest - after.rest
    ports = step.junctions.layout.ports
    hold = result.hold
    base = after.rest[:ports]
    for k in range(30):
        np.testing.assert_allclose(
            result.waves.arriving[hold + k] - base, deviation[:ports], atol=2e-3 * small * np.abs(base).max()
        )
        deviation = after @ deviation
    assert np.abs(deviation).max() > 1e-2 * small


@pytest.mark.parametrize(
    ("loss", "activations"),
    [
        ("mse", ["tanh", "sigmoid", "gelu"]),
        ("mse", ["leaky_relu", "relu", "identity"]),
        ("softmax_cross_entropy", ["tanh", "silu", "identity"]),
        ("softmax_cross_entropy", ["softplus", "elu", "tanh"]),
    ],
)
def test_the_first_round_trip_is_predicted_to_round_off(loss, activations):
    """However far a blank substrate is from rest: junctions answer as they are."""
    graph, inputs, targets = bent(loss, activations)
    result = settle(graph, inputs[:1], targets[:1], hold_seconds=60e-9, target="numpy", traces=True, diagnose=False)
    step = BilateralStep(graph, reference(graph.network, inputs, targets))
    assert follows(step, -step.rest, result, 0, 1e-9) > 0.01  # near the rest they would answer otherwise


def test_so_is_that_from_the_sample_before():
    graph, inputs, targets = bent(
        "mse", ["tanh", "sigmoid", "tanh"], longest=1, law=Bilateral(0.1, 2.0, far_end=SeriesRC())
    )
    result = settle(graph, inputs, targets, hold_seconds=250e-9, target="numpy", traces=True, diagnose=False)
    exact = reference(graph.network, inputs, targets)
    before, step = (BilateralStep(graph, operating_point(graph, exact, k)) for k in (0, 1))
    assert follows(step, before.rest - step.rest, result, 250, 2e-4) > 0.01


def bent(loss: str, activations: list[str], longest: int = 2, law: Bilateral | None = None):
    """A graph whose weights and two samples are large enough for its junctions to bend."""
    rng = np.random.default_rng(3)
    weights = [1.5 * rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise((3, 5, 4, 6))]
    network = Network.mlp(weights, activations=activations, loss=loss)
    law = dataclasses.replace(BOTH_ENDS, impedance=0.1) if law is None else law
    graph = compile_network(network, law=law, hardware=delays(1, longest), seed=1)
    targets = rng.normal(size=(2, 6)) if loss == "mse" else np.eye(6)[[1, 4]]
    return graph, rng.normal(size=(2, 3)), targets


def follows(step: BilateralStep, deviation: np.ndarray, result: SettleResult, start: int, near: float) -> float:
    """The most by which neurons answered otherwise than near the rest, once the engine was found to do as predicted."""
    found, most = list(step.swept(deviation)), 0.0
    assert len(found) == step.junctions.graph.longest_round_trip
    for k, (after, shown) in enumerate(found, start + 1):
        for name, own, rest in zip(("x", "lam"), shown, step.resting, strict=True):
            np.testing.assert_allclose(
                rest + own, getattr(result.traces, name)[k], rtol=0, atol=near * np.abs(rest).max()
            )
        most = max(most, *(float(np.abs(a - b).max()) for a, b in zip(shown, step.newest(after), strict=True)))
    return most


def test_junctions_that_do_not_bend_have_no_sweep_of_their_own():
    graph, _, exact = case(0, BOTH_ENDS, activations=["identity"], losses=["mse"])
    step = BilateralStep(graph, exact)
    assert list(step.swept(-step.rest)) == []


@pytest.mark.parametrize("law", [BOTH_ENDS, Bilateral(0.3, 2.0)])
def test_large_crossbars_scatter_without_a_matrix_as_with_one(monkeypatch, law):
    """Crossbars with more rows than columns, and with fewer; one wave, and several side by side."""
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(30, 9)) / 3, rng.normal(size=(4, 30)) / 5], activations="tanh")
    graph = compile_network(network, law=law, hardware=delays(1, 3), seed=1)
    exact = reference(network, rng.normal(size=(1, 9)), rng.normal(size=(1, 4)))
    step = BilateralStep(graph, exact)
    monkeypatch.setattr("emulator.families.bilateral.scattering._MOST_ENTRIES", 0)
    monkeypatch.setattr(Junctions, "scatter", None)
    other = BilateralStep(graph, exact)
    for shape in ((step.shape[0],), (step.shape[0], 3)):
        wave = rng.normal(size=shape)
        np.testing.assert_allclose(other.carried(wave), step.carried(wave), rtol=0, atol=1e-13)


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_on_bandwidth_is_where_the_spectral_radius_is_one(seed):
    graph, _, exact = case(seed, Bilateral(0.6), 1, 1)
    test = swap_test(graph, exact)
    eigenvalues = np.sort_complex(test.eigenvalues)
    np.testing.assert_allclose(eigenvalues, np.sort_complex(test.eigenvalues.conj()), atol=1e-9)

    def radius(coefficient: float) -> float:
        law = Bilateral(0.6, bandwidth=coefficient)
        return spectral_radius(compile_network(graph.network, law=law), exact)

    if test.most >= 1:
        assert test.bound == 0 and radius(0.02) > 1
    else:
        assert radius(min(1.0, 0.98 * test.bound)) < 1
        if test.bound < 0.98:
            assert radius(1.02 * test.bound) > 1
    for coefficient in (0.3, 0.8):
        expected = np.abs(1 - coefficient + coefficient * test.eigenvalues).max()
        assert radius(coefficient) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_linear_networks_of_two_way_lines_always_settle(seed):
    rng = np.random.default_rng(seed)
    impedance, taper, bandwidth = rng.uniform([0.1, 0.5, 0.1], [3.0, 3.0, 0.95])
    law = Bilateral(float(impedance), float(taper), float(bandwidth))
    graph, _, exact = case(seed, law, 1, 4, activations=["identity"], losses=["mse"])
    assert spectral_radius(graph, exact) < 1


def test_negative_curvature_cannot_be_settled_and_less_impedance_helps():
    """The curvature ``phi'' lam`` of one tanh, as a negative conductance against ``1/Z``."""
    network = Network.mlp([[[1.0]]], activations=["tanh"])
    inputs, targets = np.array([[1.0]]), np.array([[4.0]])
    exact = reference(network, inputs, targets)
    s, lam = exact.states["s1"][0, 0], exact.costates["x1"][0, 0]
    curvature = 2 * abs(lam) * np.tanh(s) * (1 - np.tanh(s) ** 2) + (1 - np.tanh(s) ** 2) ** 2
    for impedance in (0.3, 3.0):
        graph = compile_network(network, law=Bilateral(impedance))
        assert (swap_test(graph, exact).most < 1) is (1 / impedance - curvature > 0) or curvature > 0
    assert swap_test(compile_network(network, law=Bilateral(0.3)), exact).most < 1


@pytest.mark.slow
def test_the_predicted_radius_is_the_decay_that_is_measured():
    graph, batch, exact = case(7, Bilateral(0.2, bandwidth=0.6), activations=["tanh"], losses=["mse"])
    prediction = predict(graph, exact)
    assert prediction.settles
    result = settle(graph, *batch, hold_seconds=2400e-9, target="numpy", traces=True, diagnose=False)
    lam = np.abs(result.traces.lam - result.traces.lam[-1]).max(axis=1)
    late = [lam[k : k + 150].max() for k in (400, 1200)]
    assert (late[1] / late[0]) ** (1 / 800) == pytest.approx(prediction.radius, abs=1e-3)


def test_where_the_radius_is_above_one_waves_never_rest():
    graph, batch, exact = case(7, Bilateral(0.5, bandwidth=0.6), activations=["tanh"], losses=["mse"])
    assert not predict(graph, exact).settles
    result = settle(graph, *batch, hold_seconds=250e-9, target="numpy")
    assert not result.settled.any() and "is not below 1" in result.reason


def test_what_the_swap_test_does_not_know_is_refused():
    graph, _, exact = case(1, BOTH_ENDS, 2, 2)
    refuses("swap test: lines of up to 2 steps, ", lambda: swap_test(graph, exact), EngineError)
    matched = compile_network(graph.network, law=Matched())
    refuses(
        "scattering of law matched: it has no junctions; allowed: law bilateral",
        lambda: Junctions(matched, exact),
        EngineError,
    )


def test_the_diagnosis_names_a_bandwidth_an_impedance_or_a_termination_that_helps():
    from emulator.measure.diagnose import why_not_settled

    graph, _, exact = case(2, Bilateral(1.0, bandwidth=0.5), 1, 1)
    said = why_not_settled(graph, exact, hold=500)
    assert "is not below 1" in said and "settles near rest: " in said
    value = float(said.split("impedance = ")[1].split(" ")[0])
    better = compile_network(graph.network, law=dataclasses.replace(graph.law, impedance=value))
    assert spectral_radius(better, exact) < 0.99
    lossless = compile_network(graph.network, law=Bilateral(1.0))
    assert "nothing dissipates transients" in why_not_settled(lossless, exact, hold=500)
