"""The hardware model on the lines of Wave-PMP: whole waveforms against the transcription, and where it rests."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emulator import EngineError, Matched, Network, NetworkBuilder, WavePMP, compile_network, reference, settle, train
from emulator.families.wave_pmp import bias_of, energy_balance
from emulator.laws import family_of
from emulator.measure.clipping import clipped_network
from emulator.measure.fields import Fields
from emulator.measure.forecast import settling_steps
from emulator.measure.noise_floor import noise_floor
from emulator.measure.ranges import carried_by, ranges
from hwmodels import load
from tests.substrate import delays
from tests.support.wave_pmp import bounded_case, difference

DEVICES = {"weights__g_min": 0.0, "weights__g_max": 2e-5}
SPREAD = {"kind": "polynomial", "coefficients": (3e-7,), "reference": 2e-5}
QUANTISED = {"bits": 9, "full_scale": 3.0}
#: every effect, with its settings
EFFECTS = {
    "attenuation": {"lines__attenuation_forward": 0.9, "lines__attenuation_backward": "1 dB"},
    "mismatch": {
        "noise__gain_mismatch_forward": 0.05, "noise__gain_mismatch_backward": 0.05,
        "noise__offset_mismatch_forward": 0.02, "noise__offset_mismatch_backward": 0.03,
    },
    "crosstalk": {"lines__crosstalk": 0.05},
    "bandwidth": {"lines__bandwidth": 2e8},
    "impedance": {"lines__impedance_tolerance": 0.1},
    "devices": DEVICES | {"weights__programming": SPREAD},
    "nearest": {"precision__forward": QUANTISED, "precision__backward": QUANTISED | {"bits": 8}},
    "truncated": {"precision__forward": QUANTISED | {"rounding": "magnitude_truncation"}},
    "full scale": {"precision__forward": {"bits": 12, "full_scale": 0.6}, "precision__backward": {"bits": 12, "full_scale": 0.2}},
    "stuck ports": {"faults__stuck_port": {"rate": 0.1, "value": 0.3}},
    "open lines": {"faults__open_line": {"rate": 0.1}},
    "dead nodes": {"faults__dead_node": {"rate": 0.1}},
    "stochastic": {"precision__forward": QUANTISED | {"rounding": "stochastic"}, "precision__backward": QUANTISED | {"rounding": "stochastic"}},
    "receiver noise": {"noise__receiver": 1e-3},
    "node noise": {"noise__node": {"rms": 1e-3, "bandwidth": 5e7}, "noise__flicker": {"rms": 1e-3, "f_low": 1e6, "f_high": 1e8}},
    "dropped events": {"faults__dropped_event": {"rate": 0.1}},
    "doubled events": {"faults__duplicated_event": {"rate": 0.1}, "noise__receiver": 1e-3},
}  # fmt: skip


@pytest.mark.parametrize(("effect", "late"), [(name, k % 2 > 0) for k, name in enumerate(EFFECTS)])
def test_waveforms_are_those_of_the_algorithm_on_such_lines(effect, late):
    """States, costates, waves and weights at every step, while it learns."""
    changes = {name.replace("__", "."): value for name, value in EFFECTS[effect].items()}
    model = delays(1, 3 if late else 1).replace(changes)
    case = bounded_case(list(EFFECTS).index(effect) + 100 * late, steps=40, hardware=model, real=True)
    for name, off in difference(case, "numpy").items():
        assert off < 1e-12, name


@pytest.mark.slow
@pytest.mark.parametrize(("effect", "late"), [(name, k % 2 == 0) for k, name in enumerate(EFFECTS)])
def test_waveforms_the_other_way_round(effect, late):
    test_waveforms_are_those_of_the_algorithm_on_such_lines(effect, late)


def test_waveforms_are_those_of_lines_whose_events_come_early_or_late():
    case = bounded_case(3, steps=60, hardware=delays(4, 6).replace({"lines.jitter": 0.7e-9}), real=True)
    for name, off in difference(case, "numpy").items():
        assert off < 1e-12, name


def graph_of(changes: dict, wiring: str = "tile", seed: int = 3, **law):
    rng = np.random.default_rng(seed)
    sizes = (6, 5, 5, 3)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]
    biases = [0.1 * rng.normal(size=b) for b in sizes[1:]]
    made = Network.mlp(weights, biases, ["tanh", "tanh", "identity"], loss="softmax_cross_entropy")
    model = load("ideal").replace({name.replace("__", "."): value for name, value in changes.items()})
    settings = {"nu": 0.2, "alpha": 0.6, "metric": 1.2, "load": "implicit"} | law
    graph = compile_network(made, hardware=model, law=WavePMP(**settings), wiring=wiring, seed=1)
    return graph, rng.normal(size=(2, 6)), rng.dirichlet(np.ones(3), size=2)


STATIC = (
    "attenuation",
    "mismatch",
    "crosstalk",
    "bandwidth",
    "impedance",
    "devices",
    "stuck ports",
    "open lines",
    "dead nodes",
)


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_it_rests_at_the_rest_of_its_own_static_errors(wiring):
    """All at once; what the stationary equations of this chip say of the bias is what is measured."""
    graph, x, y = graph_of({k: v for name in STATIC for k, v in EFFECTS[name].items()}, wiring)
    result, exact = settle(graph, x, y, hold=150, target="numpy", tolerance=1e-9), reference(graph.network, x, y)
    assert result.settled.all()
    assert result.deviation.max() < 1e-9
    computed = bias_of(graph, exact)
    assert computed.gradient == pytest.approx(result.errors(exact)["gradient"], rel=1e-6)
    ideal, *_ = graph_of({}, wiring)
    assert abs(bias_of(ideal, exact).gradient - computed.gradient) > 1e-3


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_wirings_without_errors_rest_at_the_same_place(wiring):
    for transport in ("identity", "jacobian"):
        graph, x, y = graph_of({}, wiring, transport=transport, metric={"x1": np.eye(5) + 0.2, "x2": 1.1})
        result = settle(graph, x, y, hold=150, target="numpy", tolerance=1e-9)
        tile = settle(
            graph_of({}, "tile", transport=transport, metric={"x1": np.eye(5) + 0.2, "x2": 1.1})[0],
            x,
            y,
            hold=300,
            target="numpy",
        )
        assert result.settled.all()
        for name, gradient in tile.held_gradients.items():
            np.testing.assert_allclose(result.held_gradients[name].weight, gradient.weight, atol=1e-12)


def test_weights_that_are_read_anew_move_the_rest_of_every_sample():
    graph, x, y = graph_of(DEVICES | {"weights__read_noise": SPREAD})
    result = settle(graph, x[[0, 0]], y[[0, 0]], hold=150, target="numpy", tolerance=1e-9)
    assert result.settled.all()
    assert np.abs(np.diff(result.states["x3"], axis=0)).max() > 1e-4


@pytest.mark.parametrize("effect", ["nearest", "dropped events"])
def test_levels_and_lost_events_are_no_distance_from_rest(effect):
    """At a rest no port changes its level, and what a lost event left behind stays."""
    changes = (
        {"precision__forward": QUANTISED, "precision__backward": QUANTISED} if effect == "nearest" else EFFECTS[effect]
    )
    settled = 0
    for seed in range(2):
        graph, x, y = graph_of(changes, seed=seed)
        result = settle(graph, x, y, hold=150, target="numpy", tolerance=1e-9, diagnose=False)
        settled += result.settled.sum()
        assert (result.deviation[result.settled] < 1e-9).all()
    assert settled >= 2


@pytest.mark.slow
@pytest.mark.parametrize("effect", ["receiver noise", "node noise"])
def test_the_noise_floor_is_the_spread_of_what_is_held(effect):
    graph, x, y = graph_of(EFFECTS[effect])
    result = settle(graph, np.tile(x[:1], (160, 1)), np.tile(y[:1], (160, 1)), hold=40, target="numpy", diagnose=False)
    family = family_of(graph.law)
    plan = family.plan(graph, 40, 1)
    held = Fields(*(np.full((1, graph.neurons), 0.1) for _ in range(4)))  # Newton's method begins there
    floor = noise_floor(graph, plan.layout, held, np.hstack([x[:1], y[:1]]))
    for name, predicted in (("x", floor.x), ("lam", floor.lam)):
        values = result.held_states if name == "x" else result.held_costates
        spread = np.hstack([values[site.name][8:].std(axis=0) for site in graph.sites])
        ratio = spread / predicted[0]
        assert 0.9 < np.sqrt(np.mean(ratio**2)) < 1.1
    assert result.settled.mean() > 0.9


def test_signals_below_the_noise_are_lost_in_it():
    graph, x, y = graph_of({"noise__receiver": 0.5})
    assert set(settle(graph, x, y, hold=60, target="numpy", diagnose=False).outcome) == {"lost in noise"}


def test_runs_repeat_by_their_seed_and_chips_by_theirs():
    graph, x, y = graph_of(EFFECTS["doubled events"] | EFFECTS["stochastic"] | EFFECTS["node noise"])
    first, again, other = (
        settle(graph, x, y, hold=20, target="numpy", seed=k, diagnose=False).held_states["x3"] for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_is_cut_off_is_told_of_waves_too_and_calibrated_full_scales_hold_them():
    law = {"metric": 2.0}  # waves that come back carry Theta^2 times the state
    graph, x, y = graph_of({"precision__backward": {"bits": 12, "full_scale": 0.5}}, **law)
    assert settle(graph, x, y, hold=60, target="numpy", diagnose=False).clipping.backward > 0.1
    exact = reference(graph.network, x, y)
    assert clipped_network(graph, exact).backward > 0.1
    needed = carried_by(graph_of({}, **law)[0], exact, ranges(graph.network, exact))
    wide, *_ = graph_of({"precision__backward": {"bits": 12, "full_scale": needed.backward}}, **law)
    assert not settle(wide, x, y, hold=60, target="numpy", diagnose=False).clipping.any


def test_settling_behind_slow_lines_is_predicted():
    graph, x, y = graph_of({"lines__bandwidth": 3e7, "lines__attenuation_forward": 0.9})
    found = settle(graph, x, y, hold=400, target="numpy").settling_steps[0]
    assert settling_steps(graph, reference(graph.network, x, y)) == pytest.approx(found, rel=0.2)


def test_the_energy_of_waves_is_accounted_for_with_what_lines_do_to_it():
    graph, x, y = graph_of(EFFECTS["attenuation"] | EFFECTS["receiver noise"] | EFFECTS["nearest"])
    found = energy_balance(settle(graph, x, y, hold=60, target="numpy", traces=True, diagnose=False))
    assert np.abs(found.imbalance).max() < 1e-12 * found.stored.max()
    assert np.abs(found.lines).max() > 1e-4 * found.stored.max()


def test_crosstalk_is_no_weight_decay():
    """Numbers of lines and of parameter ports do not get in each other's way."""
    build = NetworkBuilder()
    made = build.build(output=build.dense(build.input("x", 2), np.full((2, 2), 0.3), name="out"), loss="mse")
    model = load("ideal").replace({"lines.crosstalk": 0.2})
    for law in (WavePMP(0.0, 1.0), Matched()):
        result = train(
            made, np.zeros((4, 2)), np.zeros((4, 2)), law=law, hardware=model, epochs=1, target="numpy", hold=4.0
        )
        np.testing.assert_array_equal(result.network.parameters["out"].weight, 0.3)


def test_a_wave_that_has_no_line_is_refused():
    build = NetworkBuilder()
    weight, there = np.eye(3)[::-1], np.eye(3, dtype=bool)[::-1]
    made = build.build(output=build.dense(build.input("x", 3), weight, devices=there, name="out"), loss="mse")
    graph = compile_network(made, law=WavePMP(), wiring="synapse")
    words = "wiring is 'synapse', and 'out' lacks devices on whose lines the identity could transport its waves"
    with pytest.raises(EngineError, match=words):
        settle(graph, np.ones((1, 3)), np.ones((1, 3)))
