"""The quantiser, mode by mode."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels import ROUNDINGS, HardwareError, Quantizer, quantize, rng

DETERMINISTIC = ("nearest", "magnitude_truncation")
amplitudes = st.floats(-3, 3, allow_nan=False)


def test_nearest_rounds_ties_away_from_zero():
    x = [0.49, 0.5, 1.49, 1.5, -0.5, -1.49, -1.5]
    assert quantize(x, 3, 3.0).tolist() == [0, 1, 1, 2, -1, -1, -2]


def test_magnitude_truncation_rounds_towards_zero():
    x = [0.99, 1.0, 1.99, -0.99, -1.01, -2.9]
    assert quantize(x, 3, 3.0, "magnitude_truncation").tolist() == [0, 1, 1, 0, -1, -2]


def test_stochastic_rounding_takes_a_neighbour_by_the_sample():
    x, u = [0.25, 0.25, -0.25, -0.25], [0.74, 0.76, 0.24, 0.26]
    assert quantize(x, 3, 3.0, "stochastic", uniform=u).tolist() == [0, 1, -1, 0]


def test_stochastic_rounding_is_unbiased():
    n, x = 40000, 0.3
    mean = quantize(np.full(n, x), 3, 3.0, "stochastic", uniform=rng(1, "u").random(n)).mean()
    assert abs(mean - x) < 4 * np.sqrt(x * (1 - x) / n)


def test_full_scale_and_zero_are_levels():
    assert quantize([2.0, 0.0, -2.0], 5, 2.0).tolist() == [2.0, 0.0, -2.0]
    assert len(np.unique(quantize(np.linspace(-2, 2, 10001), 5, 2.0))) == 2**5 - 1


@pytest.mark.parametrize("rounding", DETERMINISTIC)
def test_every_level_is_kept_although_the_division_is_inexact(rounding):
    levels = np.arange(-127, 128) * (0.1 / 127)
    assert np.any(np.trunc(levels / (0.1 / 127)) != np.arange(-127, 128))
    assert (quantize(levels, 8, 0.1, rounding) == levels).all()


def test_saturation_clips_and_can_be_switched_off():
    assert quantize([9.2, -9.2], 3, 3.0).tolist() == [3, -3]
    assert quantize([9.2, -9.2], 3, 3.0, saturate=False).tolist() == [9, -9]


def test_uniform_error_has_the_textbook_rms():
    x = rng(2, "x").uniform(-1, 1, 200000)
    step = 1 / (2**7 - 1)
    rms = np.sqrt(np.mean((quantize(x, 8, 1.0) - x) ** 2))
    assert rms == pytest.approx(step / np.sqrt(12), rel=0.01)


@settings(deadline=None)
@given(amplitudes, st.integers(2, 16), st.floats(0.1, 10), st.sampled_from(DETERMINISTIC))
def test_sign_symmetry_idempotence_and_bound(x, bits, full_scale, rounding):
    y = quantize(x, bits, full_scale, rounding, saturate=False)
    step = full_scale / (2 ** (bits - 1) - 1)
    assert quantize(-x, bits, full_scale, rounding, saturate=False) == -y
    assert quantize(y, bits, full_scale, rounding, saturate=False) == pytest.approx(y, rel=1e-12, abs=0)
    assert abs(y - x) <= step * (0.5 if rounding == "nearest" else 1) * (1 + 1e-8)
    if rounding == "magnitude_truncation":
        assert abs(y) <= abs(x) * (1 + 1e-8)


def test_section_without_bits_is_exact():
    x = np.array([0.1, 7.3])
    assert (Quantizer().apply(x) == x).all()
    assert Quantizer().apply(x) is not x


def test_section_applies_its_fields():
    section = Quantizer(bits=3, full_scale=3.0, rounding="magnitude_truncation", saturate=False)
    assert section.apply([4.9, -1.7]).tolist() == [4, -1]
    assert Quantizer(bits=3, full_scale=3.0, rounding="stochastic").apply([1.5], [0.6]).tolist() == [2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bits": 1}, "bits: 1 is out of range, allowed: a whole number from 2 to 32"),
        ({"full_scale": 0.0}, "full_scale: 0.0 is out of range, allowed: a number above 0"),
        ({"rounding": "up"}, f"rounding: 'up' is not known, allowed: {', '.join(ROUNDINGS)}"),
        ({"rounding": "stochastic"}, r"uniform: stochastic rounding needs uniform samples in \[0, 1\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(HardwareError, match=words):
        quantize([0.1], **{"bits": 4, "full_scale": 1.0, **arguments})
