"""Lines that are recharged at every sample, and what drivers and ports do about it."""

from dataclasses import replace

import numpy as np
import pytest

from emulator import (
    Bilateral,
    EngineError,
    Network,
    Ramp,
    Resistive,
    TrainingOptions,
    Worldsheet,
    compile_network,
    reference,
    settle,
    train,
    tune,
)
from emulator.families.bilateral.charge import charges_of
from emulator.learning import Learning, TikiTaka
from emulator.measure.rest import operating_point
from emulator.runs.search import Forecast
from emulator.training.charging import charging, forewarned, share_left
from emulator.training.streams import open_stream
from hwmodels import PulsedUpdate, Weights
from tests.benchmarks.charging import Lesson, charges_by_layer, flown
from tests.refusals import refuses

#: with a load so weak that next to nothing but the charge flows
WEAK = Bilateral(impedance=0.8, taper=2.0, far_end={"resistance": 2.0, "capacitance": 3.0}, kappa=1e-6)
RATE = 1e-9


def linear() -> tuple[Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    network = Network.mlp([rng.normal(size=(3, 4)) / 2, rng.normal(size=(2, 3)) / 2], activations="identity")
    return network, rng.normal(size=(2, 4)), rng.normal(size=(2, 2))


def pulled(samples: list[int], hold: int, ramp: int | None = None, opening: float = 0.0) -> np.ndarray:
    """Effort at the first layer, summed over a training so slow that weights stay where they are, in steps."""
    network, x, y = linear()
    training = TrainingOptions(epochs=1, schedule="unlocked", opening=opening)
    done = train(
        network, x[samples], y[samples], port=Resistive(RATE), law=WEAK, hold=float(hold), target="numpy", ramp=ramp,
        training=training,
    )  # fmt: skip
    return (done.network.dense["s1"].weight - network.dense["s1"].weight) / -RATE * hold


def test_the_charge_that_passes_a_port_is_that_of_the_lines_behind_it():
    """``C V`` of every line behind the crossbar, by the weights between, times the state; ports that open late see little."""
    network, x, _ = linear()
    graph, (w1, w2) = compile_network(network, law=WEAK), (layer.weight for layer in network.dense.values())
    into, out = charges_of(graph)
    hidden, answers = graph.layer_neurons("s1"), graph.layer_neurons("s2")
    v = w1 @ x[0]
    charge = np.outer((into + out)[hidden] * v + w2.T @ (into[answers] * (w2 @ v)), x[0])
    assert np.abs(pulled([0], 300) - charge).max() < 0.1 * np.abs(charge).max()
    assert np.abs(pulled([0], 300, opening=2.0)).max() < 0.1 * np.abs(charge).max()


def test_a_training_is_a_flow_and_a_charge():
    """Weights and biases after four images, against the prediction; without charges, or in single steps, it is far off."""
    rng = np.random.default_rng(4)
    network = Network.mlp([rng.normal(size=(5, 6)) / 2, rng.normal(size=(3, 5)) / 2], loss="softmax_cross_entropy")
    x, labels, rate, hold = rng.uniform(size=(4, 6)), rng.integers(0, 3, 4), 0.3, 120
    law = replace(WEAK, kappa=1.0)
    done = train(
        network, x, labels, port=Resistive(rate), law=law, hold=float(hold), target="numpy",
        training=TrainingOptions(epochs=1, schedule="unlocked"),
    )  # fmt: skip
    graph = compile_network(network, law=law)
    feed = open_stream(network, x, labels).rows(0, 4)[np.newaxis]
    lesson = Lesson(
        [network], feed[..., :6], feed[..., 6:], np.full(4, rate), *charges_by_layer(graph), graph.longest_round_trip
    )

    def off(other: Network, layer: str) -> float:
        learned, start = done.network.dense[layer].weight, network.dense[layer].weight
        return float(np.linalg.norm(other.dense[layer].weight - learned) / np.linalg.norm(learned - start))

    whole, step = flown(lesson, hold)[0], flown(lesson, hold, turns=1)[0]
    flow = flown(replace(lesson, into=[0.0, 0.0], out=[0.0, 0.0]), hold)[0]
    assert off(whole, "s1") < 0.1 < 0.2 < min(off(step, "s1"), off(flow, "s1"))
    assert off(whole, "s2") < 0.05 < 0.3 < off(step, "s2")
    biases = [one.dense["s1"].bias for one in (done.network, whole, flow)]
    near, far = (np.linalg.norm(one - biases[0]) / np.linalg.norm(biases[0]) for one in biases[1:])
    assert near < 0.05 < 0.07 < far


def test_what_moves_together_with_the_lines_cancels_sample_against_sample():
    order = [0, 1, 0, 1]
    jumps, ramps = (np.abs(pulled(order, 200, ramp=ramp)).max() for ramp in (None, 100))
    assert ramps < 0.5 * jumps


@pytest.mark.parametrize("law", [Worldsheet(beta=1.0, gamma=0.0), Bilateral(impedance=0.8, taper=2.0, far_end={})])
def test_drivers_move_evenly_and_then_are_the_datum_itself(law):
    network, x, y = linear()
    graph = compile_network(network, law=law)
    jump, ramp = (settle(graph, x, y, ramp=one, hold=300.0, target="numpy", traces=True) for one in (None, 10))
    assert ramp.settled.all() and ramp.errors(reference(network, x, y))["gradient"] < 1e-2
    shown, share = ramp.traces.x[:, :4], np.minimum(1.0, np.arange(1, 21) / 10)[:, None]
    np.testing.assert_allclose(shown[:20], share * x[0], atol=1e-12)
    np.testing.assert_allclose(shown[300:320], x[0] + share * (x[1] - x[0]), atol=1e-12)
    assert np.array_equal(shown[310], x[1])
    assert (ramp.events >= jump.events).all() and ramp.events.sum() > jump.events.sum()


def test_a_ramp_is_given_in_steps_seconds_or_as_a_share_and_the_default_hold_comes_after_it():
    network, x, y = linear()
    graph = compile_network(network)
    plain = settle(graph, x, y).hold
    for ramp in (6, Ramp(steps=6), Ramp(seconds=5.5 * graph.step), Ramp(share=6 / (plain + 6))):
        assert settle(graph, x, y, ramp=ramp).hold == plain + 6
    refuses(
        "ramp takes 9 steps and the hold 4, so that no sample would ever be reached; allowed: up to the hold",
        lambda: settle(graph, x, y, ramp=9, hold=4.0),
        EngineError,
    )
    refuses("steps and share are both given; allowed: one of them", lambda: Ramp(steps=3, share=0.5), EngineError)


def test_what_is_left_of_the_decay():
    assert share_left(0.0, 1, 8, 60) == 1.0
    assert share_left(2.0, 1, 6, 60) == pytest.approx(0.03)
    assert share_left(0.0, 60, 6, 240) == pytest.approx(0.19)
    network, x, y = linear()
    graph = compile_network(network, law=WEAK)
    exact = reference(network, x, y)
    long, short = (charging(graph, exact, hold) for hold in (1e9, 10.0))
    assert forewarned(long, 10**9) is None and "C/H = " in (forewarned(short, 10) or "")
    into, _ = charges_of(graph)
    s = exact.states["s2"]
    assert short[1].decay == pytest.approx(float((into[graph.layer_neurons("s2")] * s.var(axis=0)).sum()) / 10)
    assert charging(compile_network(network), exact, 10.0) == ()


def test_ports_that_open_once_do_not_open_by_and_by_and_one_way_lines_store_no_charge():
    network, x, y = linear()
    refuses(
        "schedule settled: opening is 2; allowed: 0, since its ports open once, at the end of a hold",
        lambda: train(network, x, y, training=TrainingOptions(epochs=1, opening=2.0)),
        EngineError,
    )
    refuses(
        "tuning of law worldsheet for learning: its lines store no charge; allowed: law bilateral",
        lambda: tune(compile_network(network, law=Worldsheet(beta=0.5)), x, y, aim="learning"),
        EngineError,
    )
    held = Weights(g_max="20 uS", differential=False, update=PulsedUpdate(pulses=100))
    refuses(
        "port tiki-taka: opening is 2; allowed: 0, since rows are read at moments of their own",
        lambda: Learning(TikiTaka(0.1, held), "unlocked", opening=2.0),
        EngineError,
    )


def test_a_layer_that_does_not_learn_has_no_decay_to_be_warned_of():
    network, x, y = linear()
    fixed = network.altered(
        [replace(layer, trainable=False) if layer.name == "s1" else layer for layer in network.layers.values()]
    )
    graph = compile_network(fixed, law=WEAK)
    assert [one.layer for one in charging(graph, reference(fixed, x, y), 10.0)] == ["s2"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hold": 9.0}, "tuning: hold is 9.0; allowed: none, since only aim 'learning' asks for it"),
        ({"hold": -5.0, "aim": "learning"}, "tuning: hold is -5.0; allowed: at least 1 step"),
    ],
)
def test_holds_are_for_tuning_to_learn(settings, words):
    network, x, y = linear()
    refuses(words, lambda: tune(compile_network(network, law=WEAK), x, y, **settings), EngineError)


def test_lines_of_less_charge_are_followed_longer():
    """A law that takes longer than the best, and costs less, is not given up."""
    network, x, y = linear()
    graph = compile_network(network, law=WEAK)
    points = [operating_point(graph, reference(network, x, y), 0)]
    dear, cheap = (Forecast(graph, points, 1e-3, lambda law, by=by: by) for by in (1.0, 0.01))
    cost, steps = dear.cost(WEAK, 1)
    assert cheap.cost(WEAK, 1, best=steps / 20) == pytest.approx((cost / 100, steps / 100))
    assert dear.cost(WEAK, 1, best=steps / 20)[1] == np.inf
