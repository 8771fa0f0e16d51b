"""Devices that learn: pulses against their formulas, levels, zero crossings, read noise and drift of the weight as it is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC
from emulator.learning import Device, Resistive
from emulator.learning.device_code import read_noise_code
from emulator.runs.train import train
from hwmodels import PolynomialSpread, PowerSpread, PulsedUpdate, SaturatingSpread, Weights, load, program

COUNT = 400


def row(start: float = 0.0, count: int = COUNT) -> Network:
    """As many weights as there are outputs, all fed by one input."""
    return Network.mlp([np.full((count, 1), start)], loss="mse")


def pulsed(pulses: int, sign: int, start: float = 0.0, w_max: float = 1.0, **law) -> np.ndarray:
    """Weights after a number of pulses, every hold asking for much more than one."""
    weights = Weights(g_max="20 uS", **law)
    x, y = np.ones((pulses, 1)), np.full((pulses, COUNT), 1e6 * sign)
    found = train(row(start), x, y, port=Device(1e-3, weights, w_max), samples=pulses, target="numpy", seed=1)
    return found.network.parameters["s1"].weight[:, 0]


def z_score(values: np.ndarray, mean: float, std: float) -> float:
    return abs(values.mean() - mean) / (std / math.sqrt(values.size))


@pytest.mark.parametrize("levels", [None, 51, 11])
@pytest.mark.parametrize("differential", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_pulse_trains_move_by_what_the_law_says_whatever_the_levels(differential, levels, sign):
    """A pulse of a linear device is worth ``(1 +- a)/pulses`` of its range; a level costs spread, not mean."""
    pulses, count, a, noise = 200, 12, 0.3, 0.4
    update = PulsedUpdate(pulses=pulses, asymmetry=a, write_noise=noise)
    found = pulsed(count, sign, 0.0, update=update, levels=levels, differential=differential)
    scale, up = (1.0, 1 + a) if differential else (2.0, 1 + sign * a)  # in a pair the device of the sign grows
    step = scale * up / pulses
    spread = step * noise * math.sqrt(count)
    if levels is not None:
        level = scale / (levels - 1)
        np.testing.assert_allclose(found / level, np.round(found / level), atol=1e-9)
        spread = math.hypot(spread, math.sqrt(count * step * level))  # at most: a level is taken with a small chance
    assert z_score(found, sign * count * step, spread) < 4
    if levels is None:
        assert found.std() == pytest.approx(spread, rel=0.15)
    assert np.abs(found.mean()) < 3 * count * step


def test_nonlinear_steps_below_half_a_level_do_not_vanish():
    update = PulsedUpdate(pulses=100, nonlinearity=3.0)
    analog, levels = (pulsed(30, 1, 0.5, update=update, levels=n) for n in (None, 21))
    assert 0.5 < analog[0] < 0.7
    assert z_score(levels, analog[0], levels.std()) < 4
    assert levels.std() < 0.1


@pytest.mark.parametrize(("asymmetry", "nonlinearity"), [(0.0, 0.0), (0.25, 0.8)])
def test_a_pair_that_crosses_zero_loses_nothing(asymmetry, nonlinearity):
    update = PulsedUpdate(pulses=10, asymmetry=asymmetry, nonlinearity=nonlinearity)
    start = 0.03
    found = pulsed(1, -1, start, update=update)
    fall = (1 - asymmetry) * math.exp(-nonlinearity * (1 - start)) / 10
    expected = -(fall - start) / fall * (1 + asymmetry) / 10
    np.testing.assert_allclose(found, expected, atol=1e-15)
    if not asymmetry:
        np.testing.assert_allclose(pulsed(7, -1, 0.33, update=update), 0.33 - 0.7, atol=1e-14)


def test_programming_rests_on_a_level_and_errs_beside_it():
    spread = PolynomialSpread(coefficients=("0.2 uS",), reference="20 uS")
    found = pulsed(1, 1, 0.0, levels=5, programming=spread, w_max=1.0)
    assert found.std() > 0
    clean = pulsed(1, 1, 0.0, levels=5)
    np.testing.assert_allclose(clean, 1.0, atol=1e-12)
    middle = train(
        row(0.05), np.ones((1, 1)), np.full((1, COUNT), 0.55), samples=1, target="numpy", seed=2,
        port=Device(1.0, Weights(g_max="20 uS", levels=5, programming=spread)),
    ).network.parameters["s1"].weight[:, 0]  # fmt: skip
    assert z_score(middle, 0.5, 0.01) < 4
    assert middle.std() == pytest.approx(0.01, rel=0.2)


def read_noise(kind: str):
    """A law, and the standard deviation (S) it gives at a conductance."""
    if kind == "power":
        law = PowerSpread(coefficient=0.3, exponent=0.5, ceiling=0.5)
        return law, lambda g: g * law.relative(np.maximum(g / 20e-6, 1e-12), 0.0)
    law = (
        SaturatingSpread(plateau="2 uS", scale="5 uS")
        if kind == "saturating"
        else PolynomialSpread(coefficients=("0.1 uS", "3 uS", "-4 uS"), reference="20 uS")
    )
    return law, law.sigma


@pytest.mark.parametrize("differential", [True, False])
@pytest.mark.parametrize("kind", ["power", "saturating", "polynomial"])
def test_the_code_of_read_noise_is_the_law_of_the_devices(kind, differential):
    law, _ = read_noise(kind)
    weights = Weights(g_min="1 uS", g_max="20 uS", differential=differential, read_noise=law)
    w = np.linspace(-1.9, 1.9, 39)
    names = {"w": w, "top": 1.9, "abs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "clip": np.clip}
    found = eval(read_noise_code(weights, "w", "top"), {}, names)
    np.testing.assert_allclose(found, program(weights, w, 0, "w", 1.9).read_sigma(), rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@pytest.mark.parametrize("port", ["device", "resistive"])
def test_read_noise_follows_the_weight_in_training_and_in_tests(wiring, port):
    law, sigma = read_noise("power")
    weights = Weights(g_min="1 uS", g_max="20 uS", update=PulsedUpdate(pulses=50), read_noise=law)
    hardware = load("ideal").replace(weights=weights)
    made = Device(1.0, None, 1.0) if port == "device" else Resistive(0.02)
    x, y = np.ones((60, 1)), np.full((60, COUNT), 1.0 if port == "resistive" else 1e3)
    start = np.full((COUNT, 1), 0.1)
    start[0] = 1.0  # so that the layer's largest weight is that of g_max
    network = Network.mlp([start], [np.zeros(COUNT)], loss="mse")
    test = (np.ones((10, 1)), np.zeros((10, COUNT)))
    found = train(
        network, x, y, port=made, samples=60, chunk=20, target="numpy", seed=3, hardware=hardware, wiring=wiring,
        test=test, evaluate_every=60,
    )  # fmt: skip
    held = found.network.parameters["s1"]
    w = held.weight[1:, 0]
    assert (w > 0.3).all(), "it should have moved far from its start"
    noise = (sigma(1e-6 + 19e-6 * np.abs(w)) ** 2 + sigma(np.array(1e-6)) ** 2) / (19e-6) ** 2
    answer = held.weight[:, 0] + held.bias
    expected = 0.5 * ((answer**2).sum() + noise.sum() + noise.max())
    assert found.test_loss == pytest.approx(expected, rel=0.02)
    frozen = (sigma(np.array(1e-6 + 19e-6 * 0.1)) / 19e-6) ** 2 * COUNT
    assert abs(frozen - noise.sum()) > 0.3 * noise.sum()


def drift(mean: float, std: float = 0.0, slope: float = 0.0) -> dict[str, object]:
    return {
        "first_reading": 20.0,
        "exponent_mean": {"slope": slope, "intercept": mean, "floor": 0.0, "ceiling": 1.0},
        "exponent_std": {"intercept": std, "floor": 0.0, "ceiling": 1.0},
    }


def slow(**law):
    """Devices on a substrate whose steps take a second."""
    weights = Weights(g_min="1 uS", g_max="20 uS", **law)
    return load("ideal").replace(
        {"weights": weights, "clock.node_update_interval": 1.0, "lines.delay_forward": 1.0, "lines.delay_backward": 1.0}
    )


def aged(samples: int, start: float, wanted: float = 0.0, **law):
    """Weights after so many holds of some seconds, and the result; input 1 if anything is wanted."""
    x, y = np.full((samples, 1), float(wanted != 0)), np.full((samples, COUNT), wanted)
    found = train(
        row(start), x, y, port=Device(1.0), samples=samples, hold=4.0, chunk=7, target="numpy", hardware=slow(**law),
        hardware_seed=5,
    )  # fmt: skip
    return found.network.parameters["s1"].weight[:, 0], found


@pytest.mark.parametrize("differential", [True, False])
def test_weights_that_nobody_writes_drift_as_they_do_on_the_shelf(differential):
    """Chunks and holds do not matter: after T seconds the exponents of the same chip have acted."""
    held, found = aged(30, 0.6, differential=differential, drift=drift(0.08, 0.02))
    weights = Weights(g_min="1 uS", g_max="20 uS", differential=differential, drift=drift(0.08, 0.02))
    devices = program(weights, np.full((COUNT, 1), 0.6), 5, "devices of s1", 1.0)
    fade = (30 * found.hold * found.step / 20.0) ** -devices.exponents[0, :, 0]
    expected = 0.6 * fade if differential else 2 * ((1e-6 + 19e-6 * 0.8) * fade - 1e-6) / 19e-6 - 1
    np.testing.assert_allclose(held, expected, atol=1e-12)
    assert held.std() > 0.005
    assert found.warnings == ()


def test_drift_begins_anew_with_every_write_and_not_before_the_first_reading():
    still, found = aged(4, 0.6, drift=drift(0.08))
    np.testing.assert_allclose(still, 0.6, atol=1e-15)
    assert found.warnings == (
        "hardware ideal: its devices drift from 20 s after a write on; the training takes "
        f"{4 * found.hold * found.step:g} s on the substrate, so none drifts while it learns",
    )
    busy, _ = aged(40, 0.5, 1e9, drift=drift(0.08), update=PulsedUpdate(pulses=1000))
    np.testing.assert_allclose(busy, 0.5 + 40 / 1000, atol=1e-12)
    idle, found = aged(40, 0.5, drift=drift(0.08), update=PulsedUpdate(pulses=1000))
    np.testing.assert_allclose(idle, 0.5 * (40 * found.hold * found.step / 20) ** -0.08, atol=1e-12)


def test_w_max_is_the_weight_at_g_max_from_the_first_programming_on():
    weights = Weights(g_max="20 uS", levels=5, update=PulsedUpdate(pulses=4))
    found = train(row(0.3), np.zeros((1, 1)), np.zeros((1, COUNT)), port=Device(1e-9, weights, 2.0), samples=1,
                  target="numpy").network.parameters["s1"].weight  # fmt: skip
    np.testing.assert_allclose(found, 0.5, atol=1e-12)  # levels at 0, 0.5, 1, 1.5, 2


def test_the_devices_have_one_owner():
    """Whoever describes them, they err and are read alike; a memory is not rounded twice."""
    spread = PolynomialSpread(coefficients=("0.5 uS",), reference="20 uS")
    weights = Weights(g_max="20 uS", programming=spread, update=PulsedUpdate(pulses=100), read_noise=spread)
    x, y = np.ones((5, 1)), np.ones((5, COUNT))
    how = {"samples": 5, "target": "numpy", "hardware_seed": 4}
    hardware = load("ideal").replace(weights=weights)
    runs = [
        train(row(0.4), x, y, port=port, hardware=model, **how)
        for port, model in (
            (Device(0.1), hardware),
            (Device(0.1, weights), hardware),
            (Device(0.1, weights), "ideal"),
        )
    ]
    assert runs[0].network.digest == runs[1].network.digest == runs[2].network.digest
    assert runs[0].history.loss == runs[2].history.loss
    memory = train(row(0.4), x, y, port=Device(1e-9, None, 0.5), hardware="loihi2", **how).network
    np.testing.assert_allclose(memory.parameters["s1"].weight, round(0.4 / 0.5 * 127) / 127 * 0.5, atol=1e-12)


def test_offsets_of_receivers_are_multiplied_by_the_weights_as_they_are():
    hardware = load("ideal").replace({"noise.offset_mismatch_forward": 0.2})
    rng = np.random.default_rng(1)
    network = Network.mlp([rng.normal(size=(3, 4))], loss="mse", activations="identity")
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 3)) * 5
    how = {"port": Resistive(0.05), "samples": 30, "target": "numpy", "hardware": hardware, "seed": 2}
    one, many = (train(network, x, y, chunk=chunk, **how) for chunk in (30, 5))
    np.testing.assert_allclose(
        many.network.parameters["s1"].weight, one.network.parameters["s1"].weight, rtol=0, atol=1e-12
    )


def test_devices_are_programmed_and_written_on_two_way_lines():
    weights = Weights(g_max="20 uS", levels=9, stuck_low=0.3, update=PulsedUpdate(pulses=8))
    law = Bilateral(0.8, far_end=SeriesRC())
    network = Network.mlp([np.full((20, 2), 0.3)], loss="mse", activations="identity")
    x, y = np.ones((4, 2)), np.full((4, 20), 9.0)
    found = train(
        network, x, y, port=Device(1.0, weights), law=law, hold=80, samples=4, target="numpy", hardware_seed=2
    )
    held, stuck = (
        found.network.parameters["s1"].weight,
        program(weights, network.parameters["s1"].weight, 2, "devices of s1", 1.0).stuck,
    )
    np.testing.assert_allclose(held * 8, np.round(held * 8), atol=1e-9)
    assert (held[stuck[0] != 0] <= 0).all()
    assert (held[(stuck == 0).all(axis=0)] > 0.6).all()


@pytest.mark.slow
@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_the_compiled_program_learns_with_devices_what_the_interpreter_does(wiring):
    rng = np.random.default_rng(9)
    network = Network.mlp([rng.normal(size=(6, 4)) / 3, rng.normal(size=(3, 6)) / 3], loss="softmax_cross_entropy")
    x, y = rng.normal(size=(20, 4)), rng.integers(3, size=20)
    spread = PolynomialSpread(coefficients=("0.3 uS", "0.4 uS"), reference="20 uS")
    weights = Weights(
        g_min="1 uS", g_max="20 uS", levels=64, stuck_low=0.05, programming=spread, drift=drift(0.05, 0.02, -0.01),
        update=PulsedUpdate(pulses=100, write_noise=0.3, nonlinearity=0.5, asymmetry=0.2),
        read_noise=PowerSpread(coefficient=0.05, exponent=0.4, ceiling=0.3, reading_time="1 us"),
    )  # fmt: skip
    hardware = slow().replace({"weights": weights, "noise.receiver": 0.01})
    how = {
        "port": Device(0.2, None, 2.0, burst=2), "samples": 40, "chunk": 16, "seed": 1, "test": (x, y),
        "hardware": hardware, "wiring": wiring, "batch": 2,
    }  # fmt: skip
    runs = [train(network, x, y, target=target, **how) for target in ("numpy", "standalone")]
    for name, p in runs[0].network.parameters.items():
        np.testing.assert_allclose(runs[1].network.parameters[name].weight, p.weight, atol=1e-12, rtol=0)
        np.testing.assert_allclose(runs[1].network.parameters[name].bias, p.bias, atol=1e-12, rtol=0)
        assert np.abs(p.weight - network.parameters[name].weight).max() > 1e-2
    for name, column in runs[0].history.columns().items():
        np.testing.assert_allclose(runs[1].history.columns()[name], column, atol=1e-12, rtol=1e-11, err_msg=name)
