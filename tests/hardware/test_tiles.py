"""Crossbars of bounded size: split, joined by adders, counted, and exact; nobody sees the tiles who does not ask for them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emulator import (
    Bilateral,
    Matched,
    Network,
    NetworkBuilder,
    Penalty,
    Resistive,
    SeriesRC,
    Worldsheet,
    compile_network,
    reference,
    settle,
    train,
)
from emulator.errors import CompileError, NetworkError
from emulator.network import tiled
from hwmodels import HardwareError, load
from tests.refusals import refuses
from tests.support.descent import Descent, resistive, sample_order
from tests.support.networks import sparse

TWO_WAY = Bilateral(1.0, taper=4.0, far_end=SeriesRC())


def bounded(rows: int | None = None, columns: int | None = None, **more):
    given = {"tiles.rows": rows, "tiles.columns": columns}
    return load("ideal").replace({name: value for name, value in given.items() if value is not None} | more)


def mlp(loss: str = "softmax_cross_entropy") -> Network:
    dice = np.random.default_rng(0)
    sizes = [13, 10, 7, 3]
    weights = [dice.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return Network.mlp(weights, [dice.normal(size=n) / 4 for n in sizes[1:]], loss=loss)


def branched() -> Network:
    """A skip connection, a concatenation that is split at another place, a layer without activation, and an activation at the end."""
    dice = np.random.default_rng(1)
    build = NetworkBuilder()
    x = build.input("x", 7)
    a = build.dense(x, dice.normal(size=(7, 7)) / 3, dice.normal(size=7), name="a", activation="tanh")
    b = build.concat(build.add(x, a), build.slice(a, 2, 6), x)
    c = build.dense(b, dice.normal(size=(5, 18)) / 4, dice.normal(size=5), name="c")
    d = build.dense(build.concat(c, x), dice.normal(size=(6, 12)) / 4, name="d", activation="sigmoid")
    return build.build(output=d)


def samples(network: Network, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(2)
    size = network.size(network.output)
    y = dice.integers(0, size, count) if network.loss != "mse" else dice.normal(size=(count, size))
    return dice.normal(size=(count, network.size(network.inputs[0]))), y


@pytest.mark.parametrize(("rows", "columns"), [(5, 4), (None, 4), (5, None)])
@pytest.mark.parametrize("make", [mlp, branched, sparse])
@pytest.mark.parametrize(
    ("law", "wiring"),
    [(Matched(), "tile"), (Matched(), "synapse"), (Worldsheet(beta=0.8, gamma=0.05), "tile"), (TWO_WAY, "tile")],
)
def test_it_settles_to_exactly_what_the_whole_settles_to(make, rows, columns, law, wiring):
    if law.name != "matched" and (make is not mlp or (rows, columns) != (None, 4)):
        pytest.skip("one of these is enough")
    network = make()
    x, y = samples(network, 1 if law.two_way else 3)
    how = {"hold": 600} if law.two_way else {"hold": 120} if law.name == "worldsheet" else {}
    hardware = bounded(rows, columns, **({} if law.two_way else {"lines.delay_forward": "2 ns"}))
    found = settle(compile_network(network, hardware=hardware, law=law, wiring=wiring), x, y, target="numpy", **how)
    exact = reference(network, x, y)
    assert found.settled.all()
    assert max(found.errors(exact)[name] for name in ("state", "costate", "gradient")) < 1e-9
    assert set(found.gradients) == set(network.dense) and set(exact.states) <= set(found.held_states)
    for name, gradient in found.gradients.items():
        np.testing.assert_allclose(gradient.bias, exact.gradients[name].bias, atol=1e-9)


@pytest.mark.parametrize(
    ("law", "wiring"),
    [(Matched(), "tile"), (Matched(), "synapse"), pytest.param(TWO_WAY, "tile", marks=pytest.mark.slow)],
)
def test_learning_is_exact_descent_in_the_whole(law, wiring):
    network = mlp()
    dice = np.random.default_rng(3)
    x, y = dice.normal(size=(40, 13)), dice.integers(0, 3, 40)
    hardware = bounded(None, 4) if law.two_way else bounded(6, 4)
    how = {"law": law, "wiring": wiring, "hardware": hardware, **({"hold": 700} if law.two_way else {})}
    found = train(network, x, y, port=Resistive(0.2, 1e-3), samples=6, seed=3, batch=2, target="numpy", **how)
    factors = np.ones(6)
    wanted = Descent(network, resistive(0.2, 1e-3), 2).run(x, y, sample_order(6, 3), factors)
    assert list(found.network.layers) == list(network.layers)
    for name, (weight, bias) in wanted.items():
        np.testing.assert_allclose(found.network.parameters[name].weight, weight, atol=1e-9, rtol=0)
        np.testing.assert_allclose(found.network.parameters[name].bias, bias, atol=1e-9, rtol=0)


def test_tiles_are_no_larger_and_everything_they_need_is_counted():
    """13 -> 10 in tiles of 6 x 4: 3 x 3 tiles, each column of a tile with a receiver and a line to its adder."""
    network = Network.mlp([np.ones((10, 13))], loss="mse")
    graph = compile_network(network, hardware=bounded(6, 4))
    crossbars = [c for c in graph.couplings if c.layer is not None]
    assert len(crossbars) == 9 and sum(c.size for c in crossbars) == 130
    assert max(len(c.rows) for c in crossbars) <= 6 and max(len(c.columns) for c in crossbars) <= 4
    kinds = [element.kind for element in graph.elements]
    assert kinds.count("adder") == 3
    lines = sum(bundle.count for bundle in graph.bundles if bundle.is_line)
    rows, columns, partial, outputs = 3 * 13, 3 * 10, 3 * 10, 10
    assert lines == rows + columns + partial + outputs
    assert graph.neurons == 13 + 30 + 10 + 10
    assert graph.longest_round_trip > compile_network(network).longest_round_trip
    assert compile_network(network, hardware=bounded(13, 10)).tiling is None


def test_where_a_part_has_no_device_there_is_no_tile():
    mask = np.zeros((4, 6), bool)
    mask[:2, :3] = mask[2:, 3:] = True
    build = NetworkBuilder()
    network = build.build(output=build.dense(build.input("x", 6), np.where(mask, 1.0, 0.0), devices=mask, name="d"))
    graph = compile_network(network, hardware=bounded(3, 2))
    assert sum(c.layer is not None for c in graph.couplings) == 2
    assert not any(element.kind == "adder" for element in graph.elements)


def test_penalties_are_those_of_the_whole():
    network = mlp().with_penalties({"s1": {"weight": 0.1}, "x1": {"state": 0.3}, "s3": {"weight": 0.1}})
    x, y = samples(network)
    found = settle(compile_network(network, hardware=bounded(5, 4)), x, y, target="numpy")
    assert max(found.errors(reference(network, x, y))[name] for name in ("state", "costate")) < 1e-9
    split = tiled(network, 5, 4)
    ours, theirs = (reference(one, x, y) for one in (split.network, network))
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-12)
    for name, gradient in split.gradients(ours.gradients).items():
        np.testing.assert_allclose(gradient.weight, theirs.gradients[name].weight, atol=1e-12)
    assert split.joined(split.network) == network and isinstance(network.penalties["s1"], Penalty)


def test_what_cannot_be_split_is_refused():
    build = NetworkBuilder()
    kernel = np.ones((2, 1, 3))
    c = build.conv(build.input("x", 8), (1, 8), kernel, sharing="tied", name="c")
    network = build.build(output=c)
    refuses(
        "layer 'c': its places learn together by a bus within one crossbar, and it would stand in several tiles "
        "(8 rows, 12 columns); allowed: sharing = 'free', or larger hardware.tiles",
        lambda: compile_network(network, hardware=bounded(4)),
        CompileError,
    )
    assert compile_network(network.with_sharing("free"), hardware=bounded(4)).tiling is not None
    for value, words in ((0, "out of range"), (2.5, "is not a whole number")):
        with pytest.raises(HardwareError, match=words):
            bounded(value)


@pytest.mark.parametrize(("change", "words"), [
    ({"start": -1, "stop": 2}, "layer 'p': start is -1; allowed: whole numbers from 0"),
    ({"start": 2, "stop": 2}, "layer 'p': it goes from 2 to 2; allowed: at least one component"),
    ({"start": 1, "stop": 9}, "layer 'p': it ends at 9 but source 'x' has size 4; allowed: up to that"),
])  # fmt: skip
def test_a_slice_that_is_none_is_refused(change, words):
    build = NetworkBuilder()
    refuses(words, lambda: build.build(output=build.slice(build.input("x", 4), **change, name="p")), NetworkError)


def test_a_slice_may_be_the_end_and_is_kept_in_files(tmp_path):
    build = NetworkBuilder()
    a = build.dense(build.input("x", 4), np.arange(12.0).reshape(3, 4) / 12, name="a", activation="tanh")
    network = build.build(output=build.slice(a, 1, 3, name="p"))
    network.save(tmp_path / "n.npz")
    assert Network.load(tmp_path / "n.npz") == network
    x, y = samples(network)
    found = settle(compile_network(network), x, y, target="numpy")
    assert max(found.errors(reference(network, x, y))[name] for name in ("state", "costate", "gradient")) < 1e-12
