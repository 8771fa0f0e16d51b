"""A settling time is a time to one band: noise and thresholds, which widen it, must not make a substrate look faster."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Network, SettleResult, Worldsheet, compile_network, settle
from emulator.laws import Law
from emulator.measure import Reference, reference
from emulator.measure.pace import comparable_time, last_arrival
from hwmodels import load

LINES = {"kind": "steps", "step": "1 ns", "fewest": 1, "most": 3}


def _run(
    noise: float, threshold: float = 0.0, law: Law | None = None, hold: float | None = None
) -> tuple[SettleResult, Reference]:
    draws = np.random.default_rng(0)
    weights = [draws.normal(size=(5, 4)), draws.normal(size=(3, 5))]
    network = Network.mlp(weights, [np.zeros(5), np.zeros(3)], "tanh")
    hardware = load("ideal").replace(
        {"lines.delay_forward": LINES, "lines.delay_backward": LINES, "noise.receiver": noise}
    )
    inputs, targets = draws.normal(size=(4, 4)), draws.normal(size=(4, 3))
    graph = compile_network(network, hardware=hardware, law=law)
    result = settle(graph, inputs, targets, threshold=threshold, hold=hold, target="numpy", diagnose=False)
    return result, reference(network, inputs, targets)


def test_more_noise_is_never_faster() -> None:
    times = []
    for noise in (0.0, 1e-6, 1e-4, 1e-3, 1e-2):
        result, exact = _run(noise)
        assert result.settled.any()
        times.append(comparable_time(result, exact))
    assert times == sorted(times)  # type: ignore[type-var]
    landed = last_arrival(result.graph, result.tolerance)
    assert landed == result.graph.arrival_times().costate.max() == result.graph.longest_round_trip
    assert times[-1] == pytest.approx(landed * result.graph.step)


def test_a_threshold_is_never_faster() -> None:
    times = [comparable_time(*_run(0.0, threshold)) for threshold in (0.0, 1e-4, 1e-2)]
    assert times == sorted(times)  # type: ignore[type-var]


def test_without_noise_it_is_what_was_measured() -> None:
    result, exact = _run(0.0)
    assert comparable_time(result, exact) == float(np.median(result.settling_time))


def test_of_a_law_that_rings_nothing_is_known_within_noise() -> None:
    law = Worldsheet(1.0, 0.1)
    quiet, exact = _run(0.0, law=law, hold=400)
    assert not law.settles_on_arrival and quiet.settled.any() and comparable_time(quiet, exact) is not None
    assert comparable_time(*_run(1e-3, law=law, hold=400)) is None
