"""Activations that are expressions of `s`: read, differentiated, run, kept in files, and refused."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import (
    Bilateral,
    EngineError,
    Matched,
    Network,
    NetworkBuilder,
    NetworkError,
    WavePMP,
    Worldsheet,
    compile_network,
    reference,
    settle,
)
from emulator.network import ACTIVATIONS, activation_function
from emulator.network.formulas import brian2_value

TEXTS = [
    "sin(s)", "s**2", "s*s*s - 2*s", "1/(2 + sin(s)**2)", "exp(-s**2)", "s*tanh(s)", "sqrt(1 + s**2)", "tan(0.1*s)",
    "log(2 + cos(s))", "arctan(s)/(1 + s**2)", "(3 + s**2)**1.5", "cosh(s)**-1 + sinh(0.3*s)", "arcsin(0.5*sin(s))",
    "arccos(0.4*cos(s))",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_derivatives_are_those_of_the_value(text: str) -> None:
    function, s = activation_function(text), np.linspace(-2.0, 2.0, 41)
    step = 1e-5
    for lower, upper in ((function.phi, function.dphi), (function.dphi, function.curvature)):
        np.testing.assert_allclose((lower(s + step) - lower(s - step)) / (2 * step), upper(s), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(function.phi(s), brian2_value(text, {"s": s}), rtol=1e-14, atol=1e-14)
    assert function.name == text and text in ACTIVATIONS and text not in list(ACTIVATIONS)


def test_what_is_no_finite_number_is_0() -> None:
    for text, at in (("1/s", 0.0), ("log(s)", -1.0), ("exp(s)", 1e4), ("sqrt(s)", -2.0)):
        function = activation_function(text)
        assert np.isinf(function.L1)
        assert function.phi(np.array([at]))[0] == 0.0, text
        assert np.isfinite([form(np.array([at]))[0] for form in (function.dphi, function.curvature)]).all(), text


def test_bounds_are_known_where_the_derivative_is_bounded() -> None:
    assert pytest.approx(1.0, rel=2e-3) == activation_function("sin(s)").L1
    assert np.isinf(activation_function("s**2").L1)


def network(rng: np.random.Generator) -> Network:
    build = NetworkBuilder()
    x = build.input("x", 3)
    for text in ("sin(s)", "s**2", "1/(1 + 0.3*sin(s)**2)", "exp(-s)", "1/s"):
        x = build.dense(x, rng.normal(size=(3, 3)) / 2, rng.normal(size=3), activation=text)
    return build.build()


@pytest.mark.parametrize(
    "law", [Matched(), Worldsheet(beta=0.8, gamma=0.05), WavePMP(nu=0.0)], ids=lambda law: law.name
)
def test_a_substrate_rests_at_backpropagation(law) -> None:
    rng = np.random.default_rng(0)
    net = network(rng)
    batch = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    result = settle(compile_network(net, law=law), *batch, target="numpy")
    assert result.settled.all(), result.reason
    errors = result.errors(reference(net, *batch))
    assert errors["state"] < 1e-11 and errors["costate"] < 1e-11


def test_a_network_keeps_them_in_its_file(tmp_path) -> None:
    net = network(np.random.default_rng(1))
    net.save(tmp_path / "net.npz")
    assert Network.load(tmp_path / "net.npz") == net


def test_two_way_lines_know_built_in_ones_only() -> None:
    with pytest.raises(
        EngineError, match=r"the answers of activation 'sin\(s\)' of dense1 cannot be followed; allowed: identity, tanh"
    ):
        settle(compile_network(network(np.random.default_rng(1)), law=Bilateral(impedance=1.0)), np.ones((1, 3)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os')(s)", r"holds .*__import__.*; allowed: numbers, names, \+ - \* / \*\*, and calls of sin"),
        ("(lambda: s)()", "holds .*lambda.*; allowed: numbers"),
        ("s.real()", r"holds 's.real\(\)'; allowed: numbers"),
        ("sin(s)[0]", "holds .*; allowed: numbers"),
        ("floor(s)", "calls 'floor'; allowed: sin, cos"),
        ("sin(s, s)", "calls 'sin' with more or fewer arguments than one"),
        ("sin(s=s)", "calls 'sin' with more or fewer arguments than one"),
        ("sin(q)", "names 'q'; allowed: s"),
        ("s**s", r"has 's \*\* s'; allowed: powers whose exponent is a number"),
        ("s**99", "has the exponent 99; allowed: from -16 to 16"),
        ("9**9**9**9*s", "which is no finite number"),
        ("1/(2 - 2) + s", r"has '1 / \(2 - 2\)', which is no finite number"),
        ("exp(exp(exp(9)))*s", "which is no finite number"),
        ("1e200*(1e200*s)", "whose numbers grow beyond all floats"),
        ("sqrt(s**2)", "has a kink or no real value"),
        ("(s", r"is '\(s'; allowed: an expression, such as"),
        ("(1) + 2", "does not depend on s"),
        ("(" * 60 + "s" + ")" * 60 + "+s" * 2000, "characters; allowed: at most 2000"),
        ("sin(" * 50 + "s" + ")" * 50, "is nested deeper than 40"),
        ("+".join(["s"] * 300), "has more than 400 parts"),
        ("(s)+True", "holds 'True'"),
        ("(s)+'a'", "holds"),
        ("(s)+1j", "holds"),
    ],
)
def test_other_texts_are_refused_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message) as caught:
        activation_function(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert text not in ACTIVATIONS
