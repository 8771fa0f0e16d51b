"""Crossbars that do not have all devices, and layers that are fixed: what is missing or fixed is neither there nor moved."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from emulator import (
    Bilateral,
    GaussNewton,
    Inductive,
    Matched,
    Network,
    NetworkBuilder,
    Resistive,
    SeriesRC,
    Worldsheet,
    compile_network,
    reference,
    settle,
    train,
)
from emulator.errors import CompileError, EngineError
from emulator.families.node import lay_out
from emulator.learning import Device, RateSchedule
from emulator.network import Dense
from emulator.training.baselines import baseline
from emulator.training.streams import ArrayStream, feed_rows
from hwmodels import PulsedUpdate, Weights, load
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.descent import Descent, resistive, sample_order
from tests.support.networks import batch, sparse

TWO_WAY = Bilateral(1.0, taper=4.0, far_end=SeriesRC())
LAWS = [Matched(), Worldsheet(beta=0.8, gamma=0.05), TWO_WAY]


def full(network: Network) -> Network:
    """The same with devices everywhere."""
    layers = [replace(each, devices=None) if isinstance(each, Dense) else each for each in network.layers.values()]
    return Network(layers, output=network.output, loss=network.loss)


@pytest.mark.parametrize(("law", "wiring"), [*((law, "tile") for law in LAWS), *((law, "synapse") for law in LAWS[:2])])
def test_it_settles_to_what_the_full_crossbar_with_zeros_settles_to(law, wiring):
    network = sparse()
    inputs, labels = batch(network)
    how = {"tolerance": 1e-6, "target": "numpy", **({"hold": 260} if law.two_way else {})}
    lines = "ideal" if law.two_way else delays(1, 3)
    ours, other = (
        settle(compile_network(each, law=law, wiring=wiring, hardware=lines), inputs, labels, **how)
        for each in (network, full(network))
    )
    assert ours.settled.all() and other.settled.all()
    exact = reference(network, inputs, labels)
    assert max(ours.errors(exact)[name] for name in ("state", "costate", "gradient")) < 1e-6
    for layer in network.layers:
        np.testing.assert_allclose(ours.states[layer], other.states[layer], atol=1e-6)
        np.testing.assert_allclose(ours.costates[layer], other.costates[layer], atol=1e-6)
    whole = reference(full(network), inputs, labels).gradients
    for name, layer in network.dense.items():
        assert np.all(ours.gradients[name].weight[~layer.devices] == 0)
        assert np.any(whole[name].weight[~layer.devices] != 0)
        np.testing.assert_array_equal(exact.gradients[name].weight, np.where(layer.devices, whole[name].weight, 0.0))
        np.testing.assert_allclose(ours.gradients[name].weight, exact.gradients[name].weight, atol=1e-6)


def test_only_devices_that_exist_are_counted():
    network = sparse()
    devices = sum(int(layer.devices.sum()) for layer in network.dense.values())
    assert devices == sum(layer.count for layer in network.dense.values()) < 50
    for wiring in ("tile", "synapse"):
        graph = compile_network(network, wiring=wiring, hardware=delays(1, 3))
        text = graph.summary()
        assert f"synapses            {devices}" in text
        wires = sum(c.size for c in graph.couplings if c.layer is None)
        layout = lay_out(graph)
        assert layout.synapses == devices + wires == graph.expand().number_of_edges()
        if wiring == "synapse":
            lines = sum(bundle.count for bundle in graph.bundles if bundle.rows is not None)
            assert lines == devices
    assert network.parameter_count == devices + 13


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@pytest.mark.parametrize("law", [Matched(), TWO_WAY])
def test_a_layer_may_have_no_device_but_not_every_layer(law, wiring):
    none = np.zeros((2, 2), bool)
    build = NetworkBuilder()
    x = build.input("x", 2)
    a = build.dense(x, np.zeros((2, 2)), [0.5, -0.5], devices=none, name="a", activation="tanh")
    b = build.dense(x, np.eye(2) / 2, name="b", activation="tanh")
    network = build.build(output=build.dense(build.add(a, b), np.eye(2) / 2, name="c"))
    inputs, targets = np.array([[0.3, 0.4]]), np.array([[1.0, 0.0]])
    if law.two_way and wiring == "synapse":
        pytest.skip("two-way lines are per neuron")
    how = {"law": law, "wiring": wiring}
    found = settle(compile_network(network, **how), inputs, targets, target="numpy", hold=150 if law.two_way else None)
    assert found.settled.all()
    assert found.errors(reference(network, inputs, targets))["gradient"] < 1e-5
    hold = {"hold": 150} if law.two_way else {}
    learned = train(network, inputs, targets, samples=2, target="numpy", **how, **hold).network
    assert not learned.dense["a_s"].weight.any() and learned.dense["a_s"].bias[0] != 0.5
    alone = Network([network["x"], network["a_s"]])
    refuses("no layer has a device", lambda: compile_network(alone, **how), CompileError)


def test_energy_pays_for_the_synapses_that_are_there():
    hardware = load("ideal").replace({"energy.per_synaptic_operation": 1.0})
    network = sparse()
    inputs, labels = batch(network, 1)
    spent = [
        settle(compile_network(each, hardware=hardware), inputs, labels, target="numpy").energy.parts
        for each in (network, full(network))
    ]
    name = next(name for name in spent[0] if "operation" in name)
    assert 0 < spent[0][name][0] < 0.6 * spent[1][name][0]


@pytest.mark.parametrize("target", ["numpy", pytest.param("standalone", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("law", "wiring"), [(Matched(), "tile"), (Matched(), "synapse"), (TWO_WAY, "tile")])
@pytest.mark.parametrize("fixed", [(), ("b",), ("a", "out")])
def test_learning_is_exact_descent_in_the_devices_that_may_move(law, wiring, fixed, target):
    if fixed != ("b",) and (law.two_way or target == "standalone"):
        pytest.skip("one of these is enough")
    network = sparse(fixed)
    inputs, labels = batch(network, 40)
    samples = 6 if law.two_way else 12
    how = {"law": law, "wiring": wiring, "target": target, **({"hold": 300} if law.two_way else {})}
    found = train(network, inputs, labels, port=Resistive(0.2, 1e-3), samples=samples, seed=3, batch=2, **how)
    assert found.status == "finished"
    wanted = Descent(network, resistive(0.2, 1e-3), 2).run(
        inputs, labels, sample_order(samples, 3), RateSchedule().factors(0, samples)
    )
    for name, layer in network.dense.items():
        learned = found.network.dense[name]
        np.testing.assert_array_equal(learned.devices, layer.devices)
        assert np.all(learned.weight[~layer.devices] == 0)
        np.testing.assert_allclose(learned.weight, wanted[name][0], atol=1e-9, rtol=0)
        np.testing.assert_allclose(learned.bias, wanted[name][1], atol=1e-9, rtol=0)
        assert learned.trainable == layer.trainable
        if layer.trainable:
            assert np.abs(learned.weight - layer.weight).max() > 1e-3
        else:
            np.testing.assert_array_equal(learned.weight, layer.weight)
            np.testing.assert_array_equal(learned.bias, layer.bias)


@pytest.mark.parametrize(
    "port", [Inductive(0.1, 40.0, 1e-3), GaussNewton(0.5, 4.0, 30.0, 1e-3), Device(0.2, w_max=2.0)]
)
def test_no_port_moves_what_is_fixed_or_missing(port):
    network = sparse(("b",))
    inputs, labels = batch(network, 10)
    hardware = "ideal"
    if isinstance(port, Device):
        held = Weights(g_max="20 uS", levels=100, read_noise=None, update=PulsedUpdate(pulses=100, write_noise=0.3))
        hardware = load("ideal").replace(weights=held)
    found = train(network, inputs, labels, port=port, samples=20, seed=1, hardware=hardware, target="numpy")
    start = train(network, inputs, labels, port=port, samples=1, seed=1, hardware=hardware, target="numpy")
    for name, layer in network.dense.items():
        learned, early = found.network.dense[name], start.network.dense[name]
        assert np.all(learned.weight[~layer.devices] == 0)
        assert np.array_equal(learned.weight, early.weight) == (not layer.trainable), name
        assert np.array_equal(learned.bias, early.bias) == (not layer.trainable), name


def test_a_baseline_leaves_alone_what_the_substrate_leaves_alone():
    rng = np.random.default_rng(2)
    build = NetworkBuilder()
    masks = [rng.random(shape) < 0.5 for shape in ((5, 6), (4, 5), (3, 4))]
    source = build.input("x", 6)
    for k, mask in enumerate(masks):
        weight = np.where(mask, rng.normal(size=mask.shape), 0.0)
        source = build.dense(source, weight, name=f"d{k}", activation="tanh", devices=mask, trainable=k != 1)
    network = build.build(loss="mse")
    inputs, targets = rng.normal(size=(10, 6)), rng.normal(size=(10, 3))
    rates = RateSchedule()
    found = train(network, inputs, targets, port=Resistive(0.1), samples=10, seed=4, target="numpy").network
    for name in ("descent", "pipelined"):
        stream = ArrayStream(feed_rows(network, inputs, targets), "epochs", 4)
        exact = baseline(name, network, stream, 0.1, rates, 10)
        for layer, p in network.dense.items():
            assert np.array_equal(exact.dense[layer].weight, p.weight) == (not p.trainable)
            assert np.all(exact.dense[layer].weight[~p.devices] == 0)
            if name == "descent":
                np.testing.assert_allclose(found.dense[layer].weight, exact.dense[layer].weight, atol=1e-9)


def test_a_network_that_is_fixed_as_a_whole_is_not_trained():
    network = sparse(("a", "b", "out"))
    inputs, labels = batch(network)
    refuses(
        "every dense layer of the network is fixed; allowed: at least one with trainable=True",
        lambda: train(network, inputs, labels, samples=2, target="numpy"),
        EngineError,
    )


def test_training_resumes_with_what_is_missing_and_fixed(tmp_path):
    network = sparse(("b",))
    inputs, labels = batch(network, 10)
    how = {"port": Inductive(0.1, 40.0), "samples": 16, "seed": 1, "target": "numpy", "chunk": 4}
    whole = train(network, inputs, labels, **how)
    path = tmp_path / "half.npz"
    train(network, inputs, labels, **(how | {"samples": 8}), checkpoint_path=path)
    again = train(network, inputs, labels, **how, checkpoint_path=path, resume=True)
    for name, layer in whole.network.dense.items():
        np.testing.assert_array_equal(again.network.dense[name].weight, layer.weight)


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_a_gradient_is_kept_per_device_and_is_a_matrix_for_who_asks(wiring, monkeypatch):
    monkeypatch.setattr("emulator.measure.readout._MOST_NUMBERS", 7)  # some devices at a time
    network = sparse()
    inputs, labels = batch(network)
    result = settle(compile_network(network, wiring=wiring), inputs, labels, target="numpy")
    exact = reference(network, inputs, labels).gradients
    for name, layer in network.dense.items():
        if layer.devices is None:
            continue
        found = result.gradients[name]
        assert found.values.shape == (layer.count,) and found.held[0] is found.values
        np.testing.assert_allclose(found.values, exact[name].weight[layer.devices], atol=1e-12)
        weight, bias = pickle.loads(pickle.dumps(found))
        assert found[0].shape == layer.weight.shape and found[1] is found.bias
        np.testing.assert_array_equal(weight, found.weight)
        np.testing.assert_array_equal(bias, found.bias)
