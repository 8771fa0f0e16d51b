"""Faults of two-way lines, each in the circuit's own terms: whole waves against an independent simulation."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.errors import EngineError
from emulator.families.bilateral import lay_out
from emulator.families.bilateral.scattering import BilateralStep
from emulator.laws import family_of
from emulator.measure.rest import operating_point
from emulator.measure.stability import spectral_radius
from tests.refusals import refuses
from tests.substrate import delays
from tests.two_way import chain

LAW = Bilateral(0.3, 2.0, far_end=SeriesRC())
STUCK = {"faults.stuck_port": {"places": ("x1[1]",), "value": 0.3}}
DEAD = {"faults.dead_node": {"places": ("x1[2]",)}}
OPEN = {"faults.open_line": {"places": ("x1[0]",)}}
CROSSTALK = {"lines.crosstalk": 0.05}
LOST = {"faults.dropped_event": {"rate": 0.2}}
EVERY = [STUCK, DEAD, OPEN, CROSSTALK, STUCK | CROSSTALK | {"lines.attenuation_forward": 0.97}]


def small():
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=(4, 3)) / 2, rng.normal(size=(2, 4)) / 2]
    return weights, rng.normal(size=3), rng.normal(size=2)


def run(changes, law=None, steps=60, high=1):
    weights, x, y = small()
    law = law or Bilateral(0.4, 1.7, kappa=1.3)
    network = Network.mlp(weights, activations=["tanh", "identity"])
    graph = compile_network(network, law=law, hardware=delays(1, high).replace(changes), seed=5)
    options = {"hold_seconds": steps * graph.step, "target": "numpy", "traces": True, "diagnose": False}
    return graph, settle(graph, x[None], y[None], **options), weights, x, y


def leaked(waves, beside, share):
    """A wave among those of its bundle: what each neighbour gets, it lacks."""
    found = waves.copy()
    for k in np.flatnonzero(beside):
        found[k] += share * (waves[k - 1] - waves[k])
        found[k - 1] += share * (waves[k] - waves[k - 1])
    return found


@pytest.mark.parametrize("changes", EVERY)
def test_every_wave_is_that_of_an_independent_simulation(changes):
    graph, result, weights, x, y = run(changes)
    lines, hidden = lay_out(graph).lines, graph.layer_neurons("x1")
    share, gain = graph.hardware.lines.crosstalk, graph.hardware.lines.attenuation_forward

    def carry(_, tail, head):
        tail, head = tail.copy(), head.copy()
        for fault, neuron, level in (("stuck_port", hidden[1], 0.3), ("dead_node", hidden[2], 0.0)):
            if getattr(graph.hardware.faults, fault).places:
                tail[lines.tail == neuron] = head[lines.head == neuron] = level
        ahead, back = (leaked(waves, lines.beside, share) for waves in (tail, head))
        if graph.hardware.faults.open_line.places:
            broken = (lines.tail == hidden[0]) | (lines.head == hidden[0])
            ahead[broken], back[broken] = head[broken], tail[broken]
        return gain * ahead, gain * back

    expected = chain(weights, x, y, lines.impedance, 1.3, 60, carry)
    np.testing.assert_allclose(result.waves.leaving, expected, atol=1e-10)
    ideal = chain(weights, x, y, lines.impedance, 1.3, 60, lambda _, tail, head: (tail, head))
    assert np.abs(result.waves.leaving - ideal).max() > 1e-2


LOSS = {"lines.attenuation_forward": 0.9}


@pytest.mark.parametrize(
    ("changes", "law"),
    [(STUCK, LAW), (DEAD, LAW), (CROSSTALK, LAW), (OPEN | LOSS, Bilateral(0.3, 2.0, bandwidth=0.5))],
)
def test_it_settles_at_its_own_rest_as_predicted(changes, law):
    graph, result, _, x, y = run(changes, law, 360, 2)
    exact = reference(graph.network, x[None], y[None])
    assert result.settled.all() and result.deviation.max() < 1e-6
    rest, bias = operating_point(graph, exact), family_of(graph.law).bias(graph, exact)
    assert bias.found == 1 and bias.gradient > 1e-3
    np.testing.assert_allclose(rest.x[graph.layer_neurons("x2")], result.held_states["x2"][0], atol=1e-6)
    assert result.reflected_power[-1] < 1e-12 * result.reflected_power.max()
    step = BilateralStep(graph, rest)
    np.testing.assert_allclose(step.rest[: len(rest.arriving)], result.waves.arriving[-1], atol=1e-6)
    vector = 1e-6 * np.random.default_rng(1).normal(size=step.shape[0])
    for _ in range(300):
        vector = step.carried(vector)
    assert np.abs(vector).max() < 1e-8


def test_a_broken_line_without_loss_rings_for_ever_which_is_predicted():
    """Between a clamp, which reflects -1, and a break, which reflects 1, nothing takes anything."""
    graph, result, _, x, y = run({"faults.open_line": {"places": ("x0[0]",)}}, LAW, 200, 2)
    assert not result.settled.any()
    assert spectral_radius(graph, operating_point(graph, reference(graph.network, x[None], y[None]))) == pytest.approx(
        1, abs=1e-9
    )


def test_events_that_get_lost_leave_the_wave_before():
    """Which get lost is seen from what taps hold; whole waves then follow, and the share is that of the rate."""
    graph, result, weights, x, y = run(LOST, steps=100)
    lines, count = lay_out(graph).lines, lay_out(graph).lines.count
    held = result.waves.arriving
    lost = held[1:] == held[:-1]
    before = [np.zeros(2 * count)]

    def carry(step, tail, head):
        came = np.concatenate([head, tail])
        before.append(np.where(lost[step], before[-1], came) if step < len(lost) else came)
        return before[-1][count:], before[-1][:count]

    expected = chain(weights, x, y, lines.impedance, 1.3, 100, carry)
    np.testing.assert_allclose(result.waves.leaving, expected, atol=1e-10)
    leaving = result.waves.leaving[:, lay_out(graph).partner]
    events = leaving[1:-1] != leaving[:-2]
    z = ((lost[1:] & events).sum() - 0.2 * events.sum()) / np.sqrt(0.2 * 0.8 * events.sum())
    assert events.sum() >= 900 and abs(z) < 4


def test_lost_events_slow_a_substrate_that_comes_to_rest_at_backpropagation():
    times, radii = [], []
    for changes in ({}, {"faults.dropped_event": {"rate": 0.5}}):
        graph, result, _, x, y = run(changes, LAW, 500, 2)
        assert result.settled.all()
        exact = reference(graph.network, x[None], y[None])
        assert result.errors(exact)["costate"] < 1e-3
        times.append(int(result.settling_steps[0]))
        radii.append(spectral_radius(graph, operating_point(graph, exact)))
    assert times[1] > 1.2 * times[0] and radii[1] > radii[0]


def test_doubled_events_bring_what_is_there_already():
    _, plain, *_ = run({})
    _, doubled, *_ = run({"faults.duplicated_event": {"rate": 0.3}})
    np.testing.assert_array_equal(plain.waves.leaving, doubled.waves.leaving)


def test_a_line_is_not_broken_in_one_direction():
    words = "hardware.faults.open_line.direction is 'forward'; allowed with law bilateral: 'both', since one conductor carries"
    changes = {"faults.open_line": {"rate": 0.5, "direction": "forward"}}
    refuses(words, lambda: run(changes), EngineError)
