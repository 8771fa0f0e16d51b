"""Learning with the bilateral law: crossbars answer as their weights then stand, and descend the exact gradient."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network, ParallelRL, SeriesRC, Upwind, Worldsheet, compile_network, settle
from emulator.errors import EngineError
from emulator.learning import GaussNewton, Inductive, Learning, RateSchedule, Resistive
from emulator.runs.train import train
from emulator.training.substrate import Substrate
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.descent import check, dag, data, heavy_ball, mlp, resistive

LAW = Bilateral(1.0, taper=4.0, far_end=SeriesRC())


@pytest.mark.parametrize(("source_end", "far_end"), [(None, None), (ParallelRL(), SeriesRC(1.5, 1.0))])
def test_a_crossbar_that_can_learn_answers_like_its_scattering_matrix(source_end, far_end):
    """In the middle of the transient, with unequal delays: the last of three samples, each cut off after 11 steps."""
    law = Bilateral(0.7, 1.7, 0.8, far_end, source_end)
    network = dag(np.random.default_rng(1), "softmax_cross_entropy")
    inputs = np.random.default_rng(2).normal(size=(3, 6))
    graph = compile_network(network, law=law, hardware=delays(1, 3), seed=4)
    fixed = settle(graph, inputs, hold_seconds=11 * graph.step, target="numpy", diagnose=False)
    assert not fixed.settled.any()
    substrate = Substrate(graph, Learning(Resistive(0.1), "unlocked"), 11, 3, 0, 0.0, "numpy")
    found = substrate.answers(substrate.initial(), inputs, 0)
    np.testing.assert_allclose(found, fixed.held_states[network.output], atol=1e-12)
    assert np.abs(found[1] - found[2]).max() > 1e-2


@pytest.mark.parametrize("port", ["resistive", "inductive"])
def test_settled_learning_is_plain_gradient_descent(port):
    network = mlp(np.random.default_rng(3), "mse")
    how = {"law": LAW, "hold": 280, "samples": 12}
    if port == "resistive":
        check(network, Resistive(0.05, 1e-3), resistive(0.05, 1e-3), rates=RateSchedule(5), batch=2, **how)
    else:
        check(network, Inductive(0.1, 40.0), heavy_ball(0.1, 40.0), **how)


def test_in_any_graph_it_learns_what_it_learns_with_the_matched_law():
    """Wires between neurons pass curvature on, and do not learn."""
    network = dag(np.random.default_rng(1), "mse")
    inputs, targets = data(np.random.default_rng(8), network)
    how = {"port": GaussNewton(0.5, 4.0, 30.0, 1e-3), "samples": 6, "seed": 3, "target": "numpy"}
    matched = train(network, inputs, targets, **how)
    found = train(network, inputs, targets, law=Bilateral(1.6, 4.0, far_end=SeriesRC()), hold=320, **how)
    for name, p in matched.network.parameters.items():
        np.testing.assert_allclose(found.network.parameters[name].weight, p.weight, atol=1e-9, rtol=0)
        np.testing.assert_allclose(found.network.parameters[name].bias, p.bias, atol=1e-9, rtol=0)
        assert np.abs(p.weight - network.parameters[name].weight).max() > 1e-2
    np.testing.assert_allclose(found.history.absorbed, matched.history.absorbed, rtol=1e-6)


def test_a_load_of_another_conductance_scales_the_loss():
    network = Network.mlp([[[0.5, -0.3], [0.2, 0.4]]], [[0.1, 0.0]], "identity", "mse")
    x, y = np.array([[1.0, 2.0]]), np.array([[2.0, -1.0]])
    how = {"samples": 1, "target": "numpy", "hold": 60}
    for first, second in ((Resistive(0.1), Resistive(0.05)), (GaussNewton(0.5), GaussNewton(1.0))):
        one = train(network, x, y, port=first, law=Bilateral(0.5, bandwidth=0.7), **how)
        two = train(network, x, y, port=second, law=Bilateral(0.5, bandwidth=0.7, kappa=2.0), **how)
        weights = [found.network.parameters["s1"].weight for found in (one, two)]
        np.testing.assert_allclose(weights[0], weights[1], atol=1e-9)
        assert np.abs(weights[0] - network.parameters["s1"].weight).max() > 0.02
    wild = [train(network, x, y, port=Resistive(9.0), law=Bilateral(0.5, kappa=k), **how).warnings for k in (1.0, 2.0)]
    bounds = [float(warning[-1].rsplit(" ", 1)[1]) for warning in wild]
    assert bounds[0] == pytest.approx(2 * bounds[1], rel=1e-2)


def test_checkpoints_resume_to_the_same_bits(tmp_path):
    network = mlp(np.random.default_rng(3), "softmax_cross_entropy")
    inputs, labels = data(np.random.default_rng(8), network)
    how = {
        "port": Inductive(0.1, 40.0),
        "schedule": "unlocked",
        "chunk": 4,
        "target": "numpy",
        "law": LAW,
        "hold": 6,
        "test_hold": 6,
    }
    whole = train(network, inputs, labels, samples=8, checkpoint_path=tmp_path / "whole.npz", **how)
    train(network, inputs, labels, samples=4, checkpoint_path=tmp_path / "part.npz", **how)
    rest = train(network, inputs, labels, samples=8, checkpoint_path=tmp_path / "part.npz", resume=True, **how)
    assert whole.network.digest == rest.network.digest != network.digest
    assert whole.events == rest.events > 0


@pytest.mark.slow
def test_the_compiled_program_learns_what_the_interpreter_learns():
    """Unlocked, so that every step sees other weights, in two stretches and with evaluations in between."""
    network = mlp(np.random.default_rng(9), "mse")
    inputs, targets = data(np.random.default_rng(8), network)
    how = {
        "port": GaussNewton(5.0, 10.0), "schedule": "unlocked", "samples": 20, "chunk": 12, "seed": 1, "law": LAW,
        "hold": 30, "test_hold": 60, "test": (inputs[:4], targets[:4]), "evaluate_every": 12,
    }  # fmt: skip
    runs = [train(network, inputs, targets, target=target, **how) for target in ("numpy", "standalone")]
    for name, p in runs[0].network.parameters.items():
        np.testing.assert_allclose(runs[1].network.parameters[name].weight, p.weight, atol=1e-10, rtol=0)
        np.testing.assert_allclose(runs[1].network.parameters[name].bias, p.bias, atol=1e-10, rtol=0)
        assert np.abs(p.weight - network.parameters[name].weight).max() > 1e-2
    for name, column in runs[0].history.columns().items():
        np.testing.assert_allclose(runs[1].history.columns()[name], column, atol=1e-10, rtol=1e-9, err_msg=name)


@pytest.mark.slow
def test_weights_beyond_all_numbers_are_a_divergence_not_an_error():
    network = mlp(np.random.default_rng(3), "mse")
    inputs, targets = data(np.random.default_rng(8), network)
    how = {"port": Resistive(200.0), "schedule": "unlocked", "samples": 30, "chunk": 10, "target": "numpy"}
    found = train(network, inputs, targets, law=LAW, hold=8, **how)
    assert found.status == "diverged"
    assert found.network.digest == network.digest


def test_laws_that_do_not_learn_are_refused():
    network = mlp(np.random.default_rng(3), "mse")
    inputs, targets = data(np.random.default_rng(8), network)
    refuses(
        "law upwind does not learn on the substrate; allowed: matched, worldsheet, bilateral, or a node law",
        lambda: train(network, inputs, targets, law=Upwind(), samples=1, target="numpy"),
        EngineError,
    )
    assert train(network, inputs, targets, law=Worldsheet(0.8), samples=1, target="numpy").status == "finished"
