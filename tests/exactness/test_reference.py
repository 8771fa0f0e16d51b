"""The reference is right at every scale: against formulas written here, in as many digits as it takes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf

from emulator import Network, reference
from emulator.network import ACTIVATIONS
from emulator.network.activations import DEFAULT_SLOPE
from emulator.network.losses import LOSSES

#: relative to the exact value and to what the last bit of the argument does to it; and what cannot be written in full
NEAR, LEAST, MOST = 1e-13, 1e-305, np.finfo(float).max
SIZES = (
    1e-300,
    1e-160,
    1e-20,
    1e-9,
    1e-3,
    0.3,
    1.1,
    1.2784645,
    2.4,
    3.7,
    9,
    19.1,
    36.5,
    38.4,
    300,
    707,
    1e4,
    1e155,
    1e300,
)
POINTS = (0.0, *SIZES, *(-size for size in SIZES))


def _sigmoid(s):
    return 1 / (1 + mp.exp(-s)) if s >= 0 else mp.exp(s) / (1 + mp.exp(s))


def _bell(s):
    return mp.exp(-s * s / 2) / mp.sqrt(2 * mp.pi)


def _below(s):
    return mp.erfc(-s / mp.sqrt(2)) / 2 if abs(s) < 1e4 else mpf(s > 0)


def _fade(s):
    """``sigmoid'``."""
    return _sigmoid(s) * _sigmoid(-s)


#: name -> phi, phi', phi''
EXACT = {
    "identity": (lambda s: s, lambda s: mpf(1), lambda s: mpf(0)),
    "relu": (lambda s: max(s, mpf(0)), lambda s: mpf(s > 0), lambda s: mpf(0)),
    "leaky_relu": (
        lambda s: s if s > 0 else mpf(DEFAULT_SLOPE) * s,
        lambda s: mpf(1) if s > 0 else mpf(DEFAULT_SLOPE),
        lambda s: mpf(0),
    ),
    "tanh": (mp.tanh, lambda s: 4 * _fade(2 * s), lambda s: -8 * mp.tanh(s) * _fade(2 * s)),
    "sigmoid": (_sigmoid, _fade, lambda s: -_fade(s) * mp.tanh(s / 2)),
    "softplus": (lambda s: max(s, mpf(0)) + mp.log1p(mp.exp(-abs(s))), _sigmoid, _fade),
    "gelu": (lambda s: s * _below(s), lambda s: _below(s) + s * _bell(s), lambda s: (2 - s * s) * _bell(s)),
    "elu": (
        lambda s: s if s > 0 else mp.expm1(s),
        lambda s: mpf(1) if s > 0 else mp.exp(s),
        lambda s: mpf(0) if s > 0 else mp.exp(s),
    ),
    "silu": (
        lambda s: s * _sigmoid(s),
        lambda s: _sigmoid(s) + s * _fade(s),
        lambda s: _fade(s) * (2 - s * mp.tanh(s / 2)),
    ),
}


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(60):
        yield


def _near(got: float, exact, spread=0, near: float = NEAR) -> bool:
    """Whether a number is an exact one, rounded; `spread` is what the last bits of what it was made of may do to it."""
    if abs(exact) > MOST * (1 - near):
        return bool(abs(exact) <= MOST and abs(got - exact) <= near * abs(exact)) or got == (
            np.inf if exact > 0 else -np.inf
        )
    return bool(np.isfinite(got)) and bool(abs(mpf(float(got)) - exact) <= near * (abs(exact) + spread) + LEAST)


def test_every_activation_has_its_formula() -> None:
    assert set(EXACT) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(EXACT))
@pytest.mark.parametrize("order", range(3), ids=["phi", "dphi", "d2phi"])
def test_activations_and_their_derivatives_at_every_scale(name, order) -> None:
    formula, function = EXACT[name][order], ACTIVATIONS[name]
    made = (function.phi, function.dphi, function.d2phi)[order](np.array(POINTS))
    for point, got in zip(POINTS, made, strict=True):
        s, step = mpf(point), mpf("1e-20")
        spread = abs(formula(s * (1 + step)) - formula(s * (1 - step))) / (2 * step)
        assert _near(got, formula(s), spread), (point, got, formula(s))


