"""The upwind law against its literal discretisation, its light cone, and backpropagation at rest."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import EngineError, Network, NetworkBuilder, Upwind, compile_network, reference, settle
from emulator.families.node import lay_out
from emulator.runs.train import train
from hwmodels import load
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.networks import stack


def run(network: Network, law: Upwind, inputs, targets, steps: int, hardware="ideal", **settings):
    graph = compile_network(network, law=law, hardware=hardware)
    settings = {"target": "numpy", "diagnose": False, "traces": True} | settings
    return settle(graph, inputs, targets, hold_seconds=steps * 1e-9, **settings)


@pytest.mark.parametrize("nu", [1.0, 0.55])
@pytest.mark.parametrize("impedance", [1.0, 0.4])
def test_every_step_is_the_literal_discretisation(nu, impedance):
    rng = np.random.default_rng(1)
    blocks, width, kappa = 4, 3, 1.7
    network = stack(rng, blocks, width, hidden=5)
    x, y = rng.normal(size=width), rng.normal(size=width)
    result = run(network, Upwind(nu, impedance, kappa), x[None], y[None], 40)
    a, b = np.zeros((2, blocks + 1, width))
    parameters, load_reflection = network.parameters, (1 - impedance * kappa) / (1 + impedance * kappa)
    for step in range(40):
        state, costate = a + b, (a - b) / impedance
        value, pulled = np.zeros((2, blocks, width))
        for k in range(blocks):
            (w, bias), (v, _) = parameters[f"h{k}_s"], parameters[f"f{k}"]
            h = np.tanh(w @ state[k] + bias)
            value[k], pulled[k] = v @ h, w.T @ ((1 - h * h) * (v.T @ costate[k + 1]))
        up, down = a.copy(), b.copy()
        a[1:] = (1 - nu) * up[1:] + nu * (up[:-1] + (value - impedance * pulled) / 2)
        b[:-1] = (1 - nu) * down[:-1] + nu * (down[1:] - (value + impedance * pulled) / 2)
        a[0] = x - b[0]
        b[-1] = load_reflection * a[-1] + impedance * kappa * y / (1 + impedance * kappa)
        for k in range(blocks + 1):
            neurons = result.graph.layer_neurons(f"x{k}")
            np.testing.assert_allclose(result.traces.x[step, neurons], a[k] + b[k], atol=1e-12)
            np.testing.assert_allclose(result.traces.lam[step, neurons], (a[k] - b[k]) / impedance, atol=1e-12)


@pytest.mark.parametrize("nu", [1.0, 0.6])
def test_nothing_is_ahead_of_one_cell_per_step_and_a_front_is_exact_at_courant_number_one(nu):
    blocks = 6
    build = NetworkBuilder()
    x = build.input("x0", 1)
    for k in range(blocks):
        x = build.add(x, build.dense(x, [[0.0]], name=f"f{k}"), name=f"x{k + 1}")
    result = run(build.build(output=x), Upwind(nu, 1.0), [[2.0]], [[0.0]], 30)  # Z kappa = 1: the load is matched
    for k in range(1, blocks + 1):
        state = result.traces.x[:, result.graph.layer_neurons(f"x{k}")[0]]
        assert (state[: k - 1] == 0).all() and state[k] != 0
        if nu == 1.0:
            np.testing.assert_allclose(state[k:], 2.0, atol=1e-15)
        else:
            assert 0 < state[k] < 2.0
    assert result.traces.lam[-1, 0] == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_rest_is_backpropagation_whatever_the_courant_number_and_impedance(seed):
    rng = np.random.default_rng(seed)
    blocks, width = int(rng.integers(2, 6)), int(rng.integers(1, 6))
    network = stack(rng, blocks, width, 0.4, hidden=int(rng.integers(1, 6)))
    inputs, targets = rng.normal(size=(2, 2, width))
    law = Upwind(float(rng.uniform(0.4, 1)), float(rng.uniform(0.7, 1.3)))
    result = run(network, law, inputs, targets, 260 * blocks, traces=False, tolerance=1e-9)
    assert result.settled.all()
    exact = reference(network, inputs, targets)
    for name in exact.states:
        np.testing.assert_allclose(result.states[name], exact.states[name], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(result.costates[name], exact.costates[name], rtol=1e-9, atol=1e-9)
    for name, gradient in exact.gradients.items():
        np.testing.assert_allclose(result.gradients[name].weight, gradient.weight, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(result.gradients[name].bias, gradient.bias, rtol=1e-8, atol=1e-9)


def test_weak_blocks_settle_within_the_published_order_and_strong_ones_never():
    """Weight scale 0.5: 1e-3 within 6 to 12 transits of the stack; scale 2: mostly never."""
    rng = np.random.default_rng(3)
    inputs, targets = rng.normal(size=(2, 2, 6))
    weak = run(stack(rng, 8, 6, 0.5), Upwind(1.0, 1.0), inputs, targets, 400, traces=False)
    assert weak.settled.all() and (weak.settling_steps <= 12 * 8).all() and (weak.settling_steps >= 2 * 8).all()
    strong = run(stack(rng, 8, 6, 2.0), Upwind(1.0, 1.0), inputs, targets, 400, traces=False)
    assert not strong.settled.any()


def test_branches_of_any_chain_and_inference():
    build, rng = NetworkBuilder(), np.random.default_rng(4)
    x = build.input("x0", 3)
    x = build.add(build.activation(build.activation(x, "sigmoid"), "tanh"), x, name="one")
    deep = build.dense(x, rng.normal(size=(2, 3)) / 4, activation="relu", name="a")
    deep = build.dense(deep, rng.normal(size=(4, 2)) / 4, activation="gelu", name="b")
    x = build.add(x, build.dense(deep, rng.normal(size=(3, 4)) / 4, activation="tanh", name="c"), name="two")
    network = build.build(output=x)
    inputs, targets = rng.normal(size=(2, 1, 3))
    result = run(network, Upwind(1.0, 1.0), inputs, targets, 300, tolerance=1e-9)
    errors = result.errors(reference(network, inputs, targets))
    assert max(errors[name] for name in ("state", "costate", "gradient")) < 1e-9
    quiet = run(network, Upwind(0.7, 1.0), inputs, None, 400, tolerance=1e-6)
    np.testing.assert_allclose(quiet.held_states["two"], reference(network, inputs).states["two"], atol=1e-6)


def test_events_are_counted_and_power_dies():
    rng = np.random.default_rng(5)
    network = stack(rng, 3, 4)
    inputs, targets = rng.normal(size=(2, 1, 4))
    fine, coarse = (
        run(network, Upwind(1.0, 1.0), inputs, targets, 300, threshold=q, traces=False) for q in (0.0, 1e-3)
    )
    assert 0 < coarse.events.sum() < fine.events.sum()
    assert fine.reflected_power[-1] < 1e-12 * fine.reflected_power.max()


def test_what_rows_inside_cells_send_is_counted_and_priced():
    rng, steps = np.random.default_rng(6), 10
    hardware, found = load("ideal").replace({"energy.per_event": "1 pJ"}), []
    inputs, targets = rng.normal(size=(2, 1, 2))
    for width, q in ((3, 0.0), (30, 0.0), (30, 0.1)):
        build, shapes = NetworkBuilder(), ((width, 2), width, (2, width), 2)
        x = build.residual(build.input("x0", 2), *(rng.normal(size=shape) / 4 for shape in shapes))
        settings = {"hardware": hardware, "threshold": q, "traces": False}
        result = run(build.build(output=x), Upwind(0.5, 1.0), inputs, targets, steps, **settings)
        assert result.energy.parts["per_event"][0] == pytest.approx(1e-12 * result.events[0])
        found.append(result.events[0])
    assert 27 * steps < found[1] - found[0] <= 27 * 2 * steps
    assert found[2] < found[1] / 2


def refused(words: str, network: Network, **compiled) -> None:
    graph = compile_network(network, law=Upwind(), **compiled)
    inputs = {name: np.ones((1, network.size(name))) for name in network.inputs}
    targets = np.full((1, network.size(network.output)), 1 / network.size(network.output))
    refuses(words, lambda: settle(graph, inputs, targets, target="numpy"), EngineError)


def test_delays_and_hardware_are_refused():
    network = stack(np.random.default_rng(0), 2, 2)
    words = "law upwind: lines of up to 3 steps; allowed: one step, since a cell takes the state of its near side and the costate of its far"
    refused(words, network, hardware=delays(3, 3))
    noisy = load("ideal").replace({"noise.receiver": 0.1})
    refused("hardware.noise.receiver is 0.1; allowed with law upwind: the ideal value", network, hardware=noisy)


def test_learning_and_plain_layouts_are_refused():
    network = stack(np.random.default_rng(0), 2, 2)
    words = "law upwind has no node update; allowed: a node law, such as matched or worldsheet"
    refuses(words, lambda: lay_out(compile_network(network, law=Upwind())), EngineError)
    data = np.ones((2, 2))
    words = "law upwind does not learn on the substrate; allowed: matched, worldsheet, bilateral, or a node law"
    refuses(words, lambda: train(network, data, data, law=Upwind(), epochs=1, target="numpy"), EngineError)
