"""Weights as devices: mapping, programming, drift, reading, stuck devices, pulses."""

import math

import numpy as np
import pytest

from hwmodels import (
    Drift,
    HardwareError,
    LogLaw,
    PolynomialSpread,
    PowerSpread,
    PulsedUpdate,
    SaturatingSpread,
    Weights,
    load,
    program,
    pulse,
    rng,
)
from hwmodels.devices import to_conductances, to_weights

PCM = load("pcm-crossbar").weights
W = np.array([[0.5, -1.0, 0.25], [0.0, 2.0, -0.125]])
IDEAL = Weights(g_min=1e-6, g_max=25e-6)


def test_differential_pair_holds_each_sign_in_its_own_device():
    plus, minus = to_conductances(IDEAL, W, 2.0)
    assert np.allclose(plus, 1e-6 + 24e-6 * np.array([[0.25, 0, 0.125], [0, 1, 0]]), atol=0)
    assert np.allclose(minus, 1e-6 + 24e-6 * np.array([[0, 0.5, 0], [0, 0, 0.0625]]), atol=0)


def test_single_device_spans_both_signs():
    single = Weights(g_min=1e-6, g_max=25e-6, differential=False)
    assert np.allclose(to_conductances(single, [-2.0, 0.0, 2.0], 2.0), [[1e-6, 13e-6, 25e-6]], atol=0)


@pytest.mark.parametrize("differential", [True, False])
def test_perfect_devices_return_the_weights(differential):
    law = Weights(g_min=1e-6, g_max=25e-6, differential=differential)
    assert np.allclose(program(law, W, 0, "w").weights(), W, rtol=1e-12, atol=1e-14)
    assert np.allclose(to_weights(law, to_conductances(law, W, 3.0), 3.0), W, atol=1e-14)


def test_levels_round_the_conductance():
    law = Weights(g_max=20e-6, levels=5)
    assert np.allclose(program(law, [0.3, -0.9, 0.62], 0, "w", w_max=1.0).weights(), [0.25, -1.0, 0.5])


def test_programming_error_has_the_polynomial_spread():
    n = 100_000
    for g in (0.3, 1.0):
        devices = program(PCM, np.full(n, g), 3, "w", w_max=1.0)
        error = (devices.programmed - devices.target)[0]
        target = devices.target[0, 0] / 25e-6
        sigma = (0.26348 + 1.965 * target - 1.1731 * target**2) * 1e-6
        assert error.std() == pytest.approx(sigma, rel=4 / math.sqrt(2 * n))
        assert abs(error.mean()) < 4 * sigma / math.sqrt(n)


def test_drift_follows_the_power_law_of_each_device():
    devices = program(PCM, np.linspace(0.05, 1, 40), 3, "w", w_max=1.0)
    later = devices.conductances(2e6)
    assert np.allclose(later, devices.programmed * 1e5**-devices.exponents, rtol=1e-12, atol=0)
    assert (devices.conductances(20.0) == devices.programmed).all()
    assert np.all(later[0] < devices.programmed[0])


def test_drift_exponents_have_the_stated_mean_and_spread():
    n = 100_000
    devices = program(PCM, np.full(n, 0.08), 3, "w", w_max=1.0)
    g = devices.target[0, 0] / 25e-6
    mean = min(max(-0.0155 * math.log(g) + 0.0244, 0.049), 0.1)
    std = min(max(-0.0125 * math.log(g) - 0.0059, 0.008), 0.045)
    assert 0.049 < mean < 0.1
    assert devices.exponents[0].mean() == pytest.approx(mean, abs=4 * std / math.sqrt(n) + 0.001 * mean)
    assert devices.exponents[0].std() == pytest.approx(std, rel=0.03)


def test_read_noise_has_the_stated_spread_and_is_fresh():
    n, time = 100_000, 3600.0
    law = PCM.model_copy(update={"programming": None, "drift": None})
    devices = program(law, np.full(n, 0.5), 3, "w", w_max=1.0)
    noise = rng(1, "read")
    first, second = devices.conductances(time, noise)[0], devices.conductances(time, noise)[0]
    g = devices.target[0, 0] / 25e-6
    relative = min(0.0088 * g**-0.65, 0.2) * math.sqrt(math.log((time + 250e-9) / 500e-9))
    assert first.std() / devices.target[0, 0] == pytest.approx(relative, rel=0.01)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


def test_read_noise_of_power_one_is_independent_of_the_conductance():
    law = Weights(g_max=40e-6, read_noise=PowerSpread(coefficient=0.01, exponent=1.0))
    devices = program(law, np.repeat([0.2, 0.9], 50_000), 3, "w", w_max=1.0)
    x = devices.conductances(noise=rng(1, "r"))[0]
    assert x[:50_000].std() == pytest.approx(0.4e-6, rel=0.02)
    assert x[50_000:].std() == pytest.approx(0.4e-6, rel=0.02)


