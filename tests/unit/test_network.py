"""Networks: order, look-ups, equality, digest, copies."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.network import Activation, Add, Concat, Dense, Input, Network
from tests.graphs import networks

W = np.arange(6, dtype=np.float64).reshape(2, 3)
B = np.array([0.5, -0.5])


@pytest.fixture
def net() -> Network:
    """Two inputs; ``h`` fans out into an adder (twice) and a concatenation."""
    return Network(
        [
            Concat("y", ("sum", "h")),
            Add("sum", ("h", "v", "h")),
            Activation("h", "h_s", "tanh"),
            Dense("h_s", "u", W, B),
            Input("u", 3),
            Input("v", 2),
        ]
    )


def test_layers_are_kept_in_topological_order_of_first_given(net: Network) -> None:
    assert list(net.layers) == ["u", "h_s", "h", "v", "sum", "y"]
    assert list(net) == list(net.layers)


def test_look_ups(net: Network) -> None:
    assert net.inputs == ("u", "v")
    assert net.output == "y"
    assert net.loss == "mse"
    assert [net.size(name) for name in net] == [3, 2, 2, 2, 2, 4]
    assert net.sources("sum") == ("h", "v", "h")
    assert net.sources("u") == ()
    assert net.consumers("h") == ("sum", "y")
    assert net.consumers("y") == ()
    assert net["h"] == Activation("h", "h_s", "tanh")
    assert "h" in net
    assert "g" not in net
    assert len(net) == 6


def test_parameters_are_read_only_copies(net: Network) -> None:
    source = W.copy()
    layer = Dense("s", "x", source, B)
    source[0, 0] = 99.0
    assert layer.weight[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        net.parameters["h_s"].weight[0, 0] = 1.0
    with pytest.raises(TypeError):
        net.layers["h"] = layer  # type: ignore[index]


def test_parameters_are_contiguous_float64() -> None:
    layer = Dense("s", "x", np.asfortranarray(W, dtype=np.float32), [1, 2])  # type: ignore[arg-type]
    assert layer.weight.flags.c_contiguous
    assert layer.weight.dtype == layer.bias.dtype == np.float64


def test_with_parameters_replaces_only_what_is_named() -> None:
    net = Network.mlp([W, W.T])
    changed = net.with_parameters({"s2": (W.T + 1.0, [1.0, 2.0, 3.0])})
    np.testing.assert_array_equal(changed.parameters["s1"].weight, W)
    np.testing.assert_array_equal(changed.parameters["s2"].weight, W.T + 1.0)
    np.testing.assert_array_equal(changed.parameters["s2"].bias, [1.0, 2.0, 3.0])
    assert changed != net
    assert changed.with_parameters({"s2": net.parameters["s2"]}) == net


def test_named_output_is_the_only_sink() -> None:
    layers = [Input("x", 3), Dense("y", "x", W, B)]
    assert Network(layers, output="y") == Network(layers)


@pytest.mark.parametrize(
    "layers",
    [
        [Input("x", 3), Dense("y", "x", W + 1e-15, B)],
        [Input("x", 3), Dense("y", "x", W, B + 1e-15)],
        [Input("z", 3), Dense("y", "z", W, B)],
        [Input("x", 3), Dense("w", "x", W, B)],
    ],
)
def test_any_difference_shows_in_the_digest(layers: list[Input | Dense]) -> None:
    net = Network([Input("x", 3), Dense("y", "x", W, B)])
    assert Network(layers).digest != net.digest
    assert Network(layers) != net
    assert Network(net.layers.values(), loss="softmax_cross_entropy") != net
    assert net != "net"


def test_slope_and_port_order_show_in_the_digest() -> None:
    def build(slope: float, sources: tuple[str, str]) -> Network:
        return Network([Input("x", 2), Activation("a", "x", "leaky_relu", slope), Concat("y", sources)])

    digests = {build(0.1, ("x", "a")).digest, build(0.2, ("x", "a")).digest, build(0.1, ("a", "x")).digest}
    assert len(digests) == 3


def test_negative_zero_is_zero() -> None:
    assert Network.mlp([-0.0 * W]).digest == Network.mlp([0.0 * W]).digest


def test_digest_is_the_same_in_every_process() -> None:
    code = "from emulator.network import Network; print(Network.mlp([[[1.0, 2.0]], [[3.0]]]).digest)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == Network.mlp([[[1.0, 2.0]], [[3.0]]]).digest


@settings(max_examples=20, deadline=None)
@given(networks(max_width=6), st.randoms(use_true_random=False))
def test_given_order_affects_neither_sizes_nor_copies(net: Network, random) -> None:  # type: ignore[no-untyped-def]
    layers = list(net.layers.values())
    random.shuffle(layers)
    shuffled = Network(layers, loss=net.loss)
    assert dict(shuffled.layers) == dict(net.layers)
    assert shuffled.output == net.output
    seen: set[str] = set()
    for name in shuffled:
        assert seen.issuperset(shuffled.sources(name))
        seen.add(name)
    assert Network(net.layers.values(), loss=net.loss).digest == net.digest


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_are_equal_and_read_only(net: Network, duplicate) -> None:  # type: ignore[no-untyped-def]
    twin = duplicate(net)
    assert twin == net
    assert hash(twin) == hash(net)
    assert not twin.parameters["h_s"].weight.flags.writeable


def test_layers_compare_by_content() -> None:
    assert Dense("s", "x", W, B) == Dense("s", "x", W.copy(), B.copy())
    assert Dense("s", "x", W, B) != Dense("s", "x", W, B + 1.0)
    assert Add("y", ("a", "b")) != Concat("y", ("a", "b"))
    assert hash(Input("x", 3)) == hash(Input("x", 3))
    assert Input("x", 3) != "x"


def test_mlp_names_and_default_activations() -> None:
    net = Network.mlp([W, W.T], [B, None])
    assert list(net) == ["x0", "s1", "x1", "s2", "x2"]
    assert [net[name].function for name in ("x1", "x2")] == ["tanh", "identity"]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(net.parameters["s1"].bias, B)
    np.testing.assert_array_equal(net.parameters["s2"].bias, np.zeros(3))
    assert (net.size("x0"), net.size("x1"), net.size("x2")) == (3, 2, 3)


def test_mlp_one_activation_per_layer() -> None:
    net = Network.mlp([W, W.T], activations=["relu", "sigmoid"], loss="softmax_cross_entropy")
    assert [net[name].function for name in ("x1", "x2")] == ["relu", "sigmoid"]  # type: ignore[attr-defined]
    assert net.loss == "softmax_cross_entropy"


def test_summary_and_repr(net: Network) -> None:
    assert net.summary().splitlines() == [
        "layer  kind    sources  size  parameters",
        "u      input               3",
        "h_s    dense   u           2           8",
        "h      tanh    h_s         2",
        "v      input               2",
        "sum    add     h, v, h     2",
        "y      concat  sum, h      4",
        "output y, loss mse, 8 parameters",
    ]
    assert repr(net) == "Network(6 layers, u (3), v (2), y (4), 8 parameters, loss mse)"