def _exact_loss(loss: str, outputs, targets) -> tuple:
    """Loss of a sample and its derivative in the outputs."""
    if loss == "mse":
        return sum((x - y) ** 2 for x, y in zip(outputs, targets, strict=True)) / 2, [
            x - y for x, y in zip(outputs, targets, strict=True)
        ]
    top = max(outputs)
    parts = [mp.exp(x - top) for x in outputs]
    total = mp.fsum(parts)
    value = mp.fsum(y * (mp.log(total) + top - x) for x, y in zip(outputs, targets, strict=True))
    # p - y without cancellation: what of the sum is not p
    gradient = []
    for k, y in enumerate(targets):
        others = mp.fsum(part for j, part in enumerate(parts) if j != k)
        gradient.append((parts[k] * (1 - y) - y * others) / total)
    return value, gradient


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("power", [-300, -155, -20, -3, 0, 1, 2, 3, 16, 155, 300])
def test_losses_at_every_scale(loss, power) -> None:
    rng = np.random.default_rng(power + 400)
    for target in ("random", "hit", "blank"):
        outputs = rng.normal(size=4) * 10.0**power
        targets = {"random": rng.dirichlet(np.ones(4)), "hit": np.eye(4)[outputs.argmax()], "blank": np.zeros(4)}[
            target
        ]
        if loss == "mse":
            targets = targets * 10.0 ** min(300, -power)
        with mp.workdps(800):  # sums of numbers that are hundreds of powers of ten apart
            value, gradient = _exact_loss(loss, [mpf(float(x)) for x in outputs], [mpf(float(y)) for y in targets])
        assert _near(LOSSES[loss].value(outputs[None], targets[None])[0], value, near=1e-12)
        for got, right in zip(LOSSES[loss].gradient(outputs[None], targets[None])[0], gradient, strict=True):
            assert _near(got, right, near=1e-12), (got, right)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("power", [-300, -100, -8, 0, 2, 100, 300])
def test_backpropagation_at_every_scale(activation, loss, power) -> None:
    """States, costates and gradients of two layers: each row to its own scale."""
    rng = np.random.default_rng(sorted(ACTIVATIONS).index(activation))
    w = [rng.normal(size=(3, 2)) / 2, rng.normal(size=(2, 3)) / 2]
    x = rng.normal(size=2) * 10.0**power
    y = rng.normal(size=2) * 10.0**power if loss == "mse" else np.array([0.25, 0.75])
    got = reference(Network.mlp(w, activations=activation, loss=loss), x[None], y[None])
    phi, slope, _ = EXACT[activation]
    with mp.workdps(800):
        w0, w1 = ([[mpf(float(part)) for part in row] for row in weight] for weight in w)
        x0 = [mpf(float(part)) for part in x]
        s1 = [mp.fdot(row, x0) for row in w0]
        x1 = [phi(s) for s in s1]
        x2 = [mp.fdot(row, x1) for row in w1]
        value, l2 = _exact_loss(loss, x2, [mpf(float(part)) for part in y])
        l1 = [mp.fsum(w1[k][j] * l2[k] for k in range(2)) for j in range(3)]
        m1 = [slope(s) * lam for s, lam in zip(s1, l1, strict=True)]
        l0 = [mp.fsum(w0[j][i] * m1[j] for j in range(3)) for i in range(2)]
        rows = [
            (got.states["s1"], s1), (got.states["x1"], x1), (got.states["x2"], x2), (got.costates["x2"], l2),
            (got.costates["x1"], l1), (got.costates["s1"], m1), (got.costates["x0"], l0),
            (got.gradients["s1"].weight, [m * part for m in m1 for part in x0]),
            (got.gradients["s2"].weight, [m * part for m in l2 for part in x1]),
        ]  # fmt: skip
        for found, exact in rows:
            whole = max(abs(part) for part in exact)
            if whole > MOST:  # products of two such numbers
                assert power == 300 and not np.isfinite(found).all()
                continue
            for number, right in zip(np.ravel(found), exact, strict=True):
                assert _near(number, right, whole, near=1e-10), (number, right)
    assert _near(got.loss[0], value, near=1e-9)


def test_linear_networks_are_right_in_whole_fractions() -> None:
    """Without any function but sums and products: exact rational arithmetic."""
    rng = np.random.default_rng(0)
    w = [rng.normal(size=(3, 4)) * 1e-200, rng.normal(size=(2, 3)) * 1e180]
    x, y = rng.normal(size=4) * 1e30, rng.normal(size=2) * 1e-250
    got = reference(Network.mlp(w, activations="relu"), x[None], y[None])
    w0, w1 = ([[Fraction(float(part)) for part in row] for row in weight] for weight in w)
    s1 = [sum(a * Fraction(float(b)) for a, b in zip(row, x, strict=True)) for row in w0]
    x1 = [max(s, Fraction(0)) for s in s1]
    x2 = [sum(a * b for a, b in zip(row, x1, strict=True)) for row in w1]
    l2 = [a - Fraction(float(b)) for a, b in zip(x2, y, strict=True)]
    m1 = [(s > 0) * sum(w1[k][j] * l2[k] for k in range(2)) for j, s in enumerate(s1)]
    l0 = [sum(w0[j][i] * m1[j] for j in range(3)) for i in range(4)]
    for found, exact in ((got.states["x2"], x2), (got.costates["s1"], m1), (got.costates["x0"], l0)):
        whole = max(abs(part) for part in exact)
        assert all(
            abs(Fraction(float(a)) - b) <= whole * Fraction(1, 10**14) for a, b in zip(found[0], exact, strict=True)
        )
