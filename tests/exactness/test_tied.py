"""Kernels whose places learn together: exact descent in the kernel itself, on every law that learns and in both wirings."""

from __future__ import annotations

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
    train,
)
from emulator.engine.buses import shared_ports
from emulator.engine.layout import flatten
from emulator.errors import EngineError, NetworkError
from emulator.learning import Device, RateSchedule
from emulator.training.baselines import baseline
from emulator.training.streams import ArrayStream, feed_rows
from hwmodels import PulsedUpdate, Weights, load
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.descent import sample_order

TWO_WAY = Bilateral(1.0, taper=4.0, far_end=SeriesRC())
RATE = 0.05


def small(sharing: str = "tied", seed: int = 0) -> tuple[Network, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two channels of 6, three kernels of 3 with stride 2 and padding, tanh, two outputs; and the four arrays."""
    dice = np.random.default_rng(seed)
    kernel, bias = dice.normal(size=(3, 2, 3)) / 2, dice.normal(size=3) / 4
    weight, offset = dice.normal(size=(2, 9)) / 3, dice.normal(size=2) / 4
    build = NetworkBuilder()
    c = build.conv(
        build.input("x", 12), (2, 6), kernel, bias, stride=2, padding=1, activation="tanh", sharing=sharing, name="c"
    )
    return build.build(output=build.dense(c, weight, offset, name="y")), kernel, bias, weight, offset


def data() -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(1)
    return dice.normal(size=(40, 12)), dice.normal(size=(40, 2))


def descended(x, y, kernel, bias, weight, offset, rate, mass=None, momentum=0.0):
    """Plain descent, one sample after another, written out for this network."""
    params = [kernel.copy(), bias.copy(), weight.copy(), offset.copy()]
    flows = [np.zeros_like(p) for p in params]
    for sample, wanted in zip(x, y, strict=True):
        k, b, w, o = params
        wide = np.pad(sample.reshape(2, 6), [(0, 0), (1, 1)])
        patches = np.stack([wide[:, 2 * p : 2 * p + 3] for p in range(3)])
        h = np.tanh(np.einsum("ock,pck->op", k, patches) + b[:, None])
        z = w @ h.ravel() + o
        mu = (w.T @ (z - wanted)).reshape(3, 3) * (1 - h**2)
        gradients = [np.einsum("op,pck->ock", mu, patches), mu.sum(axis=1), np.outer(z - wanted, h.ravel()), z - wanted]
        for p, g, flow in zip(params, gradients, flows, strict=True):
            flow *= momentum
            flow -= g / mass if mass else rate * g
            p += flow
    return params


def compare(network: Network, params, tolerance: float = 1e-9) -> None:
    """The network holds the kernel at every place."""
    kernel, bias, weight, offset = params
    build = NetworkBuilder()
    c = build.conv(
        build.input("x", 12), (2, 6), kernel, bias, stride=2, padding=1, activation="tanh", sharing="tied", name="c"
    )
    expected = build.build(output=build.dense(c, weight, offset, name="y"))
    for name, (w, b) in expected.parameters.items():
        np.testing.assert_allclose(network.parameters[name].weight, w, rtol=0, atol=tolerance)
        np.testing.assert_allclose(network.parameters[name].bias, b, rtol=0, atol=tolerance)
    held = network.dense["c_s"]
    for number in range(18):  # to the last bit one kernel
        assert len(set(held.weight[held.devices][held.kernel[: held.count] == number])) == 1


@pytest.mark.parametrize(
    ("law", "wiring", "target"),
    [(Matched(), "tile", "numpy"), (Matched(), "synapse", "numpy"), (Worldsheet(beta=0.8, gamma=0.05), "tile", "numpy"),
     (Worldsheet(beta=0.8, gamma=0.05), "synapse", "numpy"), (TWO_WAY, "tile", "numpy"),
     pytest.param(Matched(), "tile", "standalone", marks=pytest.mark.slow),
     pytest.param(TWO_WAY, "tile", "standalone", marks=pytest.mark.slow)],
)  # fmt: skip
def test_learning_is_exact_descent_in_the_kernel(law, wiring, target):
    network, *params = small()
    x, y = data()
    how = (
        {"hold": 300}
        if law.two_way
        else {"hardware": delays(1, 3), **({"hold": 150} if law.name == "worldsheet" else {})}
    )
    found = train(network, x, y, port=Resistive(RATE), samples=4, seed=2, law=law, wiring=wiring, target=target, **how)
    order = sample_order(4, 2)
    compare(found.network, descended(x[order], y[order], *params, RATE))


def test_momentum_and_mini_batches_are_those_of_the_kernel():
    network, *params = small()
    x, y = data()
    found = train(network, x, y, port=Inductive(RATE, 100.0), samples=12, seed=2, target="numpy")
    assert found.to_dict()["bus"] == {"events": 12 * 114, "joules": None}
    order = sample_order(12, 2)
    compare(found.network, descended(x[order], y[order], *params, RATE, mass=100.0, momentum=1 - 1 / (RATE * 100.0)))


def test_the_baseline_shares_too():
    network, *params = small()
    x, y = data()
    stream = ArrayStream(feed_rows(network, x, y), "epochs", 2)
    order = sample_order(12, 2)
    compare(
        baseline("descent", network, stream, RATE, RateSchedule(), 12), descended(x[order], y[order], *params, RATE)
    )


def test_mini_batches_move_the_kernel_by_the_mean_of_its_sums():
    network, *params = small()
    x, y = data()
    found = train(network, x, y, port=Resistive(RATE), samples=4, batch=4, seed=2, target="numpy")
    single = [descended(x[[k]], y[[k]], *params, RATE) for k in sample_order(4, 2)]
    compare(found.network, [np.mean(parts, axis=0) for parts in zip(*single, strict=True)])


def test_what_the_ports_absorb_is_what_one_port_of_the_kernel_would():
    """With a resistor each, the power into a matched port is rate/... of the kernel's own effort squared."""
    network, *params = small()
    x, y = data()
    found = train(network, x, y, port=Resistive(RATE), samples=1, seed=2, target="numpy")
    order = sample_order(1, 2)
    moved = descended(x[order], y[order], *params, RATE)
    power = sum(((after - before) ** 2).sum() for after, before in zip(moved, params, strict=True)) / RATE
    np.testing.assert_allclose(found.history.absorbed[0], power, rtol=1e-9)


def test_free_places_learn_each_for_itself():
    network, *_ = small("free")
    x, y = data()
    held = train(network, x, y, port=Resistive(RATE), samples=8, seed=2, target="numpy").network.dense["c_s"]
    assert len(set(held.weight[held.devices][held.kernel[: held.count] == 4])) > 1
    tied = network.with_sharing("tied")
    assert tied == small()[0] != network and tied.with_sharing("free") == network


def test_devices_of_one_kernel_are_written_together_and_each_with_its_own_noise():
    network, *_ = small()
    x, y = data()
    for noise, equal in ((0.0, True), (0.3, False)):
        held = Weights(g_max="20 uS", levels=100, read_noise=None, update=PulsedUpdate(pulses=100, write_noise=noise))
        hardware = load("ideal").replace(weights=held)
        port = Device(0.2, w_max=2.0)
        layer = train(network, x, y, port=port, samples=8, seed=2, hardware=hardware, target="numpy").network.dense[
            "c_s"
        ]
        assert (len(set(layer.weight[layer.devices][layer.kernel[: layer.count] == 4])) == 1) == equal


def test_a_port_that_answers_by_neuron_is_refused():
    x, y = data()
    refuses(
        "port gauss-newton: layer 'c_s' has tied kernels, and the port answers each place by what its own neuron collects: a bus "
        "sums efforts, not resistances, and places that move by their own would come apart; allowed: "
        "resistive, inductive, adaptive, device, or sharing = 'free'",
        lambda: train(small()[0], x, y, port=GaussNewton(0.5), samples=2, target="numpy"),
        EngineError,
    )


def test_training_resumes_with_its_kernels(tmp_path):
    network, *_ = small()
    x, y = data()
    how = {"port": Inductive(RATE, 100.0), "seed": 1, "target": "numpy", "chunk": 4}
    whole = train(network, x, y, **how, samples=12)
    path = tmp_path / "half.npz"
    train(network, x, y, **how, samples=8, checkpoint_path=path)
    again = train(network, x, y, **how, samples=12, checkpoint_path=path, resume=True)
    assert again.network == whole.network


def test_files_keep_kernels_and_wrong_ones_are_refused(tmp_path):
    network, *_ = small()
    network.save(tmp_path / "n.npz")
    assert Network.load(tmp_path / "n.npz") == network
    layer = network.dense["c_s"]
    numbers = layer.kernel.copy()
    numbers[-1] = numbers[0]
    for change, words in (
        ({"kernel": numbers}, "layer 'c_s': kernel has one number for a weight and a bias; allowed: either"),
        (
            {"kernel": layer.kernel[1:]},
            "layer 'c_s': kernel has shape (56,) and type int32; allowed: (57,) whole numbers",
        ),
        ({"kernel": layer.kernel + 1.0}, "layer 'c_s': kernel has shape (57,) and type float64"),
        (
            {"kernel": layer.kernel + 99},
            "layer 'c_s': kernel has numbers from 99 to 119; allowed: from -1 and below 57",
        ),
        ({"kernel": None}, "layer 'c_s': sharing is 'tied', and no device has a place in a kernel; allowed: 'free'"),
        ({"sharing": "both"}, "layer 'c_s': sharing is 'both'; allowed: 'free', 'tied'"),
    ):
        refuses(words, lambda change=change: replace(layer, **change), NetworkError)
    plain = Network.mlp([np.ones((2, 3))])
    refuses("no layer has a kernel whose places could learn together", lambda: plain.with_sharing("tied"), NetworkError)


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_the_bus_is_counted_and_inspect_says_how_a_convolution_became_hardware(wiring):
    """18 weights and 3 biases; a window of padding has no device: 3 kernels x 2 channels x (2 + 3 + 3)."""
    network, *_ = small()
    graph = compile_network(network, wiring=wiring, hardware=load("ideal").replace({"energy.per_event": 1e-15}))
    shared = shared_ports(flatten(graph))
    assert len(shared.places) == 21 and shared.additions == 48 + 9
    text = " ".join(graph.summary().split())
    assert "c_s tied 18 48 57 18 devices, 6 + 3 lines, 3 turns" in text
    assert "buses: every update sums 57 efforts and brings the sums back, 114 events on lines, 114 fJ" in text
    free = " ".join(compile_network(network.with_sharing("free"), wiring=wiring).summary().split())
    assert "c_s free 18 48 - 18 devices, 6 + 3 lines, 3 turns" in free and "buses" not in free
