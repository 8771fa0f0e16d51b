"""What "settled" promises: within the tolerance of exact backpropagation, whatever stores, delays or blurs waves."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Matched, Network, SeriesRC, Worldsheet, compile_network, reference, settle
from emulator.measure.settling import STILL_TRIPS, hold_for, stillness
from hwmodels import load
from tests.benchmarks.false_settled import group
from tests.substrate import delays

RNG = np.random.default_rng(5)
WEIGHTS = [RNG.normal(size=(6, 8)) / np.sqrt(8), RNG.normal(size=(3, 6)) / np.sqrt(6)]
INPUTS, TARGETS = RNG.uniform(size=(3, 8)), RNG.normal(size=(3, 3)) * 0.3
NETWORK = Network.mlp(WEIGHTS, activations="tanh")
GOOD = Bilateral(1.6, 4.0, far_end=SeriesRC(2, 3))


def run(law=None, hardware=None, network=NETWORK, inputs=INPUTS, targets=TARGETS, **how):
    graph = compile_network(network, law=law or Matched(), hardware=hardware or delays(1, 3), seed=3)
    return settle(graph, inputs, targets, target="numpy", **({"diagnose": False} | how))


def off(result, network=NETWORK, inputs=INPUTS, targets=TARGETS) -> np.ndarray:
    """Largest distance of each sample from the exact one, relative to its layer's largest value."""
    with np.errstate(over="ignore"):  # gradients of the largest scale
        exact = reference(network, inputs, targets)
    pairs = [(result.held_states[n], exact.states[n]) for n in exact.states]
    pairs += [(result.held_costates[n], exact.costates[n]) for n in exact.costates]
    return np.max([np.abs(h - e).max(axis=1) / np.abs(e).max(axis=1) for h, e in pairs], axis=0)


@pytest.mark.parametrize(
    ("law", "settles"),
    [
        pytest.param(Bilateral(1.0), False, marks=pytest.mark.slow),
        (Bilateral(), True),
        (GOOD, True),
        (Bilateral(0.4, 2.0, far_end=SeriesRC(1, 2000)), False),
    ],
)
def test_two_way_lines_are_settled_only_where_they_are_exact(law, settles):
    result = run(law, hardware=load("ideal"))
    assert result.settled.all() == settles and result.settled.any() == settles
    assert (off(result) <= 1e-3).all() == settles
    np.testing.assert_allclose(result.deviation, off(result), rtol=1e-3, atol=1e-9)


def test_the_distance_from_rest_is_that_from_exact_backpropagation_however_large():
    for law, hold in ((Matched(), 6), (Worldsheet(0.6, 0.1), 30), (GOOD, 30)):
        result = run(law, hardware=load("ideal"), hold=hold)
        np.testing.assert_allclose(result.deviation, off(result), rtol=1e-6, atol=1e-9)


def test_receivers_that_still_creep_are_not_settled():
    creeping = run(hardware=delays(1, 3).replace({"lines.bandwidth": 3e6}), hold=100)
    assert creeping.status == "not settled" and (off(creeping) > 1e-3).all()
    patient = run(hardware=delays(1, 3).replace({"lines.bandwidth": 3e6}))
    assert patient.settled.all() and (off(patient) <= 1e-3).all()


def test_reflecting_nodes_must_be_still_for_two_round_trips_and_a_tenth_of_the_hold():
    law = Worldsheet(0.6, 0.05)
    free = run(law, hold=200)
    graph, latest = free.graph, int(free.settling_steps.max())
    assert free.settled.all() and stillness(graph, 200) == max(STILL_TRIPS * graph.longest_round_trip, 20)
    assert stillness(graph, 2000) == 200 and stillness(compile_network(NETWORK), 2000) == 1
    enough = int(hold_for(graph, latest))
    assert run(law, hold_seconds=enough * graph.step).settled.all()
    assert not run(law, hold_seconds=(enough - 1) * graph.step).settled.all()


def test_where_noise_is_as_large_as_the_values_the_samples_are_lost_in_it():
    def noisy(sigma):
        return run(hardware=delays(1, 3).replace({"noise.receiver": sigma}), diagnose=True)

    quiet, lost = noisy(1e-4), noisy(3.0)
    assert quiet.settled.all() and quiet.reason is None
    assert lost.status == "lost in noise" and not lost.settled.any()
    assert "3 of 3 samples are lost in noise" in lost.reason
    assert lost.to_dict()["outcomes"] == ["lost in noise"] * 3 and lost.to_dict()["status"] == "lost in noise"
    assert (quiet.settling_steps >= quiet.graph.arrival.first_costate.max()).all()


