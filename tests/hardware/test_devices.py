"""Weights as programmable devices: what a crossbar in brian2 multiplies with, against the device laws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hwmodels import HardwareModel
from tests.support.bench import crossbar, hardware, has_mean, has_rate, has_std, held_weights, rejects

RNG = np.random.default_rng(3)
WEIGHT = RNG.uniform(-1, 1, (40, 30))
WEIGHT[0, 0] = 1.0  # the largest weight is held at g_max
LOW, HIGH = 5e-6, 25e-6
SPAN = HIGH - LOW


def devices(**changes: object) -> HardwareModel:
    """Differential pairs of 5 to 25 uS."""
    return hardware(weights__g_min=LOW, weights__g_max=HIGH, **{f"weights__{k}": v for k, v in changes.items()})


def spread(sigma: float) -> dict[str, object]:
    """The same standard deviation (S) at every conductance."""
    return {"kind": "polynomial", "coefficients": (sigma,), "reference": HIGH}


@pytest.mark.parametrize("differential", [True, False])
def test_exact_devices_hold_exact_weights(differential):
    np.testing.assert_allclose(held_weights(devices(differential=differential), WEIGHT), WEIGHT, atol=1e-13)


@pytest.mark.parametrize(("differential", "factor"), [(True, math.sqrt(2)), (False, 2)])
def test_programming_errors_have_the_spread_asked_for(differential, factor):
    """A pair adds the errors of two devices; a single device spans twice the range of weights."""
    sigma = 0.5e-6

    def check(model: HardwareModel) -> None:
        error = held_weights(model, WEIGHT) - WEIGHT
        has_mean(error, 0.0)
        has_std(error, factor * sigma / SPAN)

    def model(sigma: float, differential: bool = differential) -> HardwareModel:
        return devices(programming=spread(sigma), differential=differential)

    check(model(sigma))
    rejects(check, devices(), model(2 * sigma), model(sigma / 2), model(sigma, not differential))


def test_programming_errors_follow_the_conductance():
    law = {"kind": "saturating", "plateau": 0.6e-6, "scale": 10e-6}

    def check(model: HardwareModel) -> None:
        error = held_weights(model, WEIGHT) - WEIGHT
        idle = 0.6e-6 * -np.expm1(-LOW / 10e-6)
        busy = 0.6e-6 * -np.expm1(-(LOW + SPAN * np.abs(WEIGHT)) / 10e-6)
        has_std(error / np.hypot(idle, busy) * SPAN, 1.0)

    check(devices(programming=law))
    rejects(check, devices(), devices(programming={**law, "plateau": 1.2e-6}), devices(programming=spread(0.6e-6)))


@pytest.mark.parametrize("differential", [True, False])
def test_weights_lie_on_the_levels_asked_for(differential):
    steps = 8 if differential else 4  # nine levels: 8 steps per sign of a pair, 4 of a single device

    def check(model: HardwareModel) -> None:
        held = held_weights(model, WEIGHT)
        np.testing.assert_allclose(held, np.rint(WEIGHT * steps) / steps, atol=1e-12)

    check(devices(levels=9, differential=differential))
    rejects(check, devices(differential=differential), devices(levels=17, differential=differential),
            devices(levels=5, differential=differential))  # fmt: skip


def drift(mean: float, std: float = 0.0) -> dict[str, object]:
    return {
        "first_reading": 20.0,
        "exponent_mean": {"intercept": mean, "floor": 0.0, "ceiling": 1.0},
        "exponent_std": {"intercept": std, "floor": 0.0, "ceiling": 1.0},
    }


@pytest.mark.parametrize("age", [20.0, 3600.0, 2.6e6])
def test_weights_drift_with_age_as_the_power_law_says(age):
    def check(model: HardwareModel) -> None:
        held = held_weights(model, WEIGHT, age=age)
        np.testing.assert_allclose(held, WEIGHT * (age / 20.0) ** -0.05, atol=1e-12)

    check(devices(drift=drift(0.05)))
    if age > 20:
        rejects(check, devices(), devices(drift=drift(0.1)), devices(drift=drift(0.025)))


def test_drift_exponents_vary_from_device_to_device_as_asked_for():
    age = 20 * math.e**4

    def check(model: HardwareModel) -> None:
        single = held_weights(model, WEIGHT, age=age)
        conductance = LOW + SPAN * (1 + single) / 2
        programmed = LOW + SPAN * (1 + WEIGHT) / 2
        exponents = -np.log(conductance / programmed) / 4
        has_mean(exponents, 0.08)
        has_std(exponents, 0.015)

    check(devices(drift=drift(0.08, 0.015), differential=False))
    rejects(check, devices(drift=drift(0.08, 0.03), differential=False), devices(drift=drift(0.08), differential=False))


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_weights_are_read_with_the_noise_asked_for_anew_for_every_sample(wiring):
    sigma = 0.4e-6

    def check(model: HardwareModel) -> None:
        error = crossbar(model, WEIGHT[:, :1], np.ones((60, 1)), wiring=wiring) - WEIGHT[:, 0]
        has_mean(error, 0.0)
        has_std(error, math.sqrt(2) * sigma / SPAN)
        assert abs(np.corrcoef(error[:-1].ravel(), error[1:].ravel())[0, 1]) < 4 / math.sqrt(error.size)
        assert abs(np.corrcoef(error[:, :-1].ravel(), error[:, 1:].ravel())[0, 1]) < 4 / math.sqrt(error.size)

    check(devices(read_noise=spread(sigma)))
    rejects(check, devices(), devices(read_noise=spread(2 * sigma)), devices(read_noise=spread(sigma / 2)))


def test_read_noise_of_the_power_law_grows_with_the_logarithm_of_the_age():
    law = {"kind": "power", "coefficient": 0.02, "exponent": 0.0, "reading_time": 1e-6}
    model = devices(read_noise=law, differential=False)
    conductance = LOW + SPAN * (1 + WEIGHT[:, 0]) / 2
    for age in (1.0, 1e6):
        error = crossbar(model, WEIGHT[:, :1], np.ones((60, 1)), age=age) - WEIGHT[:, 0]
        growth = math.sqrt(math.log((age + 1e-6) / 2e-6))
        has_std(error / conductance * SPAN / 2, 0.02 * growth)
        with pytest.raises(AssertionError):
            has_std(error / conductance * SPAN / 2, 0.02)


@pytest.mark.parametrize("which", ["low", "high"])
def test_as_many_devices_are_stuck_as_asked_for(which):
    at = -1.0 if which == "low" else 1.0
    weight = np.clip(WEIGHT, -0.9, 0.9)
    weight[0, 0] = 1.0

    def check(model: HardwareModel) -> None:
        held = held_weights(model, weight)[1:]
        stuck = np.abs(held - at) < 1e-12
        has_rate(int(stuck.sum()), stuck.size, 0.1)
        np.testing.assert_allclose(held[~stuck], weight[1:][~stuck], atol=1e-12)

    def model(rate: float) -> HardwareModel:
        return devices(differential=False, **{f"stuck_{which}": rate})

    check(model(0.1))
    rejects(check, model(0.0), model(0.2), model(0.05))


def test_a_chip_keeps_its_devices_from_run_to_run():
    model = devices(programming=spread(0.5e-6), drift=drift(0.05, 0.01), stuck_low=0.05)
    first, again, other = (
        held_weights(model, WEIGHT, seed=seed, chip=chip, age=100.0) for seed, chip in ((0, 0), (5, 0), (0, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
