"""With noise, a sample has settled when only noise moves it, and not when it still drifts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emulator import Matched, Network, Worldsheet, compile_network, settle
from emulator.engine import effects_of, simulate
from emulator.families.node import NodePlan, lay_out, values_of
from emulator.measure.fields import Fields
from emulator.measure.noise_floor import noise_floor
from tests.substrate import delays

NOISES = {
    "node": {"noise.node": {"rms": 5e-3, "bandwidth": 2e7}},
    "receiver": {"noise.receiver": 5e-3},
    "flicker": {"noise.flicker": {"rms": 5e-3, "f_low": 1e6, "f_high": 1e8}},
    "node through 8 bits": {"noise.node": {"rms": 5e-3}, "precision.forward": {"bits": 8, "full_scale": 4.0},
                            "precision.backward": {"bits": 8, "full_scale": 4.0}},
    "stochastic rounding": {"precision.forward": {"bits": 8, "full_scale": 4.0, "rounding": "stochastic"}},
}  # fmt: skip


def network() -> Network:
    rng = np.random.default_rng(3)
    sizes = [6, 9, 8, 4]
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]
    return Network.mlp(weights, activations="tanh", loss="mse")


def run(changes: dict, law=None, hold: int = 150, samples: int = 4):
    rng = np.random.default_rng(7)
    graph = compile_network(network(), hardware=delays(1, 4).replace(changes), law=law, seed=1)
    inputs, targets = rng.normal(size=(samples, 6)), rng.normal(size=(samples, 4))
    return settle(graph, inputs, targets, hold_seconds=hold * graph.step, target="numpy", diagnose=False)


@pytest.mark.parametrize("noise", NOISES)
def test_it_settles_although_noise_moves_it(noise):
    result = run(NOISES[noise])
    assert result.settled.all()
    assert (result.settling_steps < 60).all()


@pytest.mark.parametrize("noise", ["node", "flicker"])
def test_it_does_not_settle_while_it_drifts_beneath_the_noise(noise):
    slow = Worldsheet(beta=0.02)
    assert not run(NOISES[noise], slow).settled.any()
    assert not run({}, slow).settled.any()


def test_growing_echoes_are_not_taken_for_noise():
    result = run(NOISES["node"], Worldsheet(1.0, 0.6, 3.0), hold=400)
    assert not result.settled.any()


def test_a_hold_too_short_for_the_last_wave_is_not_settled():
    assert not run(NOISES["node"], hold=10).settled.any()


@pytest.mark.parametrize("noise", ["node", "receiver"])
def test_the_predicted_floor_is_the_spread_of_what_is_held(noise):
    """Held states and costates of one sample, presented again and again, scatter as predicted."""
    graph = compile_network(network(), hardware=delays(1, 4).replace(NOISES[noise]), law=Matched(), seed=1)
    rng = np.random.default_rng(7)
    two = np.hstack([rng.normal(size=(2, 6)), rng.normal(size=(2, 4))])
    layout = lay_out(graph)
    effects = effects_of(graph, layout, 0)
    plan = NodePlan(layout, graph.law, graph.loss, 40, 240, effects=effects, probe=False, power=False)
    recording = simulate(plan, values_of(graph, layout, effects, loaded=True), np.tile(two, (120, 1)), "numpy")
    count = layout.neurons
    floor = noise_floor(
        graph,
        layout,
        Fields(recording.v[:, count:], recording.u[:, :count], recording.lam, recording.u[:, count:]),
        two,
    )
    state, costate = floor.x[::2], floor.lam[::2]
    moving = np.arange(layout.neurons) >= 6
    for held, predicted in ((recording.u[::2, : layout.neurons], state), (recording.lam[::2], costate)):
        ratio = held.std(axis=0)[moving] / predicted.mean(axis=0)[moving]
        assert 0.9 < np.sqrt(np.mean(ratio**2)) < 1.1
        assert (ratio > 0.6).all()
        assert (ratio < 1.5).all()
