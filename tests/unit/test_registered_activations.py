"""An activation that a user registers works wherever a built-in one does, or is refused with a sentence."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

import emulator
from emulator import export
from emulator.errors import BackwaveError
from emulator.laws import Bilateral, Upwind, Worldsheet
from emulator.measure.reference import reference
from emulator.network import ACTIVATIONS, ActivationFunction, Network, NetworkBuilder, register_activation
from emulator.network.activation_check import checked_activation
from emulator.network.formulas import brian2_value, spice_value
from emulator.network.functions import FUNCTIONS
from emulator.scenario.config import validate
from tests.support.circuits import ngspice, operating_point

__all__ = ["ngspice"]
ROOT = "sqrt(s*s + 1)"
BENT = ActivationFunction(
    name="bent",
    phi=lambda s: (np.hypot(s, 1) - 1) / 2 + s,
    dphi=lambda s: s / (2 * np.hypot(s, 1)) + 1,
    d2phi=lambda s: 0.5 * np.hypot(s, 1) ** -3.0,
    brian2=(f"({ROOT} - 1)/2 + s", f"s/(2*{ROOT}) + 1"),
    spice=("(sqrt(u*u+1)-1)/2+u", "u/(2*sqrt(u*u+1))+1"),
)
SINE = ActivationFunction(
    name="sine",
    phi=np.sin,
    dphi=np.cos,
    d2phi=lambda s: -np.sin(s),
    L1=1.0,
    L2=1.0,
    brian2=("sin(s)", "cos(s)"),
    spice=("sin(u)", "cos(u)"),
)
SOFTSIGN = ActivationFunction(
    name="softsign",
    phi=lambda s: s / (1 + np.abs(s)),
    dphi=lambda s: 1 / (1 + np.abs(s)) ** 2,
    brian2=("s/(1 + abs(s))", "1/(1 + abs(s))**2"),
)
CLIPPED = ActivationFunction(
    name="clipped",
    phi=lambda s: np.clip(s, -1, 1),
    dphi=lambda s: np.where(np.abs(s) < 1, 1.0, 0.0),
    d2phi=np.zeros_like,
    kinks=(-1.0, 1.0),
    brian2=("clip(s, -1, 1)", "int(abs(s) < 1)"),
)
HINGE = ActivationFunction(
    name="folded",
    phi=lambda s: np.where(s > 0, s, -0.2 * s),
    dphi=lambda s: np.where(s > 0, 1.0, -0.2),
    d2phi=np.zeros_like,
    kinks=(0.0,),
    brian2=("s*int(s > 0) - 0.2*s*int(s <= 0)", "int(s > 0) - 0.2*int(s <= 0)"),
    spice=("(u>0 ? u : -0.2*u)", "(u>1e-9 ? 1 : -0.2)"),
    hinge=True,
)
OWN = (BENT, SINE, SOFTSIGN, CLIPPED, HINGE)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for function in OWN:
        monkeypatch.setitem(ACTIVATIONS, function.name, function)


def mlp(*functions: str, loss: str = "mse", scale: float = 0.5):
    rng = np.random.default_rng(3)
    sizes = [3, *[4] * len(functions), 3]
    weights = [scale * rng.normal(size=(m, n)) for n, m in itertools.pairwise(sizes)]
    biases = [0.3 * rng.normal(size=m) for m in sizes[1:]]
    net = Network.mlp(weights, biases, [*functions, "identity"], loss=loss)
    targets = np.array([0, 2]) if loss != "mse" else rng.normal(size=(2, 3))
    return net, rng.normal(size=(2, 3)), targets


def deviation(net, inputs, targets, law=None, **how) -> float:
    graph = emulator.compile_network(net, law=law or emulator.Matched())
    result = emulator.settle(graph, inputs, targets, target="numpy", **how)
    exact = reference(net, inputs, targets)
    assert result.settled.all(), result.reason
    return max(
        float(np.abs(result.gradients[name].weight - exact.gradients[name].weight).max()) for name in exact.gradients
    )


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
def test_it_trains_by_waves_under_a_node_law(loss):
    assert deviation(*mlp(*(f.name for f in OWN), loss=loss)) < 1e-12
    assert (
        deviation(*mlp("bent", "sine", loss=loss), law=Worldsheet(beta=0.7, gamma=0.0), tolerance=1e-6, hold=200) < 1e-5
    )


def test_it_works_in_a_residual_stack():
    builder, rng = NetworkBuilder(), np.random.default_rng(0)
    top = builder.input("x0", 3)
    for k in range(2):
        first, second = 0.4 * rng.normal(size=(2, 3, 3))
        top = builder.residual(top, first, None, second, None, activation="sine", name=f"block{k}")
    net = builder.build(output=top)
    assert deviation(net, rng.normal(size=(1, 3)), rng.normal(size=(1, 3)), law=Upwind(), tolerance=1e-6) < 1e-4


@pytest.mark.parametrize("levels", [0, 2])
def test_programs_differ_where_their_activations_do(monkeypatch, levels):
    """A program that was compiled for one function is never used for another of the same name."""
    from emulator.families.node.update import node_update
    from emulator.families.upwind.stack import Stack, UpwindPlan

    found = []
    for text in ("cos(s)", "1*cos(s)"):
        monkeypatch.setitem(ACTIVATIONS, "sine", replace(SINE, brian2=("sin(s)", text)))
        if levels:
            layout = type("Layout", (), {"function": ("source", "sine")})
            none = np.zeros(0, np.int32)
            plan = UpwindPlan(
                layout,
                Upwind(),
                "mse",
                1,
                1,
                stack=Stack(none, none, ((),) * levels, none, none, none, (none,) * levels),
            )
            found.append(plan.update)
        else:
            found.append(node_update(emulator.Matched(), ("source", "sine"), "mse", False))
    assert found[0] != found[1]


@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_it_is_exported(ngspice, tmp_path, circuit):
    net, inputs, targets = mlp("bent", "sine", "folded", scale=0.3)
    graph = emulator.compile_network(net)
    assert operating_point(graph, inputs[:1], targets[:1], export.Options(circuit=circuit), tmp_path) < 1e-8


def test_without_a_formula_only_the_export_is_refused(tmp_path):
    net, inputs, targets = mlp("softsign")
    graph = emulator.compile_network(net)
    with pytest.raises(BackwaveError, match="activation 'softsign' has no spice form"):
        export.spice(graph, tmp_path / "x", inputs=inputs[:1], targets=targets[:1])
    assert not (tmp_path / "x").exists()


def test_two_way_lines_refuse_what_they_do_not_know():
    net, inputs, targets = mlp("sine")
    graph = emulator.compile_network(net, law=Bilateral(1.0))
    with pytest.raises(
        BackwaveError,
        match="law bilateral: the answers of activation 'sine' of x1 cannot be followed; allowed: identity",
    ):
        emulator.settle(graph, inputs, targets, target="numpy")


def test_a_prediction_needs_the_second_derivative():
    from emulator.measure.stability import predict

    net, inputs, targets = mlp("softsign")
    graph = emulator.compile_network(net, law=Worldsheet())
    with pytest.raises(BackwaveError, match="activation 'softsign' has no second derivative"):
        predict(graph, reference(net, inputs, targets))


def test_bounds_are_found_or_known_to_be_missing():
    assert pytest.approx(1.5, rel=2e-3) == ACTIVATIONS["bent"].L1
    assert pytest.approx(0.5, rel=2e-3) == ACTIVATIONS["bent"].L2
    cube = ActivationFunction("cube", lambda s: s**3, lambda s: 3 * s**2, lambda s: 6 * s, brian2=("s*s*s", "3*s*s"))
    from emulator.network.activation_check import checked_activation

    assert np.inf == checked_activation("cube", cube).L1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "tanh"}, "activation 'tanh' is built in; allowed: another name"),
        ({"name": "7up"}, "activation is named '7up'"),
        ({"dphi": np.sin}, "activation 'wave': dphi is 0.99"),
        ({"d2phi": np.cos}, "activation 'wave': d2phi is"),
        ({"L1": 0.5}, "activation 'wave': L1 is 0.5; allowed: at least 1"),
        ({"brian2": ("cos(s)", "cos(s)")}, "brian2 text of the value is"),
        ({"brian2": ("sin(s)", "cos(s")}, "brian2 text of the derivative is no expression"),
        ({"brian2": ("sin(q)", "cos(s)")}, "brian2 text of the value names 'q'; allowed: s"),
        ({"brian2": ("sin(s)", "cosine(s)")}, "brian2 text of the derivative calls 'cosine'; allowed: "),
        ({"brian2": ("sin(s)", "__import__('os').system('x')")}, "brian2 text of the derivative holds"),
        ({"brian2": ("sin(s)",)}, "allowed: two texts"),
        ({"spice": ("sin(u", "cos(u)")}, "spice text of the value ends"),
        ({"spice": ("sin(u)", "sin(u)")}, "spice text of the derivative is"),
        ({"spice": ("sin(u)", "u ? ")}, "spice text of the derivative ends"),
        ({"phi": lambda s: s[:1]}, "phi of shape (2, 3) gives"),
        ({"phi": lambda s: np.log(-1 - s * s)}, "phi is nan at s = 0"),
        ({"phi": lambda s: 1 / 0}, "phi raises ZeroDivisionError"),
    ],
)
def test_forms_that_disagree_are_refused(change, words):
    with pytest.raises(BackwaveError) as caught:
        register_activation(replace(SINE, **{"name": "wave", **change}))
    assert words in str(caught.value)
    assert "wave" not in ACTIVATIONS


def test_scenarios_know_it_and_suggest_it():
    def scenario(activation: str):
        network = {"source": "random-mlp", "sizes": [2, 3, 1], "activation": activation}
        return validate({"title": "t", "network": network, "data": {"source": "random", "samples": 1}})

    assert scenario("softsign").network.activation == "softsign"
    with pytest.raises(BackwaveError, match=r"network.activation is 'softsine' .did you mean 'softsign'"):
        scenario("softsine")


def test_files_keep_its_name(tmp_path):
    net, inputs, _ = mlp("sine")
    net.save(tmp_path / "n.npz")
    again = Network.load(tmp_path / "n.npz")
    np.testing.assert_array_equal(
        reference(again, inputs).states[again.output], reference(net, inputs).states[net.output]
    )


def test_formulas_mean_what_brian2_and_spice_mean():
    s = np.array([-1.5, 0.25, 2.0])
    assert brian2_value("-s**2 + 1/2", {"s": s}) == pytest.approx(-(s**2) + 0.5)
    assert brian2_value("int(s > 0 and not s > 1)", {"s": s}).tolist() == [0, 1, 0]
    assert spice_value("-u^2+1/2", {"u": s}) == pytest.approx(-(s**2) + 0.5)
    assert spice_value("u>0 ? u>1 ? 3 : 2 : 1e0", {"u": s}).tolist() == [1, 2, 3]
    assert spice_value("2-1-1+max(u,0)*2", {"u": s}).tolist() == [0, 0.5, 4]


def test_how_it_bends_is_checked_against_its_second_derivative():
    whole = replace(SINE, name="bending", bend="-sin(s)")
    assert checked_activation("bending", whole).bend == "-sin(s)"
    for bad, words in (
        (replace(whole, bend="sin(s)"), "activation 'bending': bend is "),
        (replace(whole, bend="-sinus(s)"), "activation 'bending': bend text of the second derivative "),
        (replace(whole, d2phi=None), "activation 'bending': bend is '-sin(s)'; allowed: a text, beside d2phi, or None"),
    ):
        with pytest.raises(BackwaveError, match="^" + words.replace("(", r"\(").replace(")", r"\)")):
            register_activation(bad)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_that_is_built_in_says_how_it_bends(name):
    assert checked_activation(name, FUNCTIONS[name]).bend is not None
