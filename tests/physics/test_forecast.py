"""Settling times before any simulation: the first deviation followed through the linearised step, against brian2."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emulator import Bilateral, EngineError, Network, SeriesRC, Upwind, Worldsheet, compile_network, reference, settle
from emulator.families.upwind.linear_step import UpwindStep
from emulator.measure.forecast import settling_steps
from emulator.measure.rest import operating_point
from emulator.measure.stability import linearised, spectral_radius
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.networks import stack


@pytest.mark.parametrize(("nu", "impedance", "hidden"), [(1.0, 1.0, None), (0.6, 0.7, 5)])
def test_the_linearised_stack_is_what_the_engine_does_to_a_small_change(nu, impedance, hidden):
    rng = np.random.default_rng(2)
    network, small = stack(rng, 4, 3, hidden=hidden), 1e-5
    inputs, targets = rng.normal(size=(2, 2, 3))
    inputs[1], targets[1] = inputs[0] + small * rng.normal(size=3), targets[0]
    graph = compile_network(network, law=Upwind(nu, impedance, 1.7))
    result = settle(graph, inputs, targets, hold_seconds=700e-9, target="numpy", traces=True, diagnose=False)
    exact = reference(network, inputs, targets)
    before, after = (linearised(graph, operating_point(graph, exact, sample)) for sample in range(2))
    rest = after.newest(after.rest)
    deviation, largest = before.rest - after.rest, 0.0
    for step in range(40):
        deviation = after @ deviation
        shown = result.traces.x[700 + step] - rest[0], result.traces.lam[700 + step] - rest[1]
        np.testing.assert_allclose(shown, after.newest(deviation), atol=1e-3 * small)
        largest = max(largest, np.abs(deviation).max())
    assert largest > small


LAWS = {
    "bandwidth": (Bilateral(0.4, bandwidth=0.3), 3),
    "terminated": (Bilateral(0.8, 2.0, far_end=SeriesRC(), kappa=2.0), 3),
    "worldsheet": (Worldsheet(0.4, 0.3, 0.5), 3),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_settling_time_is_the_one_that_is_measured_from_blank_and_from_the_sample_before(name):
    law, longest = LAWS[name]
    rng = np.random.default_rng(5)
    network = Network.mlp([rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2])
    inputs, targets = rng.normal(size=(3, 4)) / 2, rng.normal(size=(3, 3)) / 2
    graph = compile_network(network, law=law, hardware=delays(1, longest), seed=2)
    exact = reference(network, inputs, targets)
    points = [operating_point(graph, exact, sample) for sample in range(3)]
    predicted = [settling_steps(graph, points[0])]
    predicted += [settling_steps(graph, points[k], before=points[k - 1]) for k in (1, 2)]
    hold = 3 * max(predicted)
    result = settle(graph, inputs, targets, hold_seconds=hold * 1e-9, target="numpy")
    assert result.settled.all()
    np.testing.assert_allclose(result.settling_steps, predicted, rtol=0.05, atol=1)
    assert len(set(predicted)) > 1


def test_residual_stacks_have_a_settling_time_too():
    rng = np.random.default_rng(7)
    network = stack(rng, 5, 4)
    inputs, targets = rng.normal(size=(2, 1, 4)) / 2
    for law in (Upwind(1.0, 1.0), Upwind(0.7, 0.8)):
        graph = compile_network(network, law=law)
        result = settle(graph, inputs, targets, hold_seconds=400e-9, target="numpy")
        predicted = settling_steps(graph, reference(network, inputs, targets))
        assert result.settling_steps[0] == pytest.approx(predicted, rel=0.1)


def test_beyond_what_is_followed_the_radius_takes_over():
    rng = np.random.default_rng(5)
    network = Network.mlp([rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2])
    point = reference(network, rng.normal(size=(1, 4)), rng.normal(size=(1, 3)))
    graph = compile_network(network, law=Bilateral(0.4, bandwidth=0.2), hardware=delays(1, 3))
    followed, estimated = settling_steps(graph, point), settling_steps(graph, point, most=60)
    assert 60 < followed < math.inf and estimated == pytest.approx(followed, rel=0.2)


def test_what_never_settles_takes_for_ever():
    network = stack(np.random.default_rng(3), 6, 5, 2.0)
    rng = np.random.default_rng(4)
    point = reference(network, *rng.normal(size=(2, 1, 5)))
    graph = compile_network(network, law=Upwind(1.0, 1.0))
    assert spectral_radius(graph, point) > 1
    assert settling_steps(graph, point) == math.inf


def test_refusals():
    network = Network.mlp([np.ones((1, 1))])
    graph, point = compile_network(network), reference(network, [1.0], [0.0])
    words = "prediction: tolerance is 1; allowed: above 0 and below 1"
    refuses(words, lambda: settling_steps(graph, point, tolerance=1), EngineError)
    words = "stations of law matched: it has none; allowed: law upwind"
    refuses(words, lambda: UpwindStep(graph, point), EngineError)
