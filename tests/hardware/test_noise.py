"""Rms, spectrum and statistics of noise and mismatch, measured in the brian2 run."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, stats

from hwmodels import HardwareModel
from tests.support.bench import STEP, crossbar, follows, hardware, has_mean, has_std, rejects, steady, stream, wires

RMS = 0.03


def test_receiver_noise_has_the_rms_asked_for_and_is_fresh_for_every_event():
    def check(model: HardwareModel) -> None:
        bench = stream(model)
        for direction in ("forward", "backward"):
            sent, received = bench.waves(direction)
            noise = received[1:] - sent[:-1]
            has_mean(noise, 0.0)
            has_std(noise, RMS)
            follows(noise, stats.norm(0, RMS))
            assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 4 / np.sqrt(noise.size)
            assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 4 / np.sqrt(noise.size)

    check(hardware(noise__receiver=RMS))
    rejects(check, hardware(), hardware(noise__receiver=2 * RMS), hardware(noise__receiver=RMS / 2))


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_synapses_share_the_noise_of_the_line_that_feeds_them(wiring):
    outputs = crossbar(hardware(noise__receiver=RMS), np.ones((30, 1)), np.arange(1.0, 51)[:, None], wiring=wiring)
    noise = outputs - np.arange(1.0, 51)[:, None]
    if wiring == "tile":  # one line feeds them all
        np.testing.assert_allclose(noise, np.repeat(noise[:, :1], 30, axis=1), atol=1e-12)
        has_std(noise[:, 0], RMS)
    else:
        has_std(noise, RMS)
        assert np.std(noise.mean(axis=1)) < 2 * RMS / np.sqrt(30)


def own_noise(model: HardwareModel, steps: int, width: int) -> np.ndarray:
    """Noise of nodes that are clamped to zero, (steps, nodes)."""
    return wires(model, np.zeros((1, width)), np.zeros((1, width)), steps).sent_forward


BAND = 2e7


def test_node_noise_has_the_rms_and_the_autocorrelation_asked_for():
    lag, apart = 6, 75  # steps: 0.75 and 9.4 correlation times

    def check(model: HardwareModel) -> None:
        noise = own_noise(model, 310, 300)
        now, later = noise[::apart].ravel()[: 4 * 300], noise[lag::apart].ravel()[: 4 * 300]
        has_std(now, RMS)
        follows(now, stats.norm(0, RMS))
        found = np.arctanh(np.corrcoef(now, later)[0, 1])
        assert abs(found - np.arctanh(np.exp(-2 * np.pi * BAND * lag * STEP))) < 4 / np.sqrt(len(now))

    check(hardware(noise__node={"rms": RMS, "bandwidth": BAND}))
    rejects(
        check,
        hardware(),
        hardware(noise__node={"rms": 2 * RMS, "bandwidth": BAND}),
        hardware(noise__node={"rms": RMS, "bandwidth": 2 * BAND}),
        hardware(noise__node={"rms": RMS, "bandwidth": BAND / 2}),
        hardware(noise__node={"rms": RMS}),
    )


def test_node_noise_without_a_bandwidth_is_white():
    def check(model: HardwareModel) -> None:
        noise = own_noise(model, 60, 100)
        has_std(noise, RMS)
        assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 4 / np.sqrt(noise.size)

    check(hardware(noise__node={"rms": RMS}))
    rejects(
        check, hardware(), hardware(noise__node={"rms": RMS / 2}), hardware(noise__node={"rms": RMS, "bandwidth": 1e8})
    )


def test_every_node_has_noise_of_its_own_on_the_way_forward():
    noise = wires(hardware(noise__node={"rms": RMS}), np.zeros((1, 200)), np.zeros((1, 200)), 40)
    x, y = noise.sent_forward[:-1], noise.received_forward[1:]
    has_std(y - x, RMS)
    assert abs(np.corrcoef(x.ravel(), (y - x).ravel())[0, 1]) < 4 / np.sqrt(x.size)


LOW, HIGH = 4e6, 1e8


def flicker(rms: float = RMS) -> HardwareModel:
    return hardware(noise__flicker={"rms": rms, "f_low": LOW, "f_high": HIGH})


@pytest.mark.slow
def test_flicker_noise_has_a_spectrum_that_falls_as_1_over_f():
    def check(model: HardwareModel) -> None:
        noise = own_noise(model, 1024, 100)
        has_std(noise[::500].ravel(), RMS)
        frequency, power = signal.periodogram(noise, fs=1 / STEP, window="hann", axis=0)
        band = (frequency > 2 * LOW) & (frequency < HIGH / 2)
        slope = np.polyfit(np.log(frequency[band]), np.log(power[band].mean(axis=1)), 1)[0]
        assert -1.1 < slope < -0.9

    check(flicker())
    rejects(
        check,
        flicker(2 * RMS),
        hardware(noise__node={"rms": RMS}),  # white
        hardware(noise__node={"rms": RMS, "bandwidth": LOW}),  # falls as 1/f^2
    )


@pytest.mark.parametrize("what", ["gain", "offset"])
def test_mismatch_is_frozen_and_has_the_spread_asked_for_in_each_direction(what):
    def model(forward: float, backward: float) -> HardwareModel:
        return hardware(**{f"noise__{what}_mismatch_{w}": s for w, s in (("forward", forward), ("backward", backward))})

    def check(model: HardwareModel) -> None:
        bench = steady(model, width=1200, samples=2)
        for direction, size in (("forward", RMS), ("backward", RMS / 3)):
            sent, received = (waves[11::12] for waves in bench.waves(direction))
            own = received / sent - 1 if what == "gain" else received - sent
            np.testing.assert_allclose(own[1], own[0], atol=1e-12)  # frozen
            has_mean(own[0], 0.0)
            has_std(own[0], size)

    check(model(RMS, RMS / 3))
    rejects(check, hardware(), model(2 * RMS, RMS / 3), model(RMS, RMS / 6), model(RMS, 0), model(RMS / 3, RMS))


@pytest.mark.parametrize("what", ["gain", "offset"])
def test_mismatch_belongs_to_the_chip_not_to_the_run(what):
    model = hardware(**{f"noise__{what}_mismatch_forward": RMS})
    first, again, other = (
        steady(model, width=10, seed=seed, chip=chip).received_forward[-1] for seed, chip in ((0, 0), (7, 0), (0, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > RMS / 3
