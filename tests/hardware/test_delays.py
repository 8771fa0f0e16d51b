"""Delays and jitter as arrivals in the brian2 run show them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from emulator import compile_network, reference, settle
from hwmodels import HardwareModel, LogNormal, Normal, PerLength, Steps, Uniform
from tests.graphs import random_batch, random_network
from tests.substrate import delays
from tests.support.bench import STEP, follows, hardware, has_mean, has_std, rejects, wires

LINES = 800


def arrivals(model: HardwareModel, hold: int = 180) -> tuple[np.ndarray, np.ndarray]:
    """Steps after which the first wave of every line arrives, forward and backward."""
    bench = wires(model, np.ones((1, LINES)), np.ones((1, LINES)), hold)
    found = []
    for direction in ("forward", "backward"):
        sent, received = (np.abs(waves) > 0 for waves in bench.waves(direction))
        assert sent.any(axis=0).all()
        assert received.any(axis=0).all()
        found.append(received.argmax(axis=0) - sent.argmax(axis=0))
    return found[0], found[1]


def dithered(steps: np.ndarray) -> np.ndarray:
    """Whole steps spread evenly over the interval that is rounded to them."""
    return (steps + np.random.default_rng(1).uniform(-0.5, 0.5, steps.shape)) * STEP


NS = 1e-9
LAWS = {
    "normal": (Normal(mean=60 * NS, std=12 * NS), Normal(mean=60 * NS, std=6 * NS), stats.norm(60 * NS, 12 * NS)),
    "lognormal": (
        LogNormal(mean=60 * NS, std=20 * NS),
        LogNormal(mean=60 * NS, std=10 * NS),
        stats.lognorm(math.sqrt(math.log1p(1 / 9)), scale=60 * NS / math.sqrt(1 + 1 / 9)),
    ),
    "uniform": (
        Uniform(low=20 * NS, high=100 * NS), Uniform(low=40 * NS, high=80 * NS), stats.uniform(20 * NS, 80 * NS)
    ),
    "per length": (
        PerLength(per_length=7 * NS, length=Uniform(low=2, high=12)),
        PerLength(per_length=14 * NS, length=Uniform(low=2, high=12)),
        stats.uniform(14 * NS, 70 * NS),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
def test_arrivals_follow_the_delay_law_asked_for(name):
    right, wrong, expected = LAWS[name]

    def check(model: HardwareModel) -> None:
        forward, backward = arrivals(model)
        follows(dithered(forward), expected)
        np.testing.assert_array_equal(backward, forward)  # without a law of its own a line is symmetric

    check(hardware(lines__delay_forward=right))
    rejects(check, hardware(), hardware(lines__delay_forward=wrong))


def test_programmable_delays_are_all_used_alike():
    def check(model: HardwareModel) -> None:
        forward, _ = arrivals(model, hold=40)
        assert set(forward) == {2, 3, 4, 5, 6}
        assert stats.chisquare(np.bincount(forward)[2:]).pvalue > 1e-4

    check(delays(2, 6))
    rejects(check, hardware(), delays(4, 12))


def test_backward_delays_with_a_law_of_their_own_are_drawn_on_their_own():
    def check(model: HardwareModel) -> None:
        forward, backward = arrivals(model, hold=40)
        assert (forward.min(), forward.max(), backward.min(), backward.max()) == (1, 9, 3, 7)
        assert abs(np.corrcoef(forward, backward)[0, 1]) < 4 / math.sqrt(LINES)

    check(delays(1, 9, backward=(3, 7)))
    rejects(check, delays(1, 9), hardware(lines__delay_forward=Steps(step=STEP, fewest=1, most=9)))


def test_asymmetry_is_the_ratio_of_the_two_delays_of_every_line():
    law = Uniform(low=20 * NS, high=100 * NS)

    def check(model: HardwareModel) -> None:
        forward, backward = arrivals(model)
        assert (np.abs(backward - 1.5 * forward) <= 0.5 * 1.5 + 0.5).all()

    check(hardware(lines__delay_forward=law, lines__delay_asymmetry=1.5))
    rejects(check, hardware(lines__delay_forward=law), hardware(lines__delay_forward=law, lines__delay_asymmetry=0.75))


JITTER = 2.5


def arrival_errors(model: HardwareModel, spacing: int = 50, samples: int = 30, width: int = 120) -> np.ndarray:
    """Deviation of the arrivals on every line from the nominal delay, in steps; events too far apart to wait."""
    data = np.repeat(1.0 + np.arange(samples)[:, None], width, axis=1)
    bench = wires(model, data, np.zeros_like(data), spacing)
    errors = []
    for direction in ("forward", "backward"):
        sent, received = bench.waves(direction)
        for line in range(width):
            left, came = (np.flatnonzero(np.diff(waves[:, line], prepend=0)) for waves in (sent, received))
            errors.append((came - left[: len(came)])[: samples - 1] - 22)
    return np.array(errors)


def jittery(rms: float, delay: int = 22) -> HardwareModel:
    return hardware(lines__delay_forward=delay * STEP, lines__jitter=rms * STEP)


def test_arrival_errors_have_the_jitter_asked_for():
    def check(model: HardwareModel) -> None:
        errors = arrival_errors(model)
        has_std(errors, JITTER, beyond=1 / math.sqrt(12))  # whole steps
        has_mean(errors, 0.0)
        follows(dithered(errors) / STEP, stats.norm(0, math.hypot(JITTER, 1 / math.sqrt(6))))
        anew = np.corrcoef(errors[:, :-1].ravel(), errors[:, 1:].ravel())[0, 1]
        assert abs(anew) < 4 / math.sqrt(errors.size)

    check(jittery(JITTER))
    rejects(check, jittery(0.0), jittery(2 * JITTER), jittery(JITTER / 2))


def test_jitter_never_lets_an_event_overtake_another():
    steps, width = 200, 40
    data = np.repeat(1.0 + np.arange(steps)[:, None], width, axis=1)
    bench = wires(jittery(4.0), data, np.zeros_like(data), 1)
    received = bench.received_forward
    waits = np.diff(received, axis=0)
    assert (waits >= 0).all()  # in order
    assert (waits <= 1).all()  # none lost
    assert received.max() > steps - 60
    assert (waits[60:] == 0).any()  # some did wait


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_jitter_leaves_the_answer_and_moves_the_transient(wiring):
    rng = np.random.default_rng(4)
    network = random_network(rng, max_depth=5, max_width=8)
    inputs, targets = random_batch(rng, network, 3)
    exact = reference(network, inputs, targets)
    base = delays(9, 14)
    plain, shaken = (
        settle(compile_network(network, hardware=model, wiring=wiring), inputs, targets, hold=40, target="numpy")
        for model in (base, base.replace({"lines.jitter": 2 * STEP}))
    )
    assert shaken.settled.all()
    assert shaken.errors(exact)["gradient"] < 1e-9
    assert (shaken.settling_steps != plain.settling_steps).any()