def test_saturating_spread():
    spread = SaturatingSpread(plateau=0.2e-6, scale=2e-6)
    assert spread.sigma([0.0, 2e-6, 1.0]).tolist() == pytest.approx([0, 0.2e-6 * (1 - math.exp(-1)), 0.2e-6])
    law = Weights(g_max=16e-6, read_noise=spread)
    x = program(law, np.full(50_000, 1.0), 0, "w").conductances(noise=rng(0, "r"))[0]
    assert x.std() == pytest.approx(0.2e-6 * (1 - math.exp(-8)), rel=0.02)


def test_negative_polynomial_counts_as_zero():
    assert PolynomialSpread(coefficients=(1e-6, -2e-6), reference=1e-6).sigma([0.25e-6, 1e-6]).tolist() == [
        0.5e-6,
        0,
    ]


def test_stuck_devices_have_the_stated_fractions_and_do_not_drift():
    law = PCM.model_copy(update={"stuck_low": 0.1, "stuck_high": 0.05})
    devices = program(law, np.full((200, 250), 0.5), 3, "w", w_max=1.0)
    n = devices.programmed.size
    low, high = devices.programmed == law.g_min, devices.programmed == law.g_max
    assert abs(low.mean() - 0.1) < 4 * math.sqrt(0.1 * 0.9 / n)
    assert abs(high.mean() - 0.05) < 4 * math.sqrt(0.05 * 0.95 / n)
    assert (devices.exponents[low | high] == 0).all()


def test_each_effect_keeps_its_samples_when_others_change():
    plain = program(PCM, W, 8, "w")
    stuck = program(PCM.model_copy(update={"stuck_low": 0.5}), W, 8, "w")
    free = stuck.programmed != PCM.g_min
    assert free.any()
    assert not free.all()
    assert (plain.programmed[free] == stuck.programmed[free]).all()
    assert (plain.exponents[free] == stuck.exponents[free]).all()
    assert (plain.programmed != program(PCM, W, 8, "v").programmed).any()


def test_pulses_are_asymmetric_nonlinear_and_bounded():
    law = PulsedUpdate(pulses=10, asymmetry=0.2, nonlinearity=1.0)
    x = pulse(law, [0.0, 0.5, 0.5, 0.5, 0.99], [1, 1, -1, 0, 1], rng(0, "p"))
    up, down = 0.12 * math.exp(-0.5), 0.08 * math.exp(-0.5)
    assert x.tolist() == pytest.approx([0.12, 0.5 + up, 0.5 - down, 0.5, 1.0])


def test_pulse_noise_has_the_stated_spread():
    law = PulsedUpdate(pulses=100, write_noise=0.3)
    steps = pulse(law, np.full(50_000, 0.5), 1, rng(0, "p")) - 0.5
    assert steps.std() == pytest.approx(0.003, rel=0.02)
    assert steps.mean() == pytest.approx(0.01, abs=4 * 0.003 / math.sqrt(50_000))


def test_constant_noise_is_the_same_wherever_a_device_is():
    law = PulsedUpdate(pulses=100, asymmetry=0.5, nonlinearity=3.0, constant_noise=0.3)
    for x, way in ((0.3, 1), (0.7, -1)):
        steps = pulse(law, np.full(50_000, x), way, rng(0, "p")) - x
        assert steps.std() == pytest.approx(0.003 * (1 + 0.5 * way), rel=0.02)


def test_one_sided_devices_take_no_pulse_down():
    with pytest.raises(HardwareError, match="direction: is -1"):
        pulse(PulsedUpdate(pulses=10, one_sided=True), [0.5], -1, rng(0, "p"))


def test_the_anchor_stays_in_the_range_of_every_device():
    law = PulsedUpdate(pulses=100, shape="linear", nonlinearity=1.0, anchor=0.375, bound_spread=0.3)
    bottom, top = law.ends((np.linspace(-6, 6, 101), np.linspace(6, -6, 101)))
    assert bottom.max() == pytest.approx(0.325) and top.min() == pytest.approx(0.55) and bottom.min() == -0.45
    points = law.symmetry_points({"bound": (np.linspace(-6, 6, 101), np.linspace(6, -6, 101))})
    np.testing.assert_allclose(points, 0.375, atol=1e-9)
    along = law.model_copy(update={"shape_follows": False})
    assert along.ends((np.array(-9.0), np.array(9.0))) == (0.45, 0.55)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"lifetime_spread": 0.3}, "lifetime_spread: is set and no lifetime is"),
        ({"refresh_at": 0.5}, "refresh_at: is set and devices are not one_sided"),
        ({"one_sided": True, "nonlinearity_down": 1.0}, "nonlinearity_down: is set of devices whose pulses only raise"),
        ({"one_sided": True, "plateau_down": 0.1}, "plateau_down: is set of devices whose pulses only raise"),
    ],
)
def test_what_nothing_would_hear_is_refused(fields, words):
    with pytest.raises(HardwareError, match=words):
        PulsedUpdate(pulses=100, **fields)


