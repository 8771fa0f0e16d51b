"""Newton ports inside brian2 follow plain NumPy with the exact Hessian of every layer, weight by weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emulator import (
    Bilateral,
    EngineError,
    Network,
    NetworkBuilder,
    Newton,
    SeriesRC,
    WavePMP,
    Worldsheet,
    compile_network,
)
from emulator.engine import probes
from emulator.engine.brian_state import known_brian
from emulator.laws import family_of
from emulator.learning import Learning, RateSchedule
from emulator.network.functions import FUNCTIONS
from emulator.runs.train import train
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.descent import dag, data, mlp, sample_order
from tests.support.hessian import newton

PORT = Newton(0.3, time_constant=5.0, memory=20.0)


def bent(rng: np.random.Generator, loss: str) -> Network:
    """Two branches that meet again, activations of several kinds, and penalties."""
    build = NetworkBuilder()
    x = build.input("x", 4)
    a = build.dense(x, rng.normal(size=(3, 4)) / 2, rng.normal(size=3) / 10, name="a", activation="softplus")
    b = build.dense(a, rng.normal(size=(3, 3)) / 2, rng.normal(size=3) / 10, name="b", activation="silu")
    c = build.add(a, b, name="c")
    d = build.dense(c, rng.normal(size=(3, 3)), rng.normal(size=3) / 10, name="d", activation="relu")
    out = build.dense(build.concat(d, c), rng.normal(size=(3, 6)) / 2, name="out")
    return build.build(output=out, loss=loss, penalties={"a": {"state": 0.2}, "b_s": {"weight": 0.1}})


def follows(network, port=PORT, *, samples=24, batch=1, rates=None, tolerance=1e-10, **how):
    inputs, targets = data(np.random.default_rng(8), network)
    found = train(
        network, inputs, targets, port=port, samples=samples, seed=3, batch=batch, rate_schedule=rates,
        **{"target": "numpy", **how},
    )  # fmt: skip
    wanted = np.eye(3)[targets] if targets.ndim == 1 else targets
    factors = (rates or RateSchedule()).factors(0, samples)
    held, mean = newton(network, inputs, wanted, sample_order(samples, 3), port, factors, batch)
    assert found.status == "finished"
    for name, (weight, bias) in held.items():
        np.testing.assert_allclose(found.network.parameters[name].weight, weight, atol=tolerance, rtol=0)
        np.testing.assert_allclose(found.network.parameters[name].bias, bias, atol=tolerance, rtol=0)
        assert np.abs(weight - network.parameters[name].weight).max() > 1e-3
    assert (found.history.columns()["absorbed"] > 0).all()
    return mean


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
@pytest.mark.parametrize("make", [mlp, dag, bent])
def test_a_newton_port_steps_by_the_exact_hessian_of_its_layer(make, loss):
    mean = follows(make(np.random.default_rng(1), loss))
    least = min(np.linalg.eigvalsh(part)[0] for part in mean.values())
    assert least < -1e-3, "some direction should curve downwards"


def test_mini_batches_delays_and_rate_schedules():
    network = mlp(np.random.default_rng(2), "softmax_cross_entropy")
    follows(network, batch=6, rates=RateSchedule(5, 40, 0.1), wiring="synapse", hardware=delays(1, 4), hardware_seed=5)


@pytest.mark.parametrize(
    ("law", "hold"),
    [(Worldsheet(0.8, 0.1, 0.5), 90), (Bilateral(1.0, taper=4.0, far_end=SeriesRC()), 600), (WavePMP(0.0, 1.0), 16)],
)
def test_other_laws_learn_the_same_once_they_have_settled(law, hold):
    make = bent if isinstance(law, Bilateral) else mlp
    follows(make(np.random.default_rng(3), "mse"), samples=4, law=law, hold=float(hold), tolerance=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "target"),
    [("mse", "standalone"), ("softmax_cross_entropy", "standalone")],
)
def test_other_targets_learn_the_same(loss, target):
    follows(bent(np.random.default_rng(1), loss), target=target)


def test_the_number_of_objects_does_not_depend_on_depth():
    counts = []
    for depth in (2, 9):
        graph = compile_network(Network.mlp([np.eye(3)] * depth, loss="softmax_cross_entropy"))
        family = family_of(graph.law)
        plan = family.plan(graph, 2 * depth, 1, learning=Learning(PORT))
        with known_brian(codegen__target="numpy"):  # nothing is compiled to be counted
            counts.append(len(family.objects(plan, np.zeros((1, 6)), np.ones((1, 3))).network.objects))
    assert counts[0] == counts[1]


def test_what_a_newton_port_cannot_be_is_refused(monkeypatch):
    def learn(network, *targets):
        return lambda: train(network, np.zeros((2, network.size("x0"))), *targets, port=PORT, samples=2, target="numpy")

    zeros = np.zeros((2, 3))
    refuses(
        "port newton: layer 's1' has 303 parameters, which would answer together; allowed: up to 256, or gauss-newton",
        learn(Network.mlp([np.ones((3, 100))]), zeros),
        EngineError,
    )
    monkeypatch.setattr(probes, "ACTIVATIONS", {"tanh": replace(FUNCTIONS["tanh"], bend=None)})
    refuses(
        "port newton: activation 'tanh' has no second derivative in brian2's language; allowed: one that was",
        learn(Network.mlp([np.ones((2, 2)), np.ones((3, 2))], None, ["tanh", "tanh"]), zeros),
        EngineError,
    )
    monkeypatch.undo()
    monkeypatch.setattr(probes, "MOST", 10)
    refuses(
        "port newton: 6 probes would pass 27 synapses; allowed: up to 10, or gauss-newton (an approximation)",
        learn(Network.mlp([np.eye(3), np.eye(3)]), zeros),
        EngineError,
    )