def test_what_a_threshold_swallows_is_not_settled():
    swallowed, fine = (run(threshold=q, diagnose=True) for q in (5.0, 1e-6))
    assert swallowed.status == "below the threshold" and "3 of 3 samples are below the threshold" in swallowed.reason
    assert fine.settled.all() and (fine.settling_steps > 0).all()


def test_rows_that_rest_at_zero_settle_and_round_off_is_no_difference():
    network = Network.mlp(WEIGHTS, [-10 * np.ones(6), np.zeros(3)], "relu")  # every hidden neuron is off
    met = reference(NETWORK, INPUTS).states["s2"]  # targets met exactly: no costates
    for law, hold in ((Matched(), None), (Worldsheet(0.8), 150)):
        assert run(law, network=network, hold=hold).settled.all()
        assert run(law, targets=met, hold=hold).settled.all()
    assert run(inputs=0 * INPUTS, targets=0 * TARGETS).settled.all()


@pytest.mark.parametrize("scale", [1e-250, 1e-100, 1e100, 1e150])
def test_samples_of_any_scale_are_judged_by_their_own(scale):
    network = Network.mlp(WEIGHTS, activations="identity")
    result = run(network=network, inputs=scale * INPUTS, targets=scale * TARGETS)
    assert result.settled.all()
    assert (off(result, network, scale * INPUTS, scale * TARGETS) <= 1e-9).all()
    short = run(network=network, inputs=scale * INPUTS, targets=scale * TARGETS, hold=1)
    assert not short.settled.any()


def test_gradients_beyond_all_numbers_are_not_settled_but_states_without_them_are():
    network = Network.mlp(WEIGHTS, activations="identity")
    assert not run(network=network, inputs=1e250 * INPUTS, targets=1e250 * TARGETS).settled.any()
    assert run(network=network, inputs=1e250 * INPUTS, targets=None).settled.all()


@pytest.mark.parametrize("law", [Worldsheet(0.6, 0.2), Worldsheet(0.3, 0.05, 2.0)])
def test_without_a_load_only_states_are_judged_though_waves_run_back(law):
    free = run(law, targets=None, hold=100)
    assert free.settled.all() and (off(free, targets=None) <= 1e-3).all()


def test_a_hold_of_ten_thousand_steps_is_read_at_its_end():
    """brian2's clocks forgive a ten-thousandth of their step, which one step of such a hold is."""
    small = Network.mlp([np.eye(1)], activations="tanh")
    result = run(network=small, inputs=[[1.0]], targets=[[0.0]], hold_seconds=10_001e-9)
    assert result.hold == 10_001 and result.settled.all()


def test_static_errors_move_the_rest_and_the_verdict_with_it():
    wrong = {"noise.gain_mismatch_forward": 0.05, "noise.offset_mismatch_backward": 0.01, "lines.crosstalk": 0.02}
    wrong["precision.forward"] = {"bits": 6, "full_scale": 2.0}
    result = run(hardware=delays(1, 3).replace(wrong))
    assert result.settled.all() and (off(result) > 1e-3).all()
    assert (result.deviation < 1e-9).all()


@pytest.mark.parametrize("number", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3, 4, 5))])
def test_no_random_substrate_is_settled_in_error(number):
    tallies = group(number)
    assert [line for tally in tallies for line in tally.false] == []


def test_a_saturated_softmax_shakes_with_none_of_the_round_off_of_its_logits():
    """Round-off of logits of 1e94 feeds costates under a law that couples both; the answer itself is 0 or 1."""
    law, network = Worldsheet(0.7, 0.05), Network.mlp(WEIGHTS, activations="identity", loss="softmax_cross_entropy")
    inputs, wanted = 1e94 * INPUTS, np.eye(3)
    result = run(law, network=network, inputs=inputs, targets=wanted, hold=150)
    exact = reference(network, inputs, wanted)
    size = np.max([np.abs(part).max(axis=1) for part in exact.costates.values()], axis=0)
    worst = np.max([np.abs(result.held_costates[n] - v).max(axis=1) for n, v in exact.costates.items()], axis=0)
    assert (worst[result.settled] <= 1e-3 * np.maximum(size, 1.0)[result.settled]).all() and (worst > 1).any()
