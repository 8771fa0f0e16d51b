"""The upwind law on cells of every kind against its equations written down anew, and against backpropagation at rest."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Network, NetworkBuilder, Upwind, compile_network, reference, settle
from emulator.engine.brian_state import known_brian
from emulator.families.upwind import lay_out_stack
from emulator.laws import family_of
from emulator.measure.diagnose import forewarning, why_not_settled
from emulator.measure.dynamic_range import impedance_range, lost_in_rounding, lost_share
from emulator.measure.forecast import settling_steps
from emulator.measure.rest import operating_point
from emulator.measure.stability import linearised
from emulator.network import softmax
from tests.graphs import random_batch, random_network
from tests.support.stranger_networks import brought

STATIONS, LAYERS = ("x", "stem", "block", "bent", "out"), ("stem_s", "block_h_s", "block_f", "u", "p_s", "q_s", "out")
#: penalties of states at two stations, one of them the output
BENT, OUT = 0.3, 0.2


def cells(rng: np.random.Generator, loss: str = "mse", penalties: bool = True) -> Network:
    """A layer, a residual block, a block whose sum is bent, and two branches that end in no sum."""
    build = NetworkBuilder()

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(size=shape) / shape[-1] ** 0.5

    x = build.dense(build.input("x", 5), drawn(4, 5), drawn(4), activation="relu", name="stem")
    x = build.residual(x, drawn(3, 4), drawn(3), drawn(4, 3), drawn(4), name="block")
    x = build.activation(build.add(x, build.dense(x, drawn(4, 4), drawn(4), name="u")), "relu", name="bent")
    p = build.dense(x, drawn(2, 4), drawn(2), activation="tanh", name="p")
    q = build.dense(build.concat(p, x), drawn(3, 6), drawn(3), activation="sigmoid", name="q")
    build.dense(build.concat(p, q), drawn(3, 5), drawn(3), name="out")
    given = {"bent": {"state": BENT}, "out": {"state": OUT}} if penalties else None
    return build.build(output="out", loss=loss, penalties=given)


def ahead_and_back(network: Network, k: int, x: np.ndarray, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``F`` and ``J^T lam`` of cell k, with its wire."""
    (S, s), (W, w), (V, v), (U, u), (P, p0), (Q, q0), (R, r) = (network.parameters[name] for name in LAYERS)
    if k == 0:
        into = S @ x + s
        return np.maximum(into, 0), S.T @ ((into > 0) * lam)
    if k == 1:
        h = np.tanh(W @ x + w)
        return x + V @ h + v, lam + W.T @ ((1 - h * h) * (V.T @ lam))
    if k == 2:
        into = x + U @ x + u
        mu = (into > 0) * lam
        return np.maximum(into, 0), mu + U.T @ mu
    p = np.tanh(P @ x + p0)
    q = 1 / (1 + np.exp(-(Q @ np.concatenate([p, x]) + q0)))
    pulled = R.T @ lam
    inner = Q.T @ (q * (1 - q) * pulled[2:])
    return R @ np.concatenate([p, q]) + r, inner[2:] + P.T @ ((1 - p * p) * (pulled[:2] + inner[:2]))


def answered(network: Network, a: np.ndarray, y: np.ndarray, z: float, kappa: float) -> np.ndarray:
    """The state for which ``x + Z (dLoss/dx + penalty) = 2 a``."""
    if network.loss == "mse":
        return (2 * a + z * kappa * y) / (1 + z * kappa * (1 + OUT))
    x = 2 * a
    for _ in range(100):
        p = softmax(x)
        bend = np.eye(len(x)) * (1 + z * OUT) + z * (np.diag(p) - np.outer(p, p))
        x = x - 0.7 * np.linalg.solve(bend, x + z * (p - y + OUT * x) - 2 * a)
    return x