@pytest.mark.parametrize("anchor", [0.0, 1.0])
def test_an_anchor_where_some_device_has_no_step_is_refused(anchor):
    with pytest.raises(HardwareError, match=rf"anchor: {anchor:g} is where"):
        PulsedUpdate(pulses=100, shape="linear", nonlinearity=0.5, nonlinearity_spread=0.09, anchor=anchor)
    PulsedUpdate(
        pulses=100, shape="linear", nonlinearity=0.5, nonlinearity_spread=0.08, anchor=anchor
    )  # six of them reach 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"levels": 4}, "levels: needs a conductance range, allowed: only with g_max given"),
        ({"g_min": 2e-6, "g_max": 1e-6}, "g_min: 2e-06 S is not below g_max = 1e-06 S"),
        ({"g_max": 1e-6, "stuck_low": 0.7, "stuck_high": 0.6}, "stuck_low .* = 1.3, allowed: at most 1"),
        (
            {"g_max": 30e-6, "fitted_high": 25e-6},
            "g_max: 3e-05 S is outside the fitted range, allowed: at most 2.5e-05",
        ),
        (
            {"g_max": 30e-6, "fitted_low": 1e-6},
            "g_min: 0 S is outside the fitted range, allowed: at least 1e-06 S",
        ),
        (
            {
                "g_max": 1e-6,
                "programming": {"kind": "polynomial", "coefficients": ["1 V"], "reference": 1e-6},
            },
            "programming.coefficients\\[0\\]: '1 V' is in V, expected S",
        ),
    ],
)
def test_wrong_weights_are_refused(fields, words):
    with pytest.raises(HardwareError, match=words):
        Weights(**fields)


def test_crossed_law_is_refused():
    with pytest.raises(HardwareError, match=r"floor: 0.2 exceeds the ceiling 0.1"):
        LogLaw(intercept=0.1, floor=0.2, ceiling=0.1)


def test_exact_weights_are_no_devices():
    assert Weights().exact
    assert not IDEAL.exact
    with pytest.raises(HardwareError, match=r"weights.g_max: is not given"):
        program(Weights(), W, 0, "w")


def test_weights_beyond_the_range_are_refused():
    with pytest.raises(HardwareError, match=r"largest magnitude 2.0 is out of range, allowed: at most w_max = 1.5"):
        program(IDEAL, W, 0, "w", w_max=1.5)
    with pytest.raises(HardwareError, match="largest magnitude nan"):
        program(IDEAL, [np.nan], 0, "w", w_max=1.0)
    with pytest.raises(HardwareError, match=r"w_max: -1.0 is out of range, allowed: a number above 0"):
        to_conductances(IDEAL, W, -1.0)


def test_times_outside_the_fitted_range_are_refused():
    devices = program(PCM.model_copy(update={"fitted_time": 1e6}), W, 0, "w")
    with pytest.raises(HardwareError, match=r"weights.time: 19 s is outside the fitted range, allowed: 20 s to 1e"):
        devices.weights(19.0)
    with pytest.raises(HardwareError, match=r"weights.time: 2e[+]06 s is outside"):
        devices.weights(2e6)


def test_time_dependent_read_noise_needs_a_time():
    law = Weights(g_max=1e-6, read_noise=PowerSpread(coefficient=0.01, reading_time=1e-6))
    with pytest.raises(HardwareError, match=r"weights.time: must be given: the read noise depends on it"):
        program(law, W, 0, "w").weights(noise=rng(0, "r"))


def test_time_dependent_read_noise_starts_at_the_first_reading():
    flat = LogLaw(intercept=0.0, floor=0.0, ceiling=0.0)
    drift = Drift(first_reading=20.0, exponent_mean=flat, exponent_std=flat)
    law = Weights(g_max=1e-6, read_noise=PowerSpread(coefficient=0.01, reading_time=1e-6), drift=drift)
    devices = program(law, np.ones(50_000), 0, "w")
    sigma = 0.01 * math.sqrt(math.log(20 / 2e-6))
    assert devices.conductances(noise=rng(0, "r"))[0].std() == pytest.approx(1e-6 * sigma, rel=0.02)
