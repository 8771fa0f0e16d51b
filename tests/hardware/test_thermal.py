"""Lines that attenuate add the thermal noise of their loss."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

from emulator import Bilateral, Matched, Network, SeriesRC, WavePMP, Worldsheet, compile_network, reference, settle
from emulator.engine import effects_of
from emulator.engine.thermal import thermal_noise
from emulator.families.bilateral.held import as_held
from emulator.families.bilateral.layout import lay_out as two_way_layout
from emulator.families.bilateral.noise import wave_noise
from emulator.families.node import lay_out
from emulator.laws import family_of
from emulator.measure.fields import Fields
from emulator.measure.noise_floor import noise_floor, noisy
from emulator.measure.rest import operating_point
from hwmodels import HardwareModel, Lines, load
from hwmodels.errors import HardwareError
from tests.substrate import delays

WARM = {"lines.temperature": 300.0, "lines.impedance": 50.0, "energy.unit_amplitude": 1e-3}
LOSS = {"lines.attenuation_forward": 0.9, "lines.attenuation_backward": 0.95}


def network(activation: str = "tanh") -> Network:
    rng = np.random.default_rng(3)
    return Network.mlp([rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2], activations=activation)


def data(samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return rng.normal(size=(samples, 4)), rng.normal(size=(samples, 3))


def expected(gain: float, ohms: float = 50.0, step: float = 1e-9) -> float:
    """Rms of an amplitude of 1 mV: half the open-circuit voltage of a resistor, less what the loss takes of it."""
    open_circuit = np.sqrt(4 * constants.Boltzmann * 300.0 * ohms / (2 * step))
    return float(open_circuit / 2 * np.sqrt(1 - gain**2) / 1e-3)


def test_a_line_that_lets_nothing_through_is_a_resistor():
    """At 290 K, 50 ohm and in 1 Hz: 0.895 nV without a load, of which a matched one gets half."""
    rms = np.sqrt(Lines(temperature=290.0).thermal_variance(np.array([0.0, 1.0]), 50.0, 0.5))
    assert 2 * rms[0] == pytest.approx(0.895e-9, rel=1e-3) and rms[1] == 0


def test_two_lossy_lines_in_series_are_one_of_the_loss_of_both():
    lines, one, other = Lines(temperature=77.0), np.array([0.8]), np.array([0.6])
    of = [lines.thermal_variance(gain, 50.0, 1e-9) for gain in (one, other, one * other)]
    np.testing.assert_allclose(other**2 * of[0] + of[1], of[2], rtol=1e-12)


@pytest.mark.parametrize("missing", ["lines.impedance", "energy.unit_amplitude"])
def test_volts_need_ohms_and_a_scale(missing):
    changes = {path: value for path, value in WARM.items() if path != missing}
    with pytest.raises(
        HardwareError, match=r"lines\.temperature: 300 K needs lines\.impedance and energy\.unit_amplitude"
    ):
        load("ideal").replace(changes)
    with pytest.raises(HardwareError, match="temperature"):
        load("ideal").replace(WARM | {"lines.temperature": -1.0})


@pytest.mark.parametrize("law", [Matched(), Worldsheet(), WavePMP(), Bilateral(0.3, 2.0, far_end=SeriesRC(1.0, 1.0))])
def test_without_loss_or_at_0_kelvin_there_is_none(law):
    cold, lossless = LOSS | WARM | {"lines.temperature": 0.0}, WARM
    for changes, noise in ((cold, False), (lossless, False), (LOSS | WARM, True)):
        assert noisy(compile_network(network(), law=law, hardware=delays().replace(changes), seed=1)) == noise


def test_every_receiver_of_one_way_lines_hears_it_with_its_own_noise():
    graph = compile_network(network(), hardware=delays(1, 4).replace(LOSS | WARM | {"noise.receiver": 2e-3}), seed=1)
    layout = lay_out(graph)
    forward = layout.tap_port < layout.neurons
    thermal = np.where(forward, expected(0.9), expected(0.95))
    np.testing.assert_allclose(np.sqrt(thermal_noise(graph)), thermal, rtol=1e-9)
    np.testing.assert_allclose(effects_of(graph, layout, 0).values["sigma"], np.hypot(thermal, 2e-3), rtol=1e-9)
    assert (family_of(graph.law).thermal(graph) == thermal_noise(graph)).all()


def test_one_line_that_is_far_longer_than_the_others_is_judged_by_its_own_noise():
    """Identities without sums, so that the noise of every neuron is that of its own lines."""
    lengths = {"kind": "lognormal", "mean": 0.05, "std": 0.3}
    changes = {
        "lines.delay_forward": {"kind": "per_length", "per_length": 7e-9, "length": lengths},
        "lines.loss_per_length": 1.0,
    }
    model = load("ideal").replace(WARM | changes | {"clock.node_update_interval": 1e-9})
    wide = Network.mlp([0.9 * np.eye(40)] * 2, activations="identity")
    graph = compile_network(wide, law=Matched(), hardware=model, seed=1, rounding="nearest")
    rng, thermal = np.random.default_rng(0), thermal_noise(graph)
    assert thermal.max() > 8 * thermal.mean()
    run = settle(graph, rng.normal(size=(12, 40)), rng.normal(size=(12, 40)), target="numpy", hold=150)
    assert run.settled.all()


@pytest.mark.parametrize("wiring", ["tile", pytest.param("synapse", marks=pytest.mark.slow)])
def test_the_spread_of_every_one_way_neuron_is_predicted(wiring):
    """Over 400 readings of one sample, on lines of unequal loss."""
    lengths = {"kind": "uniform", "low": 0.02, "high": 1.0}
    changes = {
        "lines.delay_forward": {"kind": "per_length", "per_length": 5e-9, "length": lengths},
        "lines.loss_per_length": 1.5,
    }
    model = load("ideal").replace(WARM | changes | {"clock.node_update_interval": 1e-9})
    graph = compile_network(network("identity"), hardware=model, wiring=wiring, seed=1, rounding="nearest")
    (x, y), layout = data(), lay_out(graph)
    rows = np.tile([[0.0], [1.0]], (200, 1))  # what does not change is not sent again
    run = settle(graph, x * rows, y * rows, target="numpy", diagnose=False)
    states = [run.states[name][1::2] for name in ("x1", "x2")]
    held = np.hstack([run.states["x0"][1::2], *states])
    none = np.zeros((1, graph.neurons))
    floor = noise_floor(graph, layout, Fields(none, held[:1], none, none), np.hstack([x, y]))
    for found, site in zip(states, ("x1", "x2"), strict=True):
        at = graph.site(site)
        scores = (found.std(axis=0, ddof=1) / floor.x[0, at.start : at.stop] - 1) * np.sqrt(2 * len(found))
        assert np.abs(scores).max() < 4


def test_what_arrives_on_two_way_lines_scatters_by_it_line_by_line():
    """Over 1,000 steps: residuals of arriving waves, each by the impedance of its own line; directions have losses of their own."""
    law = Bilateral(0.3, 4.0, far_end=SeriesRC(1.0, 1.0))
    hardware = delays(1, 3).replace(LOSS | WARM | {"lines.impedance_tolerance": 0.2})
    graph = compile_network(network(), law=law, hardware=hardware, seed=1)
    steps, (x, y) = 1000, data()
    run = settle(graph, x, y, hold_seconds=steps * graph.step, target="numpy", traces=True, diagnose=False)
    layout = two_way_layout(graph)
    count, z = layout.lines.count, layout.lines.impedance
    assert z.max() > 2 * z.min()
    sigma = np.concatenate([expected(0.95) * np.sqrt(z), expected(0.9) * np.sqrt(z)])
    gain = np.repeat([0.95, 0.9], count)
    scores = []
    for tap in range(2 * count):
        delay, port = layout.tap_delay[tap], layout.partner[tap]
        noise = run.waves.arriving[delay:, tap] - gain[tap] * run.waves.leaving[:-delay, port]
        scores.append((noise[2:].std() / sigma[tap] - 1) * np.sqrt(2 * len(noise)))
        assert abs(noise[2:].mean()) < 5 * sigma[tap] / np.sqrt(len(noise))
    assert np.abs(scores).max() < 5 and abs(np.mean(scores)) < 5 / np.sqrt(len(scores))


def test_two_way_states_scatter_as_predicted_from_the_noise_of_every_line():
    """Of linear neurons, for which the prediction is exact but for the lines' own part, which it takes for the largest."""
    law = Bilateral(0.3, 4.0, far_end=SeriesRC(1.0, 1.0))
    graph = compile_network(network("identity"), law=law, hardware=delays(1, 2).replace(LOSS | WARM), seed=1)
    (x, y), hold = data(), 4000
    run = settle(graph, x, y, hold_seconds=hold * graph.step, target="numpy", traces=True, diagnose=False)
    assert run.settled.all()
    exact = reference(graph.network, x, y)
    backward, forward = np.split(family_of(graph.law).thermal(graph), 2)
    state, costate = wave_noise(as_held(graph), operating_point(graph, exact), (forward, backward))
    for trace, predicted in ((run.traces.x, state), (run.traces.lam, costate)):
        spread = trace[hold // 10 :].std(axis=0)
        moving = spread > 1e-6 * spread.max()
        ratio = spread[moving] / predicted[moving]
        assert ratio.min() > 0.25 and np.median(ratio) > 0.65 and ratio.max() < 1.1


def test_a_temperature_is_part_of_a_files_hardware():
    model = HardwareModel.from_dict({
        "lines": {"temperature": "77 K", "impedance": "50 ohm"}, "energy": {"unit_amplitude": "10 mV"},
    })  # fmt: skip
    assert model.lines.temperature == 77.0