def literal(network: Network, law: Upwind, inputs: np.ndarray, targets: np.ndarray, hold: int):
    """States and costates of all stations after every step, from the equations in the docstring of the law."""
    z = law.impedance * law.taper ** np.arange(-4.0, 1.0)
    shunt = (law.kappa if network.loss == "mse" else 1.0) * np.array([0, 0, 0, BENT, OUT])
    a = [np.zeros(network.size(name)) for name in STATIONS]
    b = [np.zeros(network.size(name)) for name in STATIONS]
    for step in range(hold * len(inputs)):
        x = [up + down for up, down in zip(a, b, strict=True)]
        lam = [(up - down) / one for up, down, one in zip(a, b, z, strict=True)]
        for k in range(4):
            F, B = ahead_and_back(network, k, x[k], lam[k + 1])
            B = B + shunt[k] * x[k]
            rises, falls = (F + z[k + 1] * lam[k + 1]) / 2, (x[k] - z[k] * B) / 2
            if k == 1:
                rises = rises + z[k] * (lam[k] - B) / 2
                falls = falls + z[k] / z[k + 1] * (x[k + 1] - F) / 2
            a[k + 1] = (1 - law.nu) * a[k + 1] + law.nu * rises
            b[k] = (1 - law.nu) * b[k] + law.nu * falls
        a[0] = inputs[step // hold] - b[0]
        b[4] = answered(network, a[4], targets[step // hold], z[4], law.kappa) - a[4]
        yield (
            [up + down for up, down in zip(a, b, strict=True)],
            [(up - down) / one for up, down, one in zip(a, b, z, strict=True)],
        )


def sample(rng: np.random.Generator, network: Network, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    width = network.size(network.output)
    targets = rng.normal(size=(count, width)) if network.loss == "mse" else rng.dirichlet(np.ones(width), size=count)
    return rng.normal(size=(count, network.size("x"))), targets


@pytest.mark.parametrize(
    ("loss", "law"),
    [
        ("mse", Upwind(0.6, 0.4, 1.3, 2.5)),
        ("softmax_cross_entropy", Upwind(0.7, 2.0, 1.7, 3.0)),
    ],
)
def test_every_step_is_the_equations(loss, law):
    rng = np.random.default_rng(1)
    network = cells(rng, loss)
    inputs, targets = sample(rng, network)
    graph = compile_network(network, law=law)
    result = settle(graph, inputs, targets, hold=30, target="numpy", diagnose=False, traces=True)
    for step, (states, costates) in enumerate(literal(network, law, inputs, targets, 30)):
        for name, x, lam in zip(STATIONS, states, costates, strict=True):
            at = graph.layer_neurons(name)
            np.testing.assert_allclose(result.traces.x[step, at], x, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(result.traces.lam[step, at], lam, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_the_compiled_program_does_what_numpy_does(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path))
    rng = np.random.default_rng(1)
    network = cells(rng, "softmax_cross_entropy")
    graph = compile_network(network, law=Upwind(0.7, 2.0, 1.7, 3.0))
    data = sample(rng, network)
    how = {"hold": 40, "threshold": 1e-9, "diagnose": False, "traces": True}
    ours, theirs = (settle(graph, *data, target=target, **how) for target in ("numpy", "standalone"))
    np.testing.assert_allclose(ours.traces.x, theirs.traces.x, atol=1e-13)
    np.testing.assert_allclose(ours.traces.lam, theirs.traces.lam, atol=1e-13)
    np.testing.assert_array_equal(ours.events, theirs.events)


def test_the_objects_of_a_compiled_program_can_be_made():
    from brian2 import device, get_device, set_device

    graph = compile_network(cells(np.random.default_rng(1), "softmax_cross_entropy"), law=Upwind())
    previous = get_device()
    with known_brian():
        set_device("cpp_standalone", build_on_run=False, directory=None)
        try:
            fabric = family_of(graph.law).objects(family_of(graph.law).plan(graph, 5, 1), np.zeros((1, 8)))
            assert {"w1", "w3", "Z", "nu"} < set(fabric.inputs)
        finally:
            device.reinit()
            device.activate()
            set_device(previous)


def test_the_linearised_step_is_what_the_engine_does_to_a_small_change():
    rng = np.random.default_rng(2)
    network, small, hold = cells(rng, "softmax_cross_entropy"), 1e-6, 250
    inputs, targets = sample(rng, network)
    inputs[1], targets[1] = inputs[0] + small * rng.normal(size=5), targets[0]
    graph = compile_network(network, law=Upwind())
    result = settle(graph, inputs, targets, hold=hold, target="numpy", traces=True, diagnose=False)
    exact = reference(network, inputs, targets)
    before, after = (linearised(graph, operating_point(graph, exact, sample)) for sample in range(2))
    rest, deviation, largest = after.newest(after.rest), before.rest - after.rest, 0.0
    for step in range(30):
        deviation = after @ deviation
        shown = result.traces.x[hold + step] - rest[0], result.traces.lam[hold + step] - rest[1]
        np.testing.assert_allclose(shown, after.newest(deviation), atol=1e-3 * small)
        largest = max(largest, np.abs(deviation).max())
    assert largest > small


@pytest.mark.parametrize("seed", range(5))
def test_any_network_rests_at_backpropagation(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_depth=4, max_width=5, max_layers=7)
    inputs, targets = random_batch(rng, network, 1)
    result = settle(compile_network(network, law=Upwind()), inputs, targets, hold=500, target="numpy", tolerance=1e-8)
    assert result.settled.all() and result.residual.max() < 1e-6, result.reason
    errors = result.errors(reference(network, inputs, targets))
    assert max(errors[name] for name in ("state", "costate", "gradient")) < 1e-6


def test_what_is_not_given_is_chosen_so_that_strangers_networks_settle():
    one = brought(156)
    graph, exact = compile_network(one.network, law=Upwind()), reference(one.network, one.inputs, one.targets)
    law = graph.law
    assert (law.nu, law.impedance) == (0.7, 0.3) and law.taper == pytest.approx(1e6 ** (1 / 5))
    assert any(
        note.startswith("law upwind: chosen for this network: nu 0.7, impedance 0.3, taper ") for note in graph.notes
    )
    predicted = settling_steps(graph, exact)
    result = settle(graph, one.inputs, one.targets, hold=2 * int(predicted), target="numpy")
    assert result.settled.all() and result.errors(exact)["costate"] < 2e-3
    assert result.settling_steps[0] == pytest.approx(predicted, rel=0.1)


@pytest.mark.parametrize("bent", [True, False])
def test_impedances_span_a_million_over_the_cells_that_there_are(bent):
    """Sums with a wire, or activations behind each other: many cells, and one crossbar."""
    rng, build = np.random.default_rng(0), NetworkBuilder()
    x = build.dense(build.input("x", 3), rng.normal(size=(3, 3)) / 3**0.5)
    for _ in range(10):
        x = build.activation(x, "leaky_relu", slope=0.9) if bent else build.add(x, build.activation(x, "tanh"))
    graph = compile_network(build.build(output=x), law=Upwind())
    assert graph.cells.count == 10 + (not bent) and impedance_range(graph) == pytest.approx(1e6)
    inputs, targets = rng.normal(size=(2, 1, 3))
    result = settle(graph, inputs, targets, target="numpy", diagnose=False)
    assert result.settled.all() and result.errors(reference(graph.network, inputs, targets))["costate"] < 1e-3


def test_a_graph_that_is_one_cell_rises_once_and_says_what_a_step_evaluates():
    rng, build = np.random.default_rng(0), NetworkBuilder()
    first = x = build.input("x", 2)
    for _ in range(6):
        x = build.dense(x, rng.normal(size=(2, 2)) / 2, activation="tanh")
    graph = compile_network(build.build(output=build.add(x, first)), law=Upwind())
    assert graph.law.taper == impedance_range(graph) == 16
    told = "law upwind: 1 cell, of up to 7 levels each evaluated within a step"
    assert told in graph.notes and f"note: {told}" in graph.summary()
    assert not any("evaluated" in note for note in compile_network(Network.mlp([np.eye(2)] * 3), law=Upwind()).notes)


def test_rounding_of_steep_impedances_is_told():
    network = Network.mlp([np.eye(3)] * 14, activations="tanh")
    steep, chosen = (compile_network(network, law=law) for law in (Upwind(taper=16), Upwind()))
    assert impedance_range(steep) == pytest.approx(16.0**14) and lost_in_rounding(chosen, 1e-3) is None
    assert lost_share(steep) == pytest.approx(100 * 16.0**14 * 2.0**-52)
    said = why_not_settled(steep, reference(network, np.ones((1, 3)), np.zeros((1, 3))), hold=1000)
    assert said.startswith("impedances span 7.21e+16 : 1, so that rounding leaves the first costates uncertain")


def test_what_is_predicted_to_grow_beyond_all_numbers_first_is_given_no_hold(monkeypatch):
    monkeypatch.setattr("emulator.measure.diagnose.lost_in_rounding", lambda graph, tolerance: None)
    network = Network.mlp([np.eye(3)] * 24, activations="tanh")
    graph = compile_network(network, law=Upwind(taper=16))
    point = reference(network, np.ones((1, 3)), np.zeros((1, 3)))
    said = forewarning(graph, point, hold=4000)
    assert "but the way there leads beyond 1e+30 times what rests: no settling time is predicted" in said
    assert " inf" not in said


def test_what_is_given_stays_and_loads_are_met_in_their_own_units():
    network = Network.mlp([np.eye(3), np.eye(3)])
    law = compile_network(network, law=Upwind(0.9, kappa=5.0)).law
    assert (law.nu, law.impedance, law.taper) == (0.9, 0.06, 16.0)
    assert compile_network(network, law=Upwind(kappa=5.0), loss="softmax_cross_entropy").law.impedance == 0.3
    assert (Upwind(impedance=2.0).nu, Upwind(impedance=2.0).taper) == (1.0, 1.0)


def test_programs_differ_where_loads_do():
    network = cells(np.random.default_rng(0))
    graphs = [compile_network(network, law=Upwind(), loss=loss) for loss in ("mse", "softmax_cross_entropy")]
    first, second = (family_of(graph.law).plan(graph, 10, 1).key for graph in graphs)
    assert first != second


def test_stations_are_the_rows_that_everything_passes():
    def found(network: Network) -> tuple[int, int, int]:
        stack = lay_out_stack(compile_network(network, law=Upwind()))[1]
        wired = int((stack.before != np.arange(len(stack.before))).sum())
        return stack.count, len(stack.synapses), wired

    assert found(cells(np.random.default_rng(0))) == (4, 3, 4)
    assert found(Network.mlp([np.eye(2)] * 3)) == (3, 1, 0)
    build = NetworkBuilder()
    x = build.input("x", 2)
    one = build.add(x, build.dense(x, np.eye(2), name="f"), name="one")
    around = build.add(one, build.dense(x, np.eye(2), name="g"), name="around")
    assert found(build.build(output=around)) == (1, 3, 0), "what goes round a row makes it part of a branch"
    build = NetworkBuilder()
    x, y = build.input("x", 2), build.input("y", 2)
    late = build.add(build.dense(x, np.eye(2), name="h"), y)
    assert found(build.build(output=build.dense(late, np.eye(2)))) == (2, 2, 0), "all inputs together are the first"
