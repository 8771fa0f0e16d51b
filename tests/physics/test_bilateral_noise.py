"""Rounding and noise of the waves on two-way lines."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.families.bilateral import lay_out
from emulator.measure.power import power_balance
from hwmodels import HardwareModel, quantize
from tests.substrate import delays

LAW = Bilateral(0.6, 2.0, bandwidth=1.0, far_end=SeriesRC())
BITS, FULL = 6, 1.5
LEVEL = FULL / (2 ** (BITS - 1) - 1)


def hardware(**changes) -> HardwareModel:
    return delays(1, 3).replace({name.replace("__", "."): value for name, value in changes.items()})


def rounding(how: str, bits: int = BITS, back: int = BITS - 1) -> dict:
    forward, backward = ({"bits": b, "full_scale": FULL, "rounding": how} for b in (bits, back))
    return {"precision__forward": forward, "precision__backward": backward}


def run(model: HardwareModel, law: Bilateral = LAW, hold: int = 60, activation: str = "relu", **settings):
    rng = np.random.default_rng(5)
    weights = [rng.normal(size=(4, 3)) / 2, rng.normal(size=(2, 4)) / 2]
    network = Network.mlp(weights, [np.zeros(4), np.zeros(2)], activation)
    inputs, targets = np.vstack([rng.normal(size=3), np.zeros(3)]), np.vstack([rng.normal(size=2), np.zeros(2)])
    graph = compile_network(network, law=law, hardware=model, seed=3)
    how = {"target": "numpy", "traces": True, "diagnose": False} | settings
    return settle(graph, inputs, targets, hold_seconds=hold * graph.step, **how)


def sent_and_received(result) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per tap (the low-pass is wide open): waves as their ports made them, and as they arrived."""
    layout = lay_out(result.graph)
    waves, pairs = result.waves, []
    for tap in range(layout.ports):
        delay = int(layout.tap_delay[tap])
        pairs.append((waves.leaving[:-delay, layout.partner[tap]], waves.arriving[delay:, tap]))
    return pairs


@pytest.mark.parametrize("how", ["nearest", "magnitude_truncation"])
def test_waves_are_rounded_as_they_leave_each_direction_by_its_own_quantiser(how):
    result = run(hardware(**rounding(how)))
    lines = lay_out(result.graph).lines.count
    pairs = sent_and_received(result)
    for tap, (sent, received) in enumerate(pairs[: 2 * lines]):
        bits = BITS if tap >= lines else BITS - 1  # forward waves arrive at head ends
        np.testing.assert_allclose(received, quantize(sent, bits, FULL, how), atol=1e-13)
    assert max(np.abs(sent).max() for sent, _ in pairs[: 2 * lines]) > LEVEL


def test_stochastic_rounding_takes_a_neighbour_and_repeats_with_its_seed():
    once, again, other = (run(hardware(**rounding("stochastic")), seed=seed) for seed in (0, 0, 1))
    lines = lay_out(once.graph).lines.count
    away = [(received - sent) / LEVEL for sent, received in sent_and_received(once)[lines : 2 * lines]]
    assert 0.5 < max(np.abs(a).max() for a in away) < 1 + 1e-6
    np.testing.assert_array_equal(once.waves.arriving, again.waves.arriving)
    assert not np.array_equal(once.waves.arriving, other.waves.arriving)


SIGMA = 0.02


def test_receivers_add_noise_of_their_own_to_every_event():
    result = run(hardware(noise__receiver=SIGMA), hold=150)
    lines = lay_out(result.graph).lines.count
    noise = np.array([(received - sent)[10:200] for sent, received in sent_and_received(result)[: 2 * lines]])
    assert noise.std() == pytest.approx(SIGMA, rel=0.05)
    assert abs(noise.mean()) < 4 * SIGMA / np.sqrt(noise.size)
    assert np.abs(np.corrcoef(noise) - np.eye(2 * lines)).max() < 0.4
    same, other = run(hardware(noise__receiver=SIGMA), hold=150), run(hardware(noise__receiver=SIGMA), hold=150, seed=1)
    np.testing.assert_array_equal(result.waves.arriving, same.waves.arriving)
    assert not np.array_equal(result.waves.arriving, other.waves.arriving)
    assert result.status == "lost in noise"  # its costates are no larger than what noise alone does
    assert run(hardware(noise__receiver=SIGMA / 10), hold=150).settled.all()
    exact = reference(result.graph.network, np.zeros((1, 3)), np.zeros((1, 2)))
    late = result.traces.x[200:, -2:] - exact.states["s2"]
    assert 0.2 * SIGMA < late.std() < 5 * SIGMA


@pytest.mark.parametrize("changes", [rounding("nearest"), {"noise__receiver": SIGMA}])
def test_the_power_monitor_names_the_lines_that_break_the_balance(changes):
    clean, broken = (power_balance(run(model)) for model in (hardware(), hardware(**changes)))
    assert clean.worst < 1e-12 and clean.violators() == {}
    assert broken.worst > 1e-4
    named = broken.violators(1e-6)
    assert named and all(name.startswith("line into ") for name in named)
    assert any("crossbar" in name for name in named) and any("x1[" in name for name in named)


@pytest.mark.slow
def test_magnitude_truncation_leaves_no_limit_cycle_where_rounding_to_nearest_does():
    """From data to zero data: a linear network, its transients damped slowly by a low-pass per line."""
    law = Bilateral(0.6, 2.0, bandwidth=0.97)
    results = {
        how: run(hardware(**rounding(how, 5, 5)), law, 1200, "identity") for how in ("nearest", "magnitude_truncation")
    }
    last = {how: result.waves.leaving[-200:] for how, result in results.items()}
    assert np.abs(last["nearest"]).max() > LEVEL / 2
    assert np.abs(np.diff(last["nearest"], axis=0)).max() > LEVEL / 2
    assert np.abs(last["magnitude_truncation"]).max() < 1e-12
    assert not results["nearest"].settled[1]
