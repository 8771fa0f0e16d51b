"""The builder gives the same networks as layers written out."""

import numpy as np
import pytest

from emulator.errors import NetworkError
from emulator.measure import reference
from emulator.network import Activation, Add, Concat, Dense, Input, Network, NetworkBuilder

W = np.arange(6, dtype=np.float64).reshape(2, 3)
B = np.array([0.5, -0.5])


def test_named_layers() -> None:
    b = NetworkBuilder()
    x = b.input("x", 3)
    h = b.dense(x, W, B, name="h", activation="leaky_relu", slope=0.2)
    g = b.activation(h, "silu", name="g")
    y = b.concat(b.add(h, g, name="a"), g, name="y")
    assert (x, h, g, y) == ("x", "h", "g", "y")
    assert b.build(output=y, loss="softmax_cross_entropy") == Network(
        [
            Input("x", 3),
            Dense("h_s", "x", W, B),
            Activation("h", "h_s", "leaky_relu", 0.2),
            Activation("g", "h", "silu"),
            Add("a", ("h", "g")),
            Concat("y", ("a", "g")),
        ],
        loss="softmax_cross_entropy",
    )


def test_automatic_names_count_per_kind_and_avoid_taken_ones() -> None:
    b = NetworkBuilder()
    x = b.input("dense2", 3)
    names = [b.dense(x, W), b.dense(x, W), b.dense(x, W, activation="tanh")]
    assert names == ["dense1", "dense3", "dense4"]
    assert b.add(*names) == "add1"
    assert b.activation("add1", "relu") == "activation1"
    assert b.concat("add1", "activation1") == "concat1"
    np.testing.assert_array_equal(b.build().parameters["dense4_s"].bias, [0.0, 0.0])


def test_residual_block_is_what_it_says() -> None:
    rng = np.random.default_rng(1)
    weight1, bias1, weight2, bias2 = (rng.normal(size=shape) for shape in ((4, 3), 4, (3, 4), 3))
    b = NetworkBuilder()
    y = b.residual(b.input("x", 3), weight1, bias1, weight2, bias2, activation="softplus", name="r")
    net = b.build(output=y)
    assert list(net) == ["x", "r_h_s", "r_h", "r_f", "r"]
    x = rng.normal(size=3)
    expected = x + weight2 @ np.logaddexp(0.0, weight1 @ x + bias1) + bias2
    np.testing.assert_allclose(reference(net, x).states["r"][0], expected, rtol=1e-14)


def test_residual_layers() -> None:
    b = NetworkBuilder()
    b.residual(b.input("x", 3), W, None, W.T, None, activation="leaky_relu", slope=0.2)
    net = b.build()
    assert net["residual1_h"] == Activation("residual1_h", "residual1_h_s", "leaky_relu", 0.2)
    assert net["residual1"] == Add("residual1", ("x", "residual1_f"))


def test_failed_steps_leave_nothing_behind() -> None:
    b = NetworkBuilder()
    x = b.input("x", 3)
    with pytest.raises(NetworkError, match="tanhh"):
        b.dense(x, W, name="h", activation="tanhh")
    assert b.dense(x, W, name="h", activation="tanh") == "h"
