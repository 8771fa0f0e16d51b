"""Two-way lines rest at backpropagation, whatever impedance, bandwidth, delays and terminations."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.measure import settling
from emulator.runs import presenting
from tests.substrate import delays
from tests.support.random_substrates import Case, draw, outcomes

#: draws (seed, attempt) that are predicted to settle within 500 steps, the last with a cross-entropy load
PICKED = [(0, 41), (1, 51), (2, 12), (3, 0), (5, 52), (6, 0), (7, 9), (8, 11), (4, 45)]


def picked(numbers: slice, **changes) -> list[Case]:
    drawn = [draw("bilateral", seed, attempt, 500) for seed, attempt in PICKED[numbers]]
    return [replace(case, **changes) for case in drawn if case is not None]


@pytest.mark.slow
def test_rest_is_backpropagation_whatever_impedance_bandwidth_delays_and_terminations():
    """Held for twice the predicted time, side by side in one brian2 network; more: tests.benchmarks.invariance."""
    drawn = picked(slice(8))
    assert len({case.graph.law for case in drawn}) == 8 and all(case.together for case in drawn)
    assert [outcome.case.name for outcome in outcomes(drawn) if not outcome.good] == []


def test_a_cross_entropy_load_rests_at_backpropagation_too():
    (outcome,) = outcomes(picked(slice(8, 9)))
    assert outcome.good and outcome.case.graph.loss == "softmax_cross_entropy"


#: draws of which many neurons are exponential units, the last with a cross-entropy load
EXPONENTIAL = [(8, 11), (17, 31), (4, 17)]


def test_exponential_units_rest_at_backpropagation_within_twice_the_predicted_time():
    drawn = [draw("bilateral", *at, 500, ("elu", "elu", "elu", "tanh")) for at in EXPONENTIAL]
    assert all("elu" in {site.function for site in case.graph.sites} for case in drawn)
    found = [*outcomes(drawn[:2]), *outcomes(drawn[2:])]
    assert all(outcome.good and outcome.settled for outcome in found)
    assert found[2].case.graph.loss == "softmax_cross_entropy"


def test_graphs_side_by_side_do_what_they_do_alone():
    """Far from rest each deviates from it by the same."""
    drawn = picked(slice(3), steps=20)
    for case, beside in zip(drawn, outcomes(drawn, 45), strict=True):
        (alone,) = outcomes([case], 45)
        assert beside.deviation == pytest.approx(alone.deviation, rel=1e-9) and beside.deviation > 1e-6


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(4, 3)) / 2, rng.normal(size=(3, 4)) / 2]
    network = Network.mlp(weights, [rng.normal(size=4), rng.normal(size=3)], loss="softmax_cross_entropy")
    return network, rng.normal(size=(3, 3)), np.array([0, 2, 1])


LAW = Bilateral(0.6, taper=3.0, bandwidth=0.9, far_end=SeriesRC())


@pytest.mark.slow
def test_samples_follow_each_other_and_runs_repeat_to_the_last_bit(small):
    network, inputs, targets = small
    graph = compile_network(network, law=LAW, hardware=delays(1, 5), seed=2)
    results = [settle(graph, inputs, targets, hold=400, tolerance=1e-8, target="numpy") for _ in range(2)]
    assert results[0].settled.all()
    assert (results[0].unsolved < 1e-14).all()
    errors = results[0].errors(reference(network, inputs, targets))
    assert max(errors[name] for name in ("state", "costate", "gradient")) < 1e-9
    for name in results[0].states:
        np.testing.assert_array_equal(results[0].costates[name], results[1].costates[name])
    np.testing.assert_array_equal(results[0].events, results[1].events)
    assert results[0].events.min() > 0
    hold = results[0].hold
    assert results[0].reflected_power[hold - 1] < 1e-12 * results[0].reflected_power.max()


@pytest.mark.slow
@pytest.mark.parametrize(("widths", "lines", "hold"), [((43, 12), (2, 2), 400), ((4,), (1, 5), 90)])
def test_the_compiled_program_does_what_numpy_does_and_judges_as_all_movements_do(
    small, widths, lines, hold, tmp_path, monkeypatch
):
    """Also of a sample that is 0, one that comes twice, one that hardly differs, and where no load answers.

    Columns are taken by 32, by 8 and one by one, rows by 4, junctions by 16.
    """
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path))
    rng = np.random.default_rng(4)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise((3, *widths, 3))]
    network, (_, inputs, targets) = Network.mlp(weights, loss="softmax_cross_entropy"), small
    x, y = inputs[[0, 1, 1, 1, 2, 0, 2]], targets[[0, 1, 1, 1, 2, 0, 2]]
    x[3] *= 1 + 1e-4
    x[5] = 0.0
    graph = compile_network(network, law=LAW, hardware=delays(*lines), seed=2)
    judge, entry, recordings, entries = presenting.judge, settling.last_entry, [], []

    def noted(graph, layout, recording, *rest, **how):
        recordings.append(recording)
        return judge(graph, layout, recording, *rest, **how)

    monkeypatch.setattr(presenting, "judge", noted)
    monkeypatch.setattr(settling, "last_entry", lambda *given: entries.append(entry(*given)) or entries[-1])
    for wanted in (y, None):
        recordings.clear(), entries.clear()
        compiled, interpreted = (
            settle(graph, x, wanted, hold=hold, target=target, traces=True, diagnose=False)
            for target in ("standalone", "numpy")
        )
        assert [one.entered is None for one in recordings] == [False, True]
        found = [len(one.moved["step"]) for one in recordings]
        assert (recordings[0].entered["x"] > 0).any() and found[0] < 0.4 * found[1]
        settled, half = interpreted.settled, len(entries) // 2
        for (ours, _), (theirs, _) in zip(entries[:half], entries[half:], strict=True):  # neuron by neuron
            np.testing.assert_array_equal(ours[settled], theirs[settled])
        assert (compiled.unsolved < 1e-14).all()
        assert compiled.settled.sum() > 0 and len(np.unique(compiled.settling_steps)) > 3
        for name in ("settled", "settling_steps", "outcome"):
            np.testing.assert_array_equal(getattr(compiled, name), getattr(interpreted, name))
        for name in compiled.held_costates:
            ours, theirs = (one.held_costates[name] for one in (compiled, interpreted))
            np.testing.assert_allclose(ours, theirs, atol=1e-12)
        np.testing.assert_allclose(compiled.waves.leaving, interpreted.waves.leaving, atol=1e-10)


def test_delays_of_both_directions_move_the_transient_and_not_the_rest(small):
    network, inputs, targets = small
    plain = {name: (p.weight, 0 * p.bias) for name, p in network.parameters.items()}
    network = network.with_parameters(plain)
    times, exact = [], reference(network, inputs[:1], targets[:1])
    for there, back in ((1, 1), (2, 5), (5, 3)):
        model = delays(there, there, backward=(back, back))
        graph = compile_network(network, law=LAW, hardware=model)
        one = inputs[:1], targets[:1]
        result = settle(graph, *one, hold_seconds=700e-9, tolerance=1e-6, target="numpy", traces=True)
        assert result.errors(exact)["costate"] < 1e-6
        times.append(int(result.settling_steps[0]))
        moved = np.abs(np.diff(result.traces.x[:, graph.site("x1").start : graph.site("x1").stop], axis=0)).max(axis=1)
        assert np.flatnonzero(moved)[0] + 1 == 2 * min(there, back)  # two lines from the source, or from the load
    assert times[0] < min(times[1], times[2])


def test_a_send_on_change_threshold_saves_events_and_bounds_the_error(small):
    network, inputs, targets = small
    graph = compile_network(network, law=LAW, hardware=delays(1, 3))
    exact = reference(network, inputs, targets)
    fine, coarse = (
        settle(graph, inputs, targets, hold=300, threshold=q, target="numpy", diagnose=False) for q in (0.0, 1e-3)
    )
    assert coarse.events.sum() < fine.events.sum() / 2
    error = max(np.abs(coarse.held_states[name] - exact.states[name]).max() for name in exact.states)
    assert 1e-6 < error < 0.1


def test_a_source_resistance_moves_the_rest_as_stated(small):
    """``x_0 = x_in - R lam_0``."""
    network, inputs, targets = small
    graph = compile_network(network, law=Bilateral(0.3, bandwidth=0.5, source_resistance=0.3))
    result = settle(graph, inputs[:1], targets[:1], hold=1200, tolerance=1e-8, target="numpy")
    assert result.settled.all()
    moved = inputs[:1] - 0.3 * result.costates["x0"]
    np.testing.assert_allclose(result.states["x0"], moved, atol=1e-8)
    exact = reference(network, moved, targets[:1])
    np.testing.assert_allclose(result.costates["s1"], exact.costates["s1"], atol=1e-7)
    early = settle(graph, inputs[:1], targets[:1], hold=30, target="numpy", diagnose=False)
    pairs = ((early.held_states, result.states), (early.held_costates, result.costates))
    off = max(np.abs(held[k] - rest[k]).max() / np.abs(rest[k]).max() for held, rest in pairs for k in rest)
    assert early.deviation == pytest.approx(off, rel=1e-3) and off > 1e-3


def test_inference_leaves_the_output_open():
    network = Network.mlp([[[0.5, -0.2], [0.3, 0.8]]])
    graph = compile_network(network, law=Bilateral(0.6, bandwidth=0.5))
    result = settle(graph, [[1.0, 2.0]], hold=200, target="numpy", tolerance=1e-6)
    assert result.settled.all() and result.costates == {}
    np.testing.assert_allclose(result.outputs, [[0.1, 1.9]], atol=1e-5)
