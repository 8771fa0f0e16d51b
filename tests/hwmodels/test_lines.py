"""Lines: sampling, loss, bandwidth, and contradictions."""

import math

import numpy as np
import pytest

from hwmodels import Constant, HardwareError, Lines, Normal, PerLength, Uniform

LENGTHS = {"kind": "uniform", "low": 0.1, "high": 0.3}


def test_backward_delay_is_the_forward_draw_times_the_asymmetry():
    sample = Lines(delay_forward=Normal(mean=1e-9, std=1e-10), delay_asymmetry=1.5).sample(100, 3)
    assert np.allclose(sample.delay_backward, 1.5 * sample.delay_forward, rtol=1e-15, atol=0)
    assert sample.delay_forward.std() > 5e-11


def test_own_backward_delay_is_an_independent_draw():
    law = Normal(mean=1e-9, std=1e-10)
    sample = Lines(delay_forward=law, delay_backward=law).sample(5000, 3)
    assert abs(np.corrcoef(sample.delay_forward, sample.delay_backward)[0, 1]) < 0.07


def test_loss_follows_the_drawn_length():
    lines = Lines(
        delay_forward={"kind": "per_length", "per_length": 7e-9, "length": LENGTHS},
        delay_backward={"kind": "per_length", "per_length": 9e-9, "length": LENGTHS},
        loss_per_length="0.2 dB/cm",
        attenuation_forward="1 dB",
        attenuation_backward=0.5,
    )
    sample = lines.sample(50, 1)
    length = sample.delay_forward / 7e-9
    assert np.allclose(sample.delay_backward, 9e-9 * length, atol=0)
    assert np.allclose(20 * np.log10(sample.gain_forward), -(1 + 20 * length))
    assert np.allclose(sample.gain_backward, 0.5 * 10**-length)
    assert 0.1 <= length.min() < 0.15


def test_attenuation_backward_defaults_to_forward():
    sample = Lines(attenuation_forward=0.8).sample(3, 0)
    assert sample.gain_backward.tolist() == [0.8] * 3


def test_impedance_has_the_stated_tolerance():
    ratio = Lines(impedance_tolerance=0.1).sample(100_000, 2).impedance_ratio
    assert ratio.mean() == pytest.approx(1, abs=4 * 0.1 / math.sqrt(100_000))
    assert ratio.std() == pytest.approx(0.1, rel=0.02)
    assert ratio.min() > 0


def test_one_effect_does_not_change_another_s_samples():
    law = Normal(mean=1e-9, std=1e-10)
    plain = Lines(delay_forward=law).sample(20, 9)
    rich = Lines(delay_forward=law, impedance_tolerance=0.3, attenuation_forward=0.5).sample(20, 9)
    assert (plain.delay_forward == rich.delay_forward).all()
    assert (plain.delay_forward != Lines(delay_forward=law).sample(20, 10).delay_forward).all()
    assert (plain.delay_forward != Lines(delay_forward=law).sample(20, 9, "others").delay_forward).all()


def test_filter_coefficient_is_the_exact_step_response():
    bandwidth, step = 2e8, 1e-10
    c = Lines(bandwidth=bandwidth).filter_coefficient(step)
    y = 0.0
    for _ in range(10):
        y += c * (1 - y)
    assert y == pytest.approx(1 - math.exp(-2 * math.pi * bandwidth * 10 * step), rel=1e-12)
    assert Lines().filter_coefficient(step) == 1.0


def test_unknown_delay_cannot_be_sampled():
    with pytest.raises(HardwareError, match=r"lines.delay_forward: is not known and must be supplied"):
        Lines(delay_forward=None).sample(1, 0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"delay_backward": "1 ns", "delay_asymmetry": 2.0}, "delay_asymmetry: 2 contradicts delay_backward"),
        ({"loss_per_length": "3 dB/cm"}, "loss_per_length: 300 dB/m needs line lengths"),
        (
            {
                "delay_forward": PerLength(per_length=1e-9, length=Constant(value=1.0)),
                "delay_backward": PerLength(per_length=1e-9, length=Uniform(low=1.0, high=2.0)),
            },
            "delay_backward.length: differs from that of delay_forward",
        ),
        ({"attenuation_forward": 1.1}, "attenuation_forward: 1.1 is out of range, allowed: .*at most 1"),
        ({"attenuation_forward": "-1 dB"}, "attenuation_forward: '-1 dB' is out of range"),
        ({"attenuation_forward": 0.0}, "attenuation_forward: 0.0 is out of range, allowed: a number above 0"),
        ({"crosstalk": 0.6}, "crosstalk: 0.6 is out of range"),
        ({"jitter": float("nan")}, "jitter: nan is not a finite number"),
        ({"bandwidth": True}, r"bandwidth: True \(bool\) is not a number, allowed: a number above 0 Hz"),
    ],
)
def test_wrong_lines_are_refused(fields, words):
    with pytest.raises(HardwareError, match=words):
        Lines(**fields)
