"""Convolutions and pools as sparse crossbars: what they compute, which devices they have, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emulator import Network, NetworkBuilder, compile_network, reference, settle
from tests.refusals import refuses


def convolved(x, kernel, bias, stride, padding, dilation, groups):
    """A convolution by its definition, one number after another."""
    axes = kernel.ndim - 2
    x = np.pad(x, [(0, 0), *[(p, p) for p in padding]])
    sizes = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[1:], kernel.shape[2:], stride, dilation, strict=True)
    ]
    out = np.zeros((len(kernel), *sizes))
    share = len(kernel) // groups
    for at in np.ndindex(out.shape):
        total = bias[at[0]]
        for c in range(kernel.shape[1]):
            for spot in np.ndindex(kernel.shape[2:]):
                where = tuple(at[1 + a] * stride[a] + spot[a] * dilation[a] for a in range(axes))
                total += kernel[(at[0], c, *spot)] * x[(at[0] // share * kernel.shape[1] + c, *where)]
        out[at] = total
    return out


def pooled(x, size, stride, padding, largest):
    """A pool by its definition."""
    fill = -np.inf if largest else 0.0
    x = np.pad(x, [(0, 0), *[(p, p) for p in padding]], constant_values=fill)
    sizes = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:], size, stride, strict=True)]
    out = np.zeros((len(x), *sizes))
    for at in np.ndindex(out.shape):
        window = [slice(p * s, p * s + k) for p, s, k in zip(at[1:], stride, size, strict=True)]
        out[at] = (np.max if largest else np.mean)(x[(at[0], *window)])
    return out


CONVOLUTIONS = [
    ((1, 8, 8), (4, 1, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((4, 5, 6), (6, 2, 2, 3), (2, 1), (0, 1), (1, 2), 2),
    ((3, 9), (3, 1, 3), (2,), (1,), (2,), 3),
]


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "dilation", "groups"), CONVOLUTIONS)
def test_a_convolution_is_what_it_is_defined_to_be(shape, kernel, stride, padding, dilation, groups):
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=kernel), rng.normal(size=kernel[0])
    build = NetworkBuilder()
    x = build.input("x", int(np.prod(shape)))
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y = build.conv(x, shape, kernel, bias, **how, name="y")
    network = build.build(output=y)
    given = rng.normal(size=(2, *shape))
    wanted = [convolved(one, kernel, bias, stride, padding, dilation, groups) for one in given]
    assert build.shape(y) == wanted[0].shape
    found = reference(network, given.reshape(2, -1)).states["y"]
    np.testing.assert_allclose(found, np.reshape(wanted, (2, -1)), atol=1e-12)


def test_a_device_for_each_weight_at_each_place_even_where_it_is_zero():
    """8 x 8 pixels, four kernels of 3 x 3: 4 (8*3 - 2)^2 devices."""
    kernel = np.ones((4, 1, 3, 3))
    kernel[0] = 0.0
    build = NetworkBuilder()
    y = build.conv(build.input("x", 64), (1, 8, 8), kernel, padding=1, activation="relu", name="c")
    pool = build.max_pool(y, build.shape(y), 2)
    network = build.build(output=build.dense(pool, np.ones((10, 64))))
    assert network.dense["c_s"].count == 1936
    assert network.dense["c_s"].trainable and not network.dense[pool].trainable
    text = compile_network(network).summary()
    assert "crossings: places where a row passes a column without a device" in text
    row = next(line.split() for line in text.splitlines() if line.startswith("c_s  "))
    assert row == ["c_s", "64", "x", "256", "1936", "320", str(64 * 256 - 1936), "learn"]
    assert any(line.startswith(pool) and line.endswith("stay") for line in text.splitlines())


POOLS = [((2, 6, 6), 2, None, 0), ((1, 5, 7), (3, 2), (2, 2), (1, 1)), ((3, 8), 3, 1, 1), ((2, 4), 1, 2, 0)]


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), POOLS)
@pytest.mark.parametrize("kind", ["average_pool", "max_pool"])
def test_a_pool_is_what_it_is_defined_to_be(shape, kernel, stride, padding, kind):
    rng = np.random.default_rng(3)
    build = NetworkBuilder()
    x = build.input("x", int(np.prod(shape)))
    y = getattr(build, kind)(x, shape, kernel, stride=stride, padding=padding)
    network = build.build(output=y)
    given = rng.normal(size=(3, *shape))
    axes = len(shape) - 1
    size, step, beside = (
        (value,) * axes if np.ndim(value) == 0 else value
        for value in (kernel, kernel if stride is None else stride, padding)
    )
    wanted = [pooled(one, size, step, beside, kind == "max_pool") for one in given]
    assert build.shape(y) == wanted[0].shape
    np.testing.assert_allclose(reference(network, given.reshape(3, -1)).states[y], np.reshape(wanted, (3, -1)))
    assert not any(layer.trainable for layer in network.dense.values())


def test_a_maximum_sends_the_costate_to_the_winner_and_at_a_tie_to_the_first():
    build = NetworkBuilder()
    y = build.max_pool(build.input("x", 4), (1, 4), 2)
    network = build.build(output=y)
    inputs, targets = np.array([[1.0, 3.0, 2.0, 2.0]]), np.array([[0.0, 0.0]])
    result = settle(compile_network(network), inputs, targets, target="numpy")
    np.testing.assert_allclose(result.states[y], [[3.0, 2.0]])
    np.testing.assert_allclose(result.costates["x"], [[0.0, 3.0, 2.0, 0.0]])


def test_a_network_of_windows_is_kept_in_a_file(tmp_path):
    build = NetworkBuilder()
    y = build.conv(build.input("x", 16), (1, 4, 4), np.ones((1, 1, 2, 2)))
    network = build.build(output=build.average_pool(y, build.shape(y), 3))
    network.save(tmp_path / "net.npz")
    again = Network.load(tmp_path / "net.npz")
    assert again == network
    for name, layer in network.dense.items():
        assert again.dense[name] == layer
        np.testing.assert_array_equal(again.dense[name].devices, layer.devices)


CONV = {
    "sharing": ("sharing is 'both'; allowed: 'free', 'tied'", {"sharing": "both"}),
    "shape": ("shape is (4, 4, 4, 4); allowed: (channels, size) or (channels, height, width)",
              {"shape": (4, 4, 4, 4), "kernel": np.ones((1, 1, 1, 1, 1))}),
    "kernel axes": ("kernel has shape (1, 2); allowed: 4 non-empty axes", {"kernel": np.ones((1, 2))}),
    "channels": ("kernel has shape (1, 2, 2, 2) for 1 channels in 1 groups; allowed: ",
                 {"kernel": np.ones((1, 2, 2, 2))}),
    "groups": ("kernel has shape (1, 1, 2, 2) for 1 channels in 0 groups; allowed: ", {"groups": 0}),
    "bias": ("bias has shape (3,); allowed: (1,), one entry per channel", {"bias": np.ones(3)}),
    "stride": ("stride is 0; allowed: a whole number from 1, or 2 of them", {"stride": 0}),
    "padding": ("padding is (1, 1, 1); allowed: a whole number from 0, or 2 of them", {"padding": (1, 1, 1)}),
    "size": ("its kernel spans (5, 5) of a padded state of (4, 4); allowed: at most as much",
             {"dilation": 4}),
}  # fmt: skip


@pytest.mark.parametrize("case", CONV)
def test_what_is_no_convolution_is_refused(case):
    words, change = CONV[case]
    build = NetworkBuilder()
    how = {"shape": (1, 4, 4), "kernel": np.ones((1, 1, 2, 2)), "name": "c"} | change
    refuses(f"layer 'c': {words}", lambda: build.conv(build.input("x", 16), **how))


def test_what_is_no_pool_is_refused():
    build = NetworkBuilder()
    x = build.input("x", 16)
    refuses("layer 'p': padding 2 makes windows without any state", lambda: build.max_pool(
        x, (1, 16), 2, stride=1, padding=2, name="p"))  # fmt: skip
    refuses("no convolution or pool", lambda: build.shape("x"))
    for kernel in (0, 1.5, True, "two", None):
        refuses(f"layer 'p': kernel is {kernel!r}", lambda kernel=kernel: build.average_pool(
            x, (1, 16), kernel, stride=1, name="p"))  # fmt: skip


def test_masks_that_are_none_are_refused():
    build = NetworkBuilder()
    x = build.input("x", 2)
    weight = np.eye(2)
    for devices, words in (
        ([[1, 1]], "layer 'd': devices has shape (1, 2); allowed: (2, 2)"),
        ([[1, 2], [0, 1]], "layer 'd': devices has other values than true and false (type int64)"),
        ([["a", "b"], ["c", "d"]], "layer 'd': devices has other values than true and false (type <U1)"),
        ([[1, 2], [1]], "layer 'd': devices must be an array of truth values"),
        ([[0, 0], [0, 1]], "layer 'd': weight[0, 0] is 1.0 where there is no device; allowed: 0"),
    ):
        refuses(words, lambda devices=devices: build.dense(x, weight, name="d", devices=devices))
    refuses("layer 'd': trainable is 'no'; allowed: true, false", lambda: build.dense(
        x, weight, name="d", trainable="no"))  # fmt: skip
    full, half = ([[1.0, 0.0], [0.0, 1.0]], np.ones((2, 2))), np.eye(2)
    layers = [build.dense(x, full[0], name=f"{n}", devices=mask) for n, mask in enumerate((None, full[1], half))]
    network = build.build(output=build.add(*layers))
    assert network.dense["0"].devices is network.dense["1"].devices is None
    assert network.dense["2"].count == 2
    refuses("layer '2': weight[0, 1] is 1.0 where there is no device", lambda: network.with_parameters(
        {"2": (np.ones((2, 2)), np.zeros(2))}))  # fmt: skip
    changed = network.with_parameters({"2": (2 * np.eye(2), np.ones(2))})
    assert changed.dense["2"].count == 2
    assert len({each.digest for each in (network, changed)}) == 2
    assert list(itertools.islice(network.dense, 1)) == ["0"]


def test_a_maximum_costs_what_the_guide_says():
    for side, neurons, devices in ((2, 6, 12), (3, 19, 35)):
        build = NetworkBuilder()
        network = build.build(output=build.max_pool(build.input("x", side**2), (1, side, side), side))
        assert sum(layer.count for layer in network.dense.values()) == devices
        assert compile_network(network).neurons - side**2 == neurons


def test_what_a_tournament_takes_more_than_one_junction_would_is_what_the_guide_says():
    for side, steps, events in ((2, (8, 10), 46), (3, (14, 17), 164)):
        rng = np.random.default_rng(0)
        data, found = (rng.normal(size=(4, side**2)), rng.normal(size=(4, 1))), []
        for kind in ("max_pool", "average_pool"):  # one neuron that hears its window, as a junction would
            build = NetworkBuilder()
            pool = getattr(build, kind)(build.input("x", side**2), (1, side, side), side)
            graph = compile_network(build.build(output=build.dense(pool, [[1.0]])))
            found.append(settle(graph, *data, target="numpy"))
        assert (found[0].settling_steps.min(), found[0].settling_steps.max()) == steps
        assert found[0].events.mean() == pytest.approx(events, rel=0.03)
        assert (found[1].settling_steps == 4).all() and found[1].events.mean() == {2: 9, 3: 14}[side]
