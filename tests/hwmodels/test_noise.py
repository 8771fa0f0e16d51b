"""Noise recursions have the stated rms and spectrum."""

import math

import numpy as np
import pytest

from hwmodels import BandNoise, FlickerNoise, HardwareError, Noise, rng


def test_band_noise_has_the_stated_rms_and_correlation():
    noise, step, n = BandNoise(rms=0.3, bandwidth=1e6), 2e-8, 200_000
    decay, drive = noise.recursion(step)
    scores = rng(4, "n").standard_normal(n)
    x = np.empty(n)
    x[0] = 0.3 * scores[0]
    for k in range(1, n):
        x[k] = decay * x[k - 1] + drive * scores[k]
    correlation_steps = 1 / (2 * math.pi * 1e6 * step)
    effective = n / (2 * correlation_steps)
    assert x.std() == pytest.approx(0.3, rel=4 / math.sqrt(2 * effective))
    lag = 8
    expected = math.exp(-lag / correlation_steps)
    assert np.mean(x[lag:] * x[:-lag]) / x.var() == pytest.approx(expected, abs=0.02)


def test_unlimited_noise_is_white():
    assert BandNoise(rms=0.3).recursion(1e-9) == (0.0, 0.3)


def test_flicker_poles_add_up_to_one_over_f():
    poles = FlickerNoise(rms=0.5, f_low=1e3, f_high=1e8).poles()
    assert math.sqrt(sum(pole.rms**2 for pole in poles)) == pytest.approx(0.5)
    f = np.geomspace(3e4, 3e6, 200)
    density = sum(pole.rms**2 * 2 / math.pi / pole.bandwidth / (1 + (f / pole.bandwidth) ** 2) for pole in poles)
    slope, intercept = np.polyfit(np.log(f), np.log(density), 1)
    assert slope == pytest.approx(-1, abs=0.01)
    assert np.max(np.abs(np.log(density) - slope * np.log(f) - intercept)) < 0.03


def test_silent_flicker_has_no_poles():
    assert FlickerNoise().poles() == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"flicker": {"rms": 0.1}}, "flicker.rms: 0.1 needs a band, allowed: 0, or f_low and f_high given"),
        (
            {"flicker": {"rms": 0.1, "f_low": "2 kHz", "f_high": "1 kHz"}},
            "flicker.f_low: 2000 Hz is not below f_high = 1000 Hz",
        ),
        ({"receiver": -0.1}, "receiver: -0.1 is out of range, allowed: a number at least 0"),
    ],
)
def test_wrong_noise_is_refused(fields, words):
    with pytest.raises(HardwareError, match=words):
        Noise(**fields)
