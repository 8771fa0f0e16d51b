"""Activation functions: derivatives, bounds, stability."""

import math

import numpy as np
import pytest

from emulator.network import ACTIVATIONS, ActivationFunction, activation_function
from emulator.network.activations import leaky_relu

FUNCTIONS = [*ACTIVATIONS.values(), leaky_relu(-0.3), leaky_relu(1.7)]
GRID = np.linspace(-12.0, 12.0, 24001) + 3e-4  # dense, and clear of the kink at 0
KNOWN = {
    "identity": -0.7,
    "tanh": math.tanh(-0.7),
    "relu": 0.0,
    "leaky_relu": -0.007,
    "sigmoid": 1.0 / (1.0 + math.exp(0.7)),
    "softplus": math.log(1.0 + math.exp(-0.7)),
    "gelu": -0.35 * (1.0 + math.erf(-0.7 / math.sqrt(2.0))),
    "elu": math.expm1(-0.7),
    "silu": -0.7 / (1.0 + math.exp(0.7)),
}

each = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: f"{function.name}-{function.L1:.3g}")


def test_values_against_closed_forms() -> None:
    assert KNOWN.keys() == ACTIVATIONS.keys()
    for name, value in KNOWN.items():
        assert ACTIVATIONS[name].phi(np.array([-0.7]))[0] == pytest.approx(value, rel=1e-14, abs=1e-15), name


@each
def test_derivatives_against_central_differences(function: ActivationFunction) -> None:
    h = 1e-5
    slope = (function.phi(GRID + h) - function.phi(GRID - h)) / (2.0 * h)
    curvature = (function.dphi(GRID + h) - function.dphi(GRID - h)) / (2.0 * h)
    np.testing.assert_allclose(function.dphi(GRID), slope, atol=1e-9)
    np.testing.assert_allclose(function.d2phi(GRID), curvature, atol=1e-9)


@each
def test_bounds_are_attained_and_never_exceeded(function: ActivationFunction) -> None:
    for bound, values in ((function.L1, function.dphi(GRID)), (function.L2, function.d2phi(GRID))):
        largest = np.abs(values).max()
        assert 0.99 * bound <= largest <= bound * (1.0 + 1e-15)


@each
def test_no_overflow_far_out(function: ActivationFunction) -> None:
    far = np.array([-1e4, -800.0, 800.0, 1e4])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        values = [function.phi(far), function.dphi(far), function.d2phi(far)]
    assert np.isfinite(values).all()
    right = function.phi(far)[-1]
    assert right == pytest.approx(1.0 if function.name in ("tanh", "sigmoid") else 1e4)


@each
def test_results_are_new_arrays(function: ActivationFunction) -> None:
    s = np.array([-1.0, 2.0])
    assert not np.shares_memory(function.phi(s), s)


def test_conventions_at_the_kink() -> None:
    zero = np.zeros(1)
    assert ACTIVATIONS["relu"].dphi(zero)[0] == 0.0
    assert leaky_relu(0.2).dphi(zero)[0] == 0.2
    assert [name for name, function in ACTIVATIONS.items() if not function.smooth] == ["relu", "leaky_relu"]


def test_slope_reaches_leaky_relu_only() -> None:
    s = np.array([-2.0, 3.0])
    np.testing.assert_array_equal(activation_function("leaky_relu", 0.25).phi(s), [-0.5, 3.0])
    np.testing.assert_array_equal(activation_function("relu", 0.25).phi(s), [0.0, 3.0])
