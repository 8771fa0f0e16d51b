"""Attenuation, loss, bandwidth, impedance and crosstalk of lines, measured in the brian2 run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emulator import Network, Worldsheet, compile_network, reference, settle
from hwmodels import HardwareModel, PerLength, Uniform
from tests.substrate import delays
from tests.support.bench import STEP, Bench, hardware, has_mean, has_std, rejects, steady, wires


def gain(bench: Bench, direction: str) -> np.ndarray:
    """What comes out of every line over what goes in, at the end of every hold."""
    sent, received = bench.waves(direction)
    at = bench.result.hold - 1
    return received[at :: at + 1] / sent[at :: at + 1]


def test_attenuation_is_the_ratio_of_out_to_in_in_each_direction():
    def check(model: HardwareModel) -> None:
        bench = steady(model, width=50)
        np.testing.assert_allclose(gain(bench, "forward"), 0.8, atol=1e-12)
        np.testing.assert_allclose(gain(bench, "backward"), 10 ** (-3 / 20), atol=1e-12)

    check(hardware(lines__attenuation_forward=0.8, lines__attenuation_backward="3 dB"))
    rejects(
        check,
        hardware(),
        hardware(lines__attenuation_forward=0.8),  # backward as forward
        hardware(lines__attenuation_forward=0.8, lines__attenuation_backward="6 dB"),
        hardware(lines__attenuation_forward=0.4, lines__attenuation_backward="3 dB"),
    )


def test_loss_grows_with_the_length_that_the_delay_shows():
    per_length, loss = 10 * STEP, 1.5  # 10 steps and 1.5 dB per metre
    law = PerLength(per_length=per_length, length=Uniform(low=1, high=6))

    def check(model: HardwareModel) -> None:
        bench = steady(model, width=200, hold=130)
        steps = (bench.received_forward != 0).argmax(axis=0)
        for direction in ("forward", "backward"):
            decibels = -20 * np.log10(gain(bench, direction)[0])
            np.testing.assert_allclose(decibels, loss * steps * STEP / per_length, atol=0.5 * STEP / per_length * loss)

    check(hardware(lines__delay_forward=law, lines__loss_per_length=loss))
    rejects(
        check,
        hardware(lines__delay_forward=law),
        hardware(lines__delay_forward=law, lines__loss_per_length=2 * loss),
        hardware(lines__delay_forward=law, lines__loss_per_length=loss, lines__attenuation_backward=0.9),
    )


BAND = 8e6
DIRECTIONS = pytest.mark.parametrize("direction", ["forward", "backward"])


def one_way(model: HardwareModel, wave: np.ndarray, direction: str, hold: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Send a wave (B, n) in one direction only: data against no targets, or targets against no data."""
    nothing = np.zeros_like(wave)
    data, targets = (wave, nothing) if direction == "forward" else (nothing, wave)
    return wires(model, data, targets, hold).waves(direction)


@DIRECTIONS
def test_the_step_response_of_a_line_is_that_of_one_pole(direction):
    def check(model: HardwareModel) -> None:
        sent, received = one_way(model, np.array([[1.0, -0.5, 0.3]]), direction, hold=300)
        after = np.arange(1, 300) * STEP
        expected = sent[0] * -np.expm1(-2 * np.pi * BAND * after)[:, None]
        np.testing.assert_allclose(received[1:], expected, atol=1e-12)

    check(hardware(lines__bandwidth=BAND))
    rejects(check, hardware(), hardware(lines__bandwidth=2 * BAND), hardware(lines__bandwidth=BAND / 2))


