"""brian2's three targets agree, and a compiled program is run again, not compiled again."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import (
    Bilateral,
    Matched,
    Network,
    NetworkBuilder,
    SeriesRC,
    Worldsheet,
    compile_network,
    reference,
    settle,
)
from emulator.network import ACTIVATIONS
from tests.graphs import random_batch
from tests.substrate import delays

#: code that need not be fast
QUICK = "-w -O0 -std=c++11"


def zoo(rng: np.random.Generator, loss: str):
    """One network with every activation, a skip connection, a concatenation and fan-out."""
    build = NetworkBuilder()
    x = build.input("x", 5)
    parts = []
    for name in ACTIVATIONS:
        h = build.dense(x, rng.normal(size=(4, 5)) / 2.2, rng.normal(size=4) / 10, name=f"h_{name}", activation=name)
        parts.append(h)
    side = build.concat(*parts)
    total = build.add(*parts)
    out = build.dense(build.concat(side, total), rng.normal(size=(3, 4 * (len(parts) + 1))) / 6, name="out")
    return build.build(output=out, loss=loss)


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path_factory.mktemp("programs")))


@pytest.mark.slow
@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_numpy_cython_and_standalone_agree(wiring, monkeypatch):
    rng = np.random.default_rng(11)
    network = zoo(rng, "softmax_cross_entropy")
    inputs, targets = random_batch(rng, network, 4)
    law = Worldsheet(beta=0.8, gamma=0.1, impedance=0.5)
    graph = compile_network(network, hardware=delays(1, 6), law=law, wiring=wiring, seed=2)
    runs = {}
    for target in ("numpy", "cython", "standalone"):
        if target == "cython":  # some thirty modules, compiled sooner with fewer optimisations
            monkeypatch.setenv("BACKWAVE_CXXFLAGS", QUICK)
        runs[target] = settle(graph, inputs, targets, threshold=1e-12, tolerance=1e-9, target=target, traces=True)
        monkeypatch.delenv("BACKWAVE_CXXFLAGS", raising=False)
    exact = reference(network, inputs, targets)
    for target, result in runs.items():
        assert result.target == target
        assert result.settled.all(), (target, result.reason)
        assert result.errors(exact)["gradient"] < 1e-9
        for name in exact.states:
            np.testing.assert_allclose(result.states[name], runs["numpy"].states[name], atol=1e-12, rtol=0)
            np.testing.assert_allclose(result.costates[name], runs["numpy"].costates[name], atol=1e-12, rtol=0)
        np.testing.assert_allclose(result.traces.x, runs["numpy"].traces.x, atol=1e-12, rtol=0)
        np.testing.assert_allclose(result.reflected_power, runs["numpy"].reflected_power, atol=1e-12, rtol=1e-9)


@pytest.mark.slow
def test_a_compiled_program_serves_new_weights_data_delays_and_law(monkeypatch):
    rng = np.random.default_rng(4)
    network = zoo(rng, "mse")
    inputs, targets = random_batch(rng, network, 3)
    first = settle(
        compile_network(network, hardware=delays(6, 6), seed=0, law=Worldsheet(0.9)),
        inputs, targets, hold_seconds=4e-7, target="standalone",
    )  # fmt: skip
    assert first.times["build"] > 0
    other = network.with_parameters({name: (p.weight * 0.5, p.bias + 0.1) for name, p in network.parameters.items()})
    inputs, targets = random_batch(rng, network, 3)
    graph = compile_network(other, hardware=delays(1, 6), seed=9, law=Worldsheet(0.7, 0.0))
    assert graph.longest_delay == 6
    done: list[float] = []
    how = {"hold_seconds": 4e-7, "tolerance": 1e-9, "threshold": 1e-8}
    again = settle(graph, inputs, targets, target="standalone", progress=done.append, **how)
    assert done == sorted(done) and done[-1] > 0.6
    assert again.times["build"] == 0
    assert again.settled.all()
    assert again.errors(reference(other, inputs, targets))["gradient"] < 1e-6
    same = settle(graph, inputs, targets, target="numpy", **how)
    np.testing.assert_array_equal(again.settling_steps, same.settling_steps)
    np.testing.assert_array_equal(again.events, same.events)


@pytest.mark.slow
@pytest.mark.targets
@pytest.mark.parametrize(
    "law", [Matched(), Bilateral(0.6, taper=3.0, bandwidth=0.9, far_end=SeriesRC())], ids=lambda law: law.name
)
@pytest.mark.parametrize("target", ["numpy", "cython", "standalone"])
def test_a_small_network_is_exact(target, law, monkeypatch):
    monkeypatch.setenv("BACKWAVE_CXXFLAGS", QUICK)
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(4, 5)) / 2, rng.normal(size=(3, 4)) / 2], loss="softmax_cross_entropy")
    inputs, targets = rng.uniform(size=(2, 5)), np.array([0, 2])
    graph = compile_network(network, law=law)
    result = settle(graph, inputs, targets, target=target, hold=None if law.settles_on_arrival else 400, tolerance=1e-8)
    assert result.target == target and result.settled.all()
    errors = result.errors(reference(network, inputs, targets))
    assert max(errors["state"], errors["costate"], errors["gradient"]) < (1e-15 if law.settles_on_arrival else 1e-6)
    assert ("compiler_flags" in result.versions) == (target != "numpy")


def test_the_same_seed_gives_the_same_run():
    rng = np.random.default_rng(6)
    network = zoo(rng, "mse")
    inputs, targets = random_batch(rng, network, 2)
    runs = [
        settle(compile_network(network, hardware=delays(1, 9), seed=3), inputs, targets, target="numpy")
        for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].outputs, runs[1].outputs)
    np.testing.assert_array_equal(runs[0].settling_steps, runs[1].settling_steps)
    other = settle(compile_network(network, hardware=delays(1, 9), seed=4), inputs, targets, target="numpy")
    assert (other.settling_steps != runs[0].settling_steps).any()


def test_the_number_of_brian2_objects_does_not_depend_on_the_depth():
    from brian2 import second

    from emulator.engine.brian_state import known_brian
    from emulator.families.node import NodePlan, lay_out
    from emulator.families.node.objects import build

    def objects(depth: int, wiring: str) -> int:
        rng = np.random.default_rng(depth)
        builder = NetworkBuilder()
        x = builder.input("x", 4)
        for _ in range(depth):
            x = builder.dense(x, rng.normal(size=(4, 4)), activation="tanh")
        graph = compile_network(builder.build(output=x), wiring=wiring, law=Matched())
        plan = NodePlan(lay_out(graph), graph.law, graph.loss, 8, 2)
        with known_brian(codegen__target="numpy"):  # nothing is compiled to be counted
            network = build(plan, np.zeros((2, 8))).network
            network.run(0 * second)
        return len(network.sorted_objects)

    for wiring in ("tile", "synapse"):
        assert objects(2, wiring) == objects(20, wiring) < 45
