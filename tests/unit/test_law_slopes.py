"""Derivatives of node laws, from their update code."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Matched, NodeLaw, Worldsheet
from emulator.errors import EngineError
from emulator.families.node.law_slopes import law_slopes
from tests.refusals import refuses

X, LAM = np.array([0.3, -1.2]), np.array([0.5, 2.0])


def law_of(state: str = "x = F", costate: str = "lam = B", **parameters: float) -> NodeLaw:
    """A law with the given code."""

    class Given(NodeLaw):
        name = "given"
        state_update = state
        costate_update = costate
        impedance = 0.25

        @property
        def parameters(self):
            return parameters

    return Given()


def test_worldsheet():
    slopes = law_slopes(Worldsheet(0.6, 0.3, 2.0), X, LAM)
    for operand, expected in {"x": 0.4, "lam": 0.6, "F": 0.6, "B": -0.6}.items():
        np.testing.assert_allclose(slopes.state[operand], [expected] * 2)
    for operand, expected in {"x": -0.15, "lam": 0.4, "F": 0.15, "B": 0.6}.items():
        np.testing.assert_allclose(slopes.costate[operand], [expected] * 2)


def test_matched():
    slopes = law_slopes(Matched(), X, LAM)
    np.testing.assert_array_equal(
        [slopes.state[name] for name in ("x", "lam", "F", "B")], [[0] * 2, [0] * 2, [1] * 2, [0] * 2]
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = F + c*(x - F)*lam", lambda c: (c * LAM, 1 - c * LAM)),
        ("r = x - F  # temporary\n\nx -= c*r", lambda c: (1 - c, c)),
        ("x = F\nx += c*tanh(lam - B)", lambda c: (0, 1)),
        ("x = F + clip(c*(x - F), -0.1, 0.1)", lambda c: (c, 1 - c)),
        ("x = F + c*(x - F)*int(lam > 1)", lambda c: (c * (LAM > 1), 1 - c * (LAM > 1))),
        ("x = F + c*(x - F)*abs(x)", lambda c: (c * np.abs(X), 1 - c * np.abs(X))),
        ("x = F + c*(x - F)*sign(x)*Z", lambda c: (0.25 * c * np.sign(X), 1 - 0.25 * c * np.sign(X))),
    ],
)
def test_code_of_many_kinds(code, expected):
    slopes = law_slopes(law_of(code, c=0.7), X, LAM)
    for operand, value in zip(("x", "F"), expected(0.7), strict=True):
        np.testing.assert_allclose(slopes.state[operand], np.broadcast_to(value, 2), atol=1e-15)


def test_the_costate_sees_the_new_state():
    slopes = law_slopes(law_of(costate="lam = B + x*x - F*F"), X, LAM)
    np.testing.assert_allclose(slopes.costate["x"], 2 * X)
    np.testing.assert_allclose(slopes.costate["F"], -2 * X)


@pytest.mark.parametrize(
    ("law", "words"),
    [
        (
            law_of("x = F + unknown*(x - F)", c=1.0),
            "law given: state_update names 'unknown'; allowed: x, lam, F, B, Z, c",
        ),
        (law_of("y = F"), "law given: state_update does not assign x; allowed: code that does"),
        (
            law_of("x == F"),
            "law given: state_update has the line 'x == F'; allowed: assignments such as 'x = F'",
        ),
        (
            law_of("x = F +* 2"),
            "law given: state_update has the line 'x = F +* 2'; allowed: assignments such as 'x = F'",
        ),
        (
            law_of(costate="lam = 0.5*B"),
            "law given: costate_update moves lam of neuron 1 by 1 at x = F, lam = B; allowed: a law that",
        ),
        (
            law_of("x = F + c*rand()", c=1.0),
            "law given: state_update calls 'rand'; allowed: brian2's differentiable",
        ),
        (
            law_of("x = F + int(c*(x - F))", c=1.0),
            "law given: state_update calls 'int'; allowed: brian2's differentiable",
        ),
        (
            law_of(costate="lam = B + floor(x - F)"),
            "law given: costate_update has no known derivative in x; allowed: brian2",
        ),
    ],
)
def test_refusals(law, words):
    refuses(words, lambda: law_slopes(law, X, LAM), EngineError)
