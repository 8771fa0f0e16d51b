"""Why a run did not settle: each reason in turn, and the remedies it names."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import emulator.measure.diagnose as diagnose
import emulator.measure.forecast as forecast
import emulator.measure.stability as stability
from emulator import (
    Bilateral,
    Matched,
    Network,
    NetworkBuilder,
    NodeLaw,
    Upwind,
    Worldsheet,
    compile_network,
    reference,
    settle,
)
from emulator.errors import EngineError
from emulator.measure.diagnose import forewarning, why_not_settled
from emulator.measure.forecast import follow, needed
from emulator.measure.rest import operating_point
from emulator.measure.stability import Prediction, spectral_radius
from hwmodels.seeds import rng
from tests.refusals import refuses
from tests.substrate import STEP, delays


def digits(name: str = "weights", loss: str = "mse") -> Network:
    draws = rng(0, "test_diagnose", name)
    weights = [draws.normal(size=(32, 64)) / 8, draws.normal(size=(10, 32)) / np.sqrt(32)]
    return Network.mlp(weights, loss=loss)


INPUTS = rng(0, "test_diagnose", "image").choice([0.0, 0.3, 1.0], size=(1, 64))
TARGETS = np.eye(10)[[3]]


def graph_of(law: NodeLaw, shortest: int = 1, longest: int = 5, network: Network | None = None):
    return compile_network(network or digits(), hardware=delays(shortest, longest), law=law, seed=3)


def run(graph, hold: int, targets=TARGETS):
    return settle(graph, INPUTS, targets, hold_seconds=hold * STEP, target="numpy")


def test_a_hold_shorter_than_the_longest_round_trip():
    graph = graph_of(Matched())
    trip = graph.longest_round_trip
    assert 15 <= trip <= 20
    short = run(graph, trip)
    assert not short.settled.any()
    words = f"the hold of {trip} steps does not outlast the longest round trip of {trip} steps; it needs at least"
    assert words in short.reason
    assert f"at least {trip + 1} steps" in short.reason
    assert run(graph, trip + 1).settled.all()


def test_a_hold_shorter_than_the_way_of_a_state_without_targets():
    graph = graph_of(Matched())
    exact = reference(graph.network, INPUTS)
    reason = why_not_settled(graph, exact, hold=5)
    needed = int(re.search(r"needs at least (\d+) steps", reason)[1])
    assert reason.startswith("the hold of 5 steps does not outlast the longest way of a state of ")
    assert needed < graph.longest_round_trip
    assert run(graph, needed, targets=None).settled.all()


@pytest.mark.parametrize("law", [Worldsheet(0.0, 0.3), Worldsheet(0.5, 1.6)])
def test_a_law_that_cannot_settle(law):
    graph = graph_of(law)
    exact = reference(graph.network, INPUTS, TARGETS)
    assert why_not_settled(graph, exact, hold=100) == law.warnings()[0]


def test_remedies_of_an_unstable_substrate_work():
    graph = graph_of(Worldsheet(0.2, 0.3, 2.0))
    result = run(graph, 400)
    assert not result.settled.any()
    assert re.search(r"the spectral radius 1\.\d+ is not below 1: .*; settles near rest: ", result.reason)
    remedies = re.findall(r"(gamma|beta|impedance) = ([\d.e-]+) \(spectral radius ([\d.]+)\)", result.reason)
    assert [name for name, _, _ in remedies] == ["gamma", "beta", "impedance"]
    for name, value, radius in remedies:
        better = graph_of(replace(graph.law, **{name: float(value)}))
        assert float(radius) < 0.99
        patience = int(40 + 3 * np.log(1e-3) / np.log(float(radius)))
        assert run(better, max(patience, 100)).settled.all()


def test_the_mildest_change_that_works_is_named():
    graph = graph_of(Worldsheet(0.4, 0.6, 2.0), 5, 5)
    exact = reference(graph.network, INPUTS, TARGETS)
    reason = why_not_settled(graph, exact, hold=400)
    gamma = float(re.search(r"gamma = ([\d.e-]+)", reason)[1])
    twice = graph_of(Worldsheet(0.4, 2 * gamma, 2.0), 5, 5)
    assert "is not below 1" in why_not_settled(twice, exact, hold=400)


def test_without_a_working_change_it_says_so(monkeypatch):
    graph = graph_of(Worldsheet(0.4, 0.6, 2.0), 5, 5)
    monkeypatch.setattr(Worldsheet, "changes", lambda law: {"gamma": [0.59], "impedance": [1.9]})
    reason = why_not_settled(graph, reference(graph.network, INPUTS, TARGETS), hold=400)
    assert reason.endswith("; no change of gamma or impedance alone that was tried brings it below 0.99")


@pytest.mark.parametrize(("law", "shortest"), [(Worldsheet(0.1, 0.0), 1), (Worldsheet(0.4, 0.2, 0.3), 5)])
@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
def test_a_slow_substrate_needs_about_the_steps_predicted(law, shortest, loss):
    graph = graph_of(law, shortest, 5, digits(loss=loss))
    hold = graph.longest_round_trip + 5
    short = run(graph, hold)
    assert not short.settled.any()
    assert f"the hold of {hold} steps is too short" in short.reason
    predicted = int(re.search(r"about (\d+) steps are predicted", short.reason)[1])
    long = run(graph, 2 * predicted)
    assert long.settled.all()
    assert long.settling_steps[0] == pytest.approx(predicted, rel=0.25)


def test_a_long_enough_hold_leaves_no_reason():
    graph = graph_of(Worldsheet(0.7, 0.1, 0.3))
    exact = reference(graph.network, INPUTS, TARGETS)
    reason = why_not_settled(graph, exact, hold=500, tolerance=1e-3)
    trip = graph.longest_round_trip
    assert reason.startswith(f"no reason found: the hold of 500 steps outlasts the longest trip of {trip} steps, and")
    within = int(re.search(r"within (\d+) steps as predicted", reason)[1])
    short = why_not_settled(graph, exact, hold=within, tolerance=1e-3)
    assert f"about {within} steps are predicted" in short and "is too short" in short
    enough = int(re.search(r"a hold of about (\d+)", short)[1])
    assert enough == within + 2 * trip  # and it must be seen still
    assert "is too short" in why_not_settled(graph, exact, hold=enough - 1, tolerance=1e-3)
    assert "no reason found" in why_not_settled(graph, exact, hold=enough, tolerance=1e-3)
    assert not reason.endswith("a ramp of them does not")
    lines = why_not_settled(graph_of(Bilateral()), exact, hold=500, tolerance=1e-3)
    assert lines.startswith("no reason found") and lines.endswith("and a ramp of them does not")


def test_a_steady_slope_takes_over_where_a_wave_is_no_longer_followed(monkeypatch):
    graph = graph_of(Worldsheet(0.1, 0.05, 0.3))
    exact = reference(graph.network, INPUTS, TARGETS)
    followed = why_not_settled(graph, exact, hold=2000, tolerance=1e-6)
    monkeypatch.setattr(forecast, "FEWEST", 60)
    monkeypatch.setattr(forecast, "_WORK", 0)
    extrapolated = why_not_settled(graph, exact, hold=2000, tolerance=1e-6)
    steps = [int(re.search(r"within (\d+) steps", reason)[1]) for reason in (followed, extrapolated)]
    assert steps[1] == pytest.approx(steps[0], rel=0.15)


class Beating:
    """Stands in for a linearised step: a wave of one neuron whose size comes back once."""

    def __init__(self, sizes: list[float]) -> None:
        self.rest, self.sizes, self.lead = np.ones(2), iter(sizes), 0
        self.resting = self.newest(self.rest)

    def swept(self, _: np.ndarray) -> tuple[()]:
        return ()

    def __matmul__(self, _: np.ndarray) -> np.ndarray:
        return np.full(2, next(self.sizes, 0.0))

    def newest(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat(vector[:1], 2), np.repeat(vector[1:], 2)


def test_a_wave_that_comes_back_counts():
    graph = compile_network(Network.mlp([[[1.0]]]))
    assert graph.longest_round_trip == 2
    sizes = [1.0] * 10 + [1e-4] * 11 + [1e-2] + [0.0] * 100
    assert needed(follow(graph, Beating(sizes)), Prediction(0.9, 1e-3, "dense")) == 23
    assert needed(follow(graph, Beating(sizes[:10])), Prediction(0.9, 1e-3, "dense")) == 11


def test_large_networks_are_told_their_radius_too(monkeypatch):
    graph = graph_of(Worldsheet(0.4, 0.6, 2.0), 5, 5)
    point = reference(graph.network, INPUTS, TARGETS)
    whole = spectral_radius(graph, point)
    for module in (diagnose, stability):
        monkeypatch.setattr(module, "MOST_NUMBERS", 1000)
    assert spectral_radius(graph, point) == pytest.approx(whole, abs=1e-6)
    assert why_not_settled(graph, point, hold=400).endswith("; no changes are tried of a network of this size")


class Own(NodeLaw):
    """A law without settings."""

    name = "own"
    impedance = 1.0
    costate_update = "lam = B - 1.4*(x - F)"

    def __init__(self, code: str) -> None:
        self.code = code

    @property
    def state_update(self) -> str:
        return self.code


def test_laws_of_the_users_own():
    unstable = graph_of(Own("x = F + 1.4*(lam - B)"))
    exact = reference(unstable.network, INPUTS, TARGETS)
    reason = why_not_settled(unstable, exact, hold=100)
    assert reason.startswith("the spectral radius ")
    assert reason.endswith("; law own has no setting that could be tried")
    unreadable = graph_of(Own("x = F + floor(lam - B)"))
    assert why_not_settled(unreadable, exact, hold=100) == (
        "no reason found by the cheap tests; the spectral test was not possible: law own: state_update has "
        "no known derivative in lam; allowed: brian2's differentiable functions, abs, sign, clip and "
        "int(condition)"
    )


def test_hardware_effects_beyond_delays_are_named_as_left_out():
    changes = {"lines.bandwidth": 2e9, "noise.receiver": 1e-6, "lines.impedance": 50.0}
    law = Worldsheet(0.7, 0.1, 0.3)
    graph = compile_network(digits(), hardware=delays(1, 5).replace(changes), law=law, seed=3)
    reason = why_not_settled(graph, reference(graph.network, INPUTS, TARGETS), hold=500)
    assert reason.endswith(" (of an ideal substrate: lines.bandwidth, noise.receiver left out)")
    assert "left out" not in why_not_settled(graph_of(law), reference(graph.network, INPUTS, TARGETS), hold=500)


def test_points_are_checked_and_may_be_given_as_arrays():
    graph = graph_of(Worldsheet(0.7, 0.1, 0.3))
    exact = reference(graph.network, np.vstack([INPUTS, 0 * INPUTS]), np.repeat(TARGETS, 2, axis=0))
    point = operating_point(graph, exact)
    assert why_not_settled(graph, point, hold=20) == why_not_settled(graph, exact, hold=20)
    words = "operating point: x has shape (3,); allowed: (106,), one number per neuron"
    refuses(words, lambda: why_not_settled(graph, replace(point, x=np.zeros(3)), hold=20), EngineError)


def test_a_forewarning_names_what_would_be_fast_enough():
    graph = graph_of(Worldsheet(0.1, 0.0))
    exact = reference(graph.network, INPUTS, TARGETS)
    warned = forewarning(graph, exact, hold=60)
    assert warned.startswith("the hold of 60 steps is too short")
    name, value, steps = re.search(r"; fast enough: (\w+) = ([\d.]+) \(about (\d+) steps\)", warned).groups()
    better = graph_of(replace(graph.law, **{name: float(value)}))
    assert run(better, 60).settled.all()
    assert run(better, 60).settling_steps[0] == pytest.approx(int(steps), rel=0.2)
    assert forewarning(better, exact, hold=60) is None


def test_there_is_no_forewarning_where_there_is_nothing_to_fear(monkeypatch):
    graph = graph_of(Matched())
    exact = reference(graph.network, INPUTS, TARGETS)
    assert forewarning(graph, exact, hold=graph.longest_round_trip + 1) is None
    assert "does not outlast" in forewarning(graph, exact, hold=graph.longest_round_trip)
    unstable = graph_of(Worldsheet(0.4, 0.6, 2.0), 5, 5)
    assert "settles near rest" in forewarning(unstable, exact, hold=400)
    monkeypatch.setattr(diagnose, "_FORESEEN", 1000)
    assert forewarning(unstable, exact, hold=400) is None


def test_the_bound_on_the_bandwidth_is_tried_and_works():
    network = digits()
    graph = compile_network(network, law=Bilateral(0.3))
    exact = reference(network, INPUTS, TARGETS)
    graph = compile_network(network, law=Bilateral(0.3, bandwidth=0.999))
    warned = forewarning(graph, exact, hold=300)
    bandwidth = float(re.search(r"bandwidth = ([\d.]+) \(spectral radius", warned)[1])
    assert 0.5 < bandwidth < 0.999  # milder than half
    better = compile_network(network, law=Bilateral(0.3, bandwidth=bandwidth))
    assert run(better, 900).settled.all()


def test_a_residual_stack_has_remedies_too():
    draws = rng(0, "test_diagnose", "stack")
    build = NetworkBuilder()
    x = build.input("x", 4)
    for _ in range(3):
        x = build.residual(x, draws.normal(size=(4, 4)) / 4, None, draws.normal(size=(4, 4)) / 3, None)
    network = build.build(output=x)
    inputs, targets = draws.normal(size=(2, 1, 4))
    graph = compile_network(network, law=Upwind(1.0, 2.0))
    warned = forewarning(graph, reference(network, inputs, targets), hold=400)
    found = re.findall(r"(nu|impedance) = ([\d.]+) \(spectral radius", warned)
    assert [name for name, _ in found] == ["nu", "impedance"]
    for name, value in found:
        better = compile_network(network, law=replace(graph.law, **{name: float(value)}))
        result = settle(better, inputs, targets, hold_seconds=500 * STEP, target="numpy", diagnose=False)
        assert result.settled.all()
