"""Squared states and weights in the loss: exact reference, every law, learning, files."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emulator import (
    Bilateral,
    CompileError,
    FileFormatError,
    Matched,
    Network,
    NetworkBuilder,
    NetworkError,
    Penalty,
    Resistive,
    SeriesRC,
    Upwind,
    Worldsheet,
    compile_network,
    reference,
    settle,
    train,
)
from emulator.learning import RateSchedule
from emulator.measure.forecast import settling_steps
from emulator.training.baselines import baseline
from emulator.training.streams import ArrayStream
from hwmodels import load

SIZES = [5, 4, 4, 3]
PENALTIES = {
    "x0": {"state": 0.2},
    "s1": Penalty(weight=0.3),
    "x2": {"state": 0.4},
    "s3": {"weight": 0.1},
    "x3": {"state": 0.05},
}


def mlp(rng: np.random.Generator, loss: str = "mse", penalties=PENALTIES) -> Network:
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(SIZES)]
    return Network.mlp(weights, [rng.normal(size=b) * 0.1 for b in SIZES[1:]], "tanh", loss, penalties)


def dag(rng: np.random.Generator, loss: str = "mse") -> Network:
    """Fan-out, a concatenation, a residual sum, and a layer without activation."""
    build = NetworkBuilder()
    x = build.input("x", 4)
    a = build.dense(x, rng.normal(size=(3, 4)) / 2, rng.normal(size=3) / 10, name="a", activation="tanh")
    b = build.residual(a, rng.normal(size=(5, 3)) / 2, None, rng.normal(size=(3, 5)) / 2, None, name="b")
    c = build.concat(x, b)
    out = build.dense(c, rng.normal(size=(3, 7)) / 3, None, name="out")
    penalties = {"a": {"state": 0.3}, "b": {"state": 0.2}, "b_f": {"weight": 0.5}, "out": {"state": 0.1, "weight": 0.2}}
    return build.build(output=out, loss=loss, penalties=penalties)


def batch(rng: np.random.Generator, network: Network, count: int = 3):
    width = network.size(network.output)
    targets = rng.normal(size=(count, width)) if network.loss == "mse" else rng.dirichlet(np.ones(width), size=count)
    return rng.normal(size=(count, network.size(network.inputs[0]))), targets


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
@pytest.mark.parametrize("make", [mlp, dag])
def test_the_reference_is_the_derivative_of_the_loss(make, loss):
    rng = np.random.default_rng(1)
    network = make(rng, loss)
    x, y = batch(rng, network)
    exact = reference(network, x, y)
    assert (exact.loss > reference(network.with_penalties(None), x, y).loss + 0.01).all()
    step = 1e-5
    for name, (weight, bias) in network.parameters.items():
        for part, values in enumerate((weight, bias)):
            found = np.zeros_like(values)
            for at in np.ndindex(values.shape):
                losses = []
                for sign in (1, -1):
                    moved = [weight.copy(), bias.copy()]
                    moved[part][at] += sign * step
                    losses.append(reference(network.with_parameters({name: tuple(moved)}), x, y).loss.mean())
                found[at] = (losses[0] - losses[1]) / (2 * step)
            np.testing.assert_allclose(exact.gradients[name][part], found, atol=1e-9)
    name = network.inputs[0]
    found = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        losses = []
        for sign in (1, -1):
            moved = x.copy()
            moved[at] += sign * step
            losses.append(reference(network, moved, y).loss[at[0]])
        found[at] = (losses[0] - losses[1]) / (2 * step)
    np.testing.assert_allclose(exact.costates[name], found, atol=1e-9)


@pytest.mark.parametrize(
    ("make", "law", "loss", "hold"),
    [
        (mlp, None, "mse", None),
        (dag, None, "softmax_cross_entropy", None),
        (dag, Worldsheet(0.8, 0.1, 0.7), "mse", 200),
        (dag, Upwind(kappa=0.5), "mse", 300),
        (mlp, Bilateral(0.4, taper=2.0, far_end=SeriesRC(), kappa=0.5), "mse", 500),
        (mlp, Bilateral(0.4, taper=2.0, far_end=SeriesRC()), "softmax_cross_entropy", 500),
    ],
)
def test_substrates_rest_at_the_penalised_backpropagation(make, law, loss, hold):
    rng = np.random.default_rng(2)
    network = make(rng, loss)
    x, y = batch(rng, network, 1)
    result = settle(compile_network(network, law=law), x, y, hold=hold, target="numpy", tolerance=1e-5)
    assert result.settled.all()
    assert result.deviation.max() < 1e-5
    kappa = law.kappa if isinstance(law, Bilateral | Upwind) and loss == "mse" else 1.0
    exact = reference(network, x, y)
    for name, costate in exact.costates.items():
        np.testing.assert_allclose(result.costates[name], kappa * costate, atol=2e-5)
    without = reference(network.with_penalties(None), x, y)
    assert max(np.abs(exact.costates[n] - without.costates[n]).max() for n in exact.costates) > 0.05


def test_without_targets_there_are_none():
    rng = np.random.default_rng(2)
    network = mlp(rng)
    x, _ = batch(rng, network, 1)
    for law, hold in ((Worldsheet(0.8, 0.1, 0.7), 100), (Bilateral(0.4, taper=2.0, far_end=SeriesRC()), 250)):
        result = settle(compile_network(network, law=law), x, hold=hold, target="numpy", tolerance=1e-4)
        for name, state in reference(network, x).states.items():
            np.testing.assert_allclose(result.states[name], state, atol=2e-3)


def test_scenarios_name_penalties(tmp_path):
    from emulator.errors import NetworkError as Refused
    from emulator.scenario import load_scenario
    from emulator.scenario.build import prepare

    key = "network.penalties.x1.state=0.25"
    assert prepare(load_scenario("unstable", [key])).graph.network.penalties == {"x1": Penalty(0.25)}
    with pytest.raises(Refused, match="scenario 'unstable': penalties: no layer 'x7'"):
        prepare(load_scenario("unstable", ["network.penalties.x7.state=0.25"]))


def test_circuits_refuse_what_they_lack(tmp_path):
    from emulator import export
    from emulator.errors import ExportError

    network = mlp(np.random.default_rng(0))
    with pytest.raises(ExportError, match=r"layer 'x0': penalty has state 0\.2, which would be a conductance"):
        export.spice(compile_network(network), tmp_path / "c", np.zeros((1, 5)), np.zeros((1, 3)))


def test_settling_is_predicted_with_penalties():
    rng = np.random.default_rng(3)
    network = mlp(rng, penalties={"x1": {"state": 1.5}, "x2": {"state": 1.5}, "x3": {"state": 1.0}})
    x, y = batch(rng, network, 1)
    for law in (Worldsheet(0.5, 0.3, 1.0), Bilateral(0.4, taper=2.0, far_end=SeriesRC())):
        graph = compile_network(network, law=law)
        predicted = settling_steps(graph, reference(network, x, y))
        measured = settle(graph, x, y, hold=400, target="numpy").settling_steps[0]
        assert abs(predicted - measured) <= 0.25 * measured + 2


@pytest.mark.parametrize("law", [None, Bilateral(0.4, taper=2.0, far_end=SeriesRC())])
def test_learning_follows_the_penalised_gradient(law):
    rng = np.random.default_rng(4)
    network = mlp(rng)
    x, y = batch(rng, network, 6)
    x, y = x[:3], y[:3]
    hold = None if law is None else 250
    result = train(network, x, y, port=Resistive(0.1), samples=3, law=law, hold=hold, target="numpy")
    descended = baseline("descent", network, ArrayStream(np.hstack([x, y]), "epochs", 0), 0.1, RateSchedule(), 3)
    plain = baseline(
        "descent", network.with_penalties(None), ArrayStream(np.hstack([x, y]), "epochs", 0), 0.1, RateSchedule(), 3
    )
    for name, (weight, bias) in descended.parameters.items():
        near = 1e-12 if law is None else 1e-4
        np.testing.assert_allclose(result.network.parameters[name].weight, weight, atol=near)
        np.testing.assert_allclose(result.network.parameters[name].bias, bias, atol=near)
    assert np.abs(plain.parameters["s1"].weight - descended.parameters["s1"].weight).max() > 5e-3


def test_mini_batches_average_the_efforts_and_keep_the_penalty():
    rng = np.random.default_rng(5)
    network = mlp(rng, penalties={"s1": {"weight": 0.3}, "x1": {"state": 0.2}})
    x, y = batch(rng, network, 4)
    result = train(network, x, y, port=Resistive(0.1), batch=4, samples=4, target="numpy")
    exact = reference(network, x, y)
    for name, gradient in exact.gradients.items():
        wanted = network.parameters[name].weight - 0.1 * gradient.weight
        np.testing.assert_allclose(result.network.parameters[name].weight, wanted, atol=1e-12)


def test_files_keep_penalties_and_networks_without_keep_their_digest(tmp_path):
    network = mlp(np.random.default_rng(6))
    network.save(tmp_path / "n.npz")
    read = Network.load(tmp_path / "n.npz")
    assert read == network
    assert read.penalties == network.penalties
    assert network != network.with_penalties(None)
    assert network.with_penalties(None).digest == network.with_penalties({"s1": {}}).digest
    assert network.with_parameters(network.parameters).penalties == network.penalties
    assert "penalty of s1: 0 |x|^2/2 + 0.3 |W|^2/2" in network.summary()
    header = np.load(tmp_path / "n.npz")
    text = header["header"].tobytes().replace(b'"weight":0.3', b'"weight":-.3').replace(b"-.3", b"-0.3")
    arrays = {name: header[name] for name in header.files if name != "header"}
    with (tmp_path / "bad.npz").open("wb") as file:
        np.savez(file, **arrays, header=np.frombuffer(text, np.uint8))
    with pytest.raises(FileFormatError, match=r"weight is -0\.3; allowed: a finite number, at least 0"):
        Network.load(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("penalties", "words"),
    [
        ({"x9": {}}, "penalties: no layer 'x9'"),
        ({"x1": {"wieght": 1}}, "layer 'x1': penalty has no field 'wieght'"),
        ({"x1": {"weight": 1}}, "layer 'x1': penalty has weight 1, but the layer has no weights"),
        ({"x1": {"state": -1}}, "layer 'x1': penalty: state is -1; allowed: a finite number, at least 0"),
        ({"x1": 3}, "layer 'x1': penalty is 3; allowed: a Penalty, or a mapping of state and weight"),
        ([1], r"penalties are \[1\]; allowed: a mapping"),
    ],
)
def test_penalties_that_cannot_be_are_refused(penalties, words):
    with pytest.raises(NetworkError, match=words):
        mlp(np.random.default_rng(0), penalties=penalties)


def test_states_that_nothing_holds_have_no_penalty():
    network = mlp(np.random.default_rng(0), penalties={"s1": {"state": 1.0}})
    with pytest.raises(CompileError, match="is the pre-activation inside the neurons of 'x1'"):
        compile_network(network)
    network = mlp(np.random.default_rng(0), penalties={"x1": {"state": 1.0}})
    with pytest.raises(CompileError, match="allowed with law matched: 0, since its nodes are wires"):
        compile_network(network, law=Bare())


class Bare(Matched):
    """A law whose nodes have no place for a conductance."""

    unshunted = "its nodes are wires"


def per_component(rng: np.random.Generator) -> Network:
    """The chain with a coefficient of its own for every component of two states."""
    return mlp(
        rng, penalties={"x0": {"state": 0.2}, "x2": {"state": [0.4, 0.0, 0.1, 0.7]}, "x3": Penalty((0.1, 0.0, 0.3))}
    )


@pytest.mark.parametrize("law", [None, Worldsheet(beta=0.7, gamma=0.1)], ids=["matched", "worldsheet"])
def test_every_component_may_have_a_coefficient_of_its_own(law) -> None:
    rng = np.random.default_rng(5)
    network = per_component(rng)
    inputs, targets = batch(rng, network)
    exact = reference(network, inputs, targets)
    x2, x3 = exact.states["x2"], exact.states["x3"]
    own = 0.1 * (exact.states["x0"] ** 2).sum(axis=1)
    own += (x2**2) @ [0.2, 0.0, 0.05, 0.35] + (x3**2) @ [0.05, 0.0, 0.15]
    np.testing.assert_allclose(exact.loss, own + 0.5 * ((x3 - targets) ** 2).sum(axis=1), rtol=1e-14)
    result = settle(compile_network(network, law=law), inputs, targets, target="numpy", tolerance=1e-9, hold=120)
    assert result.settled.all(), result.reason
    assert result.errors(exact)["costate"] < 1e-8 and result.errors(exact)["gradient"] < 1e-8


def test_tiles_share_coefficients_of_components(tmp_path) -> None:
    network = per_component(np.random.default_rng(6))
    network.save(tmp_path / "n.npz")
    assert Network.load(tmp_path / "n.npz") == network
    hardware = load("ideal").replace({"tiles.rows": 2, "tiles.columns": 2})
    graph = compile_network(network, hardware=hardware)
    rng = np.random.default_rng(7)
    inputs, targets = batch(rng, network)
    result = settle(graph, inputs, targets, target="numpy")
    assert result.errors(reference(network, inputs, targets))["gradient"] < 1e-12


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([0.1, 0.2], "penalty has 2 numbers for states; allowed: one, or 4, one for each component"),
        ([0.1, -0.2, 0.0, 0.0], r"state\[1\] is -0.2; allowed: a finite number, at least 0"),
        ([], "state is empty"),
        ("a", "state is 'a'; allowed: a finite number"),
    ],
)
def test_wrong_coefficients_of_components_are_refused(state, message) -> None:
    with pytest.raises(NetworkError, match=message):
        mlp(np.random.default_rng(0), penalties={"x2": {"state": state}})
