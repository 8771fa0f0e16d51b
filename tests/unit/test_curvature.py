"""The curvature screen against finite differences of the exact gradient."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import EngineError, NetworkBuilder, compile_network, reference
from emulator.measure.curvature import _site_hessian, curvature_screen
from emulator.measure.rest import operating_point, slopes
from tests.refusals import refuses


def residual(loss: str):
    rng = np.random.default_rng(2)
    b = NetworkBuilder()
    x = b.input("x", 3)
    h = b.dense(x, rng.normal(size=(3, 3)), rng.normal(size=3), name="h", activation="tanh")
    g = b.dense(h, rng.normal(size=(3, 3)), name="g", activation="gelu")
    y = b.dense(b.add(h, g, name="sum"), rng.normal(size=(2, 3)), name="y")
    return compile_network(b.build(output=y, loss=loss)), rng.normal(size=(1, 3)), np.array([[0.3, 0.7]])


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
def test_hessians_are_derivatives_of_the_costate(loss):
    """Also where branches meet again: a source's curvature follows every path."""
    graph, inputs, targets = residual(loss)
    point = operating_point(graph, reference(graph.network, inputs, targets))
    first, second = slopes(graph, point.s)
    found = _site_hessian(graph, point, 0, 3, first, second)
    step = 1e-5
    numeric = [
        (
            reference(graph.network, inputs + step * unit, targets).costates["x"]
            - reference(graph.network, inputs - step * unit, targets).costates["x"]
        )[0]
        / (2 * step)
        for unit in np.eye(3)
    ]
    np.testing.assert_allclose(found, numeric, atol=1e-8)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    assert np.abs(found - np.diag(np.diag(found))).max() > 1e-3


def test_the_screen_fails_exactly_above_the_critical_impedance():
    """x -> tanh(4 x + 0.3) -> target -2: d2/dx2 of (tanh + 2)^2 / 2 is negative at x = 0.2."""
    b = NetworkBuilder()
    x = b.input("x", 1)
    graph = compile_network(b.build(output=b.dense(x, [[4.0]], [0.3], name="y", activation="tanh")))
    exact = reference(graph.network, [[0.2]], [[-2.0]])
    t = np.tanh(1.1)
    slope = 1 - t**2
    curvature = 16 * (slope**2 - 2 * t * slope * (t + 2))
    assert curvature < 0
    (at,) = curvature_screen(graph, exact, [-1 / curvature * 1.01])
    assert at.trouble and at.hessian == pytest.approx(curvature)
    (below,) = curvature_screen(graph, exact, [-1 / curvature * 0.99])
    assert not below.trouble and below.least == pytest.approx(-curvature / 0.99 + curvature)


def test_wrong_impedances_are_refused():
    graph, inputs, targets = residual("mse")
    exact = reference(graph.network, inputs, targets)
    count = len(graph.couplings)
    words = f"curvature screen: 1 impedances; allowed: {count}"
    refuses(words, lambda: curvature_screen(graph, exact, [1.0]), EngineError)
    refuses(
        "curvature screen: impedance of",
        lambda: curvature_screen(graph, exact, [1.0] * (count - 1) + [0.0]),
        EngineError,
    )
