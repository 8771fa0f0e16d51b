"""Distributions: exact moments against samples, bounds, and refused parameters."""

import math

import numpy as np
import pytest

from hwmodels import Constant, HardwareError, Lines, LogNormal, Normal, PerLength, Steps, Uniform, rng

LAWS = [
    Constant(value=2e-9),
    Normal(mean=2e-9, std=0.5e-9),
    Normal(mean=2e-9, std=1e-11),
    LogNormal(mean=2e-9, std=1.5e-9),
    Uniform(low=1e-9, high=4e-9),
    Steps(step=1e-9, fewest=1, most=6),
    PerLength(per_length=7e-9, length=Uniform(low=0.02, high=0.1)),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.kind)
def test_samples_have_the_stated_moments_and_bounds(law):
    n = 200_000
    x = law.sample(n, rng(5, "x"))
    low, high = law.bounds
    assert x.shape == (n,)
    assert x.min() >= max(low, 0) * (1 - 1e-12)
    assert x.max() <= high * (1 + 1e-12)
    error = x.std() / math.sqrt(n)
    assert abs(x.mean() - law.mean) <= 4 * error + 1e-12 * law.mean
    kurtosis = np.mean(((x - law.mean) / law.std) ** 4) if law.std else 1
    assert abs(x.std() - law.std) <= 4 * law.std * math.sqrt(max(kurtosis - 1, 0) / 4 / n) + 1e-12 * law.mean


def test_normal_samples_are_normal():
    x = (Normal(mean=8.0, std=2.0).sample(100_000, rng(1, "n")) - 8) / 2
    for z, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert np.mean(np.abs(x) < z) == pytest.approx(share, abs=0.006)
    assert abs(x).max() <= 4


def test_lognormal_is_lognormal():
    law = LogNormal(mean=3.0, std=2.0)
    x = np.log(law.sample(100_000, rng(1, "l")))
    assert np.mean(((x - x.mean()) / x.std()) ** 3) == pytest.approx(0, abs=0.04)
    assert np.median(np.exp(x)) == pytest.approx(3 / math.sqrt(1 + 4 / 9), rel=0.01)


def test_steps_are_whole_and_equally_likely():
    x = Steps(step=2.0, fewest=0, most=3).sample(40_000, rng(1, "s"))
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == [0, 2, 4, 6]
    assert np.all(np.abs(counts - 10_000) < 5 * math.sqrt(10_000 * 0.75))


def test_a_quantity_is_read_as_a_constant():
    assert Lines(delay_forward="1.5 ns").delay_forward == Constant(value=1.5e-9)
    assert Lines(delay_forward=2e-9).delay_forward == Constant(value=2e-9)


def test_units_are_read_inside_tables():
    table = {
        "kind": "per_length",
        "per_length": "7.09 ps/mm",
        "length": {"kind": "uniform", "low": "2 cm", "high": 0.1},
    }
    law = Lines(delay_forward=table).delay_forward
    assert law == PerLength(per_length=7.09e-9, length=Uniform(low=0.02, high=0.1))


@pytest.mark.parametrize(
    ("delay", "words"),
    [
        (
            {"kind": "normal", "mean": 1.0, "std": 0.3},
            "delay_forward.std: 0.3 .*at most a quarter of the mean 1 ",
        ),
        ({"kind": "uniform", "low": 3.0, "high": 2.0}, "delay_forward.low: 3.0 exceeds high = 2.0"),
        ({"kind": "steps", "step": 1.0, "fewest": 3, "most": 2}, "delay_forward.fewest: 3 exceeds most = 2"),
        (
            {"kind": "normal", "mean": "1 ohm", "std": 0.1},
            "delay_forward.mean: '1 ohm' is in ohm, expected s",
        ),
        ({"kind": "gauss"}, "delay_forward.kind: 'gauss'; allowed: constant, normal"),
        ({"mean": 1.0}, "delay_forward.kind: missing; allowed: constant, normal"),
        ({"kind": "normal", "mean": 1.0}, "delay_forward.std: missing; it must be given"),
        (
            {"kind": "normal", "mean": 1.0, "sd": 0.1},
            "delay_forward.sd: unknown field \\(did you mean 'delay_forward.std'\\?",
        ),
        (
            {"kind": "constant", "value": -1.0},
            "delay_forward.value: -1.0 is out of range, allowed: a number at least 0",
        ),
        ([1.0], r"delay_forward: \[1.0\] is no distribution"),
        (
            {"kind": "per_length", "per_length": 1.0, "length": {"kind": "uniform", "low": 0, "high": "2 s"}},
            "delay_forward.length.high: '2 s' is in s, expected m",
        ),
    ],
)
def test_wrong_distributions_are_refused(delay, words):
    with pytest.raises(HardwareError, match=words):
        Lines(delay_forward=delay)