@DIRECTIONS
def test_at_the_bandwidth_amplitudes_are_3_dB_down(direction):
    wave = np.sin(2 * np.pi * BAND * np.arange(300) * STEP)[:, None]

    def check(model: HardwareModel) -> None:
        sent, received = one_way(model, wave, direction)
        assert abs(np.abs(received[150:]).max() / np.abs(sent[150:]).max() - math.sqrt(0.5)) < 0.03

    check(hardware(lines__bandwidth=BAND))
    rejects(check, hardware(), hardware(lines__bandwidth=2 * BAND), hardware(lines__bandwidth=BAND / 2))


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_bandwidth_leaves_the_rest_unchanged(wiring):
    rng = np.random.default_rng(2)
    network = Network.mlp([rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2.2], loss="mse")
    inputs, targets = rng.normal(size=(2, 4)), rng.normal(size=(2, 3))
    graph = compile_network(network, hardware=delays(1, 4).replace({"lines.bandwidth": 4e7}), wiring=wiring)
    result = settle(graph, inputs, targets, hold=150, target="numpy")
    assert result.settled.all()
    assert result.errors(reference(network, inputs, targets))["gradient"] < 1e-9


def measured_impedances(model: HardwareModel, width: int = 1500) -> np.ndarray:
    """Impedance of nodes from how far a target pushes their state in the first step: ``gamma Z target``."""
    network = Network.mlp([np.zeros((width, 1))], activations="identity", loss="mse")
    law = Worldsheet(beta=0.5, gamma=0.2, impedance=0.7)
    graph = compile_network(network, hardware=model, law=law, seed=3)
    result = settle(
        graph, np.ones((1, 1)), np.ones((1, width)), hold_seconds=2 * STEP, traces=True, diagnose=False, target="numpy"
    )
    return result.traces.x[0, 1:] / 0.2


def test_impedances_spread_as_asked_for():
    def check(model: HardwareModel) -> None:
        found = measured_impedances(model)
        has_mean(found, 0.7)
        has_std(np.log(found), math.sqrt(math.log1p(0.15**2)))

    check(hardware(lines__impedance_tolerance=0.15))
    rejects(check, hardware(), hardware(lines__impedance_tolerance=0.3), hardware(lines__impedance_tolerance=0.075))


def test_impedance_moves_the_transient_of_a_scattering_law_but_not_the_answer():
    rng = np.random.default_rng(6)
    network = Network.mlp([rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2.2], loss="mse")
    inputs, targets = rng.normal(size=(1, 4)), rng.normal(size=(1, 3))
    exact = reference(network, inputs, targets)
    traces = []
    for tolerance in (0.0, 0.3):
        model = delays(1, 3).replace({"lines.impedance_tolerance": tolerance})
        graph = compile_network(network, hardware=model, law=Worldsheet(0.8, 0.1, 0.5))
        result = settle(graph, inputs, targets, hold=200, traces=True, tolerance=1e-10, threshold=1e-13, target="numpy")
        assert result.settled.all()
        assert result.errors(exact)["gradient"] < 1e-9
        traces.append(result.traces.x)
    assert np.abs(traces[0] - traces[1])[:20].max() > 1e-3


LEAK = 0.06


@DIRECTIONS
def test_crosstalk_adds_the_share_asked_for_of_both_neighbours(direction):
    def check(model: HardwareModel) -> None:
        bench = steady(model, width=9, samples=3)
        sent, received = (waves[11::12] for waves in bench.waves(direction))
        padded = np.pad(sent, ((0, 0), (1, 1)))
        np.testing.assert_allclose(received, sent + LEAK * (padded[:, :-2] + padded[:, 2:]), atol=1e-12)

    check(hardware(lines__crosstalk=LEAK))
    rejects(check, hardware(), hardware(lines__crosstalk=2 * LEAK), hardware(lines__crosstalk=LEAK / 2))


def test_crosstalk_arrives_when_the_neighbours_wave_does():
    data = np.array([[0.0, 1.0, 0.0]])
    model = delays(2, 9).replace({"lines.crosstalk": 0.5})
    bench = wires(model, data, np.zeros((1, 3)), 20)
    (line,) = bench.result.graph.couplings
    came = (bench.received_forward != 0).argmax(axis=0)
    np.testing.assert_array_equal(came, np.full(3, line.delay_forward[1]))
    np.testing.assert_array_equal(bench.received_forward[-1], [0.5, 1.0, 0.5])
