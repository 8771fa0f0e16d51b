"""Samples of any scale, one after another: each is exact to its own scale, or is not called settled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator import Matched, Network, NetworkBuilder, Worldsheet, compile_network, reference, settle
from emulator.measure.diagnose import forewarning
from emulator.measure.roundoff import EPSILON
from emulator.measure.settling import ZERO_ROW
from emulator.network import ACTIVATIONS
from tests.support.laws import Resonator

#: relative to the largest magnitude in the row; and what numbers that are nearly 0 may lack
NEAR, LEAST, CONFIDENT = 1e-9, 1e-305, 1e-13
LAWS = (Matched(), Worldsheet(beta=0.8, gamma=0.05), Resonator(stiffness=0.7, damping=1.2))
#: powers of ten by which samples are multiplied; None is a blank one
SCALES = st.lists(st.one_of(st.none(), st.integers(-300, 300), st.integers(-3, 4)), min_size=3, max_size=6)


def _network(rng: np.random.Generator, activation: str, loss: str) -> Network:
    weights = [rng.normal(size=(4, 3)) / 2, rng.normal(size=(4, 4)) / 2, rng.normal(size=(3, 4)) / 2]
    biases = [np.zeros(4), rng.normal(size=4) * 1e-2, np.zeros(3)]
    return Network.mlp(weights, biases if rng.random() < 0.3 else None, activations=activation, loss=loss)


def _batch(rng: np.random.Generator, scales: list[int | None], loss: str) -> tuple[np.ndarray, np.ndarray]:
    size = np.array([0.0 if power is None else 10.0**power for power in scales])
    x = rng.normal(size=(len(scales), 3)) * size[:, np.newaxis]
    if loss == "mse":
        return x, rng.normal(size=x.shape) * size[::-1, np.newaxis]
    return x, np.eye(3)[rng.integers(0, 3, len(scales))]


def _assert_each_exact(result, exact, answer: float = LEAST, zero: float = 0.0) -> None:
    """Rows of what has settled against the reference, each to its own scale; costates that are below `answer` may lack it.

    A row that rests at 0, to the round-off of what it holds, has no scale: it may lack the share `zero` of the largest
    value of its sample.
    """
    for held, wanted, least in (
        (result.held_states, exact.states, LEAST),
        (result.held_costates, exact.costates, answer),
    ):
        for layer, right in wanted.items():
            got, rows = held[layer][result.settled], right[result.settled]
            assert np.isfinite(got).all()
            size = np.abs(rows).max(axis=1, keepdims=True)
            whole = np.max([np.abs(part[result.settled]).max(axis=1) for part in wanted.values()], axis=0)[
                :, np.newaxis
            ]
            lost = size <= EPSILON * np.abs(got).max(
                axis=1, keepdims=True
            )  # no more than the round-off of what is held
            bound = NEAR * np.where(lost, zero * whole, size) + least
            assert (np.abs(got - rows) <= bound).all(), (layer, got, rows)
    if result.settled.all():
        for gradient, right in ((result.gradients[layer], g) for layer, g in exact.gradients.items()):
            for got, part in zip(gradient, right, strict=True):
                assert np.isfinite(got).all()
                most = max(np.abs(rows).max() for rows in exact.states.values())
                lacks = (answer > LEAST) * answer
                if not part.any():
                    lacks += NEAR * zero * max(np.abs(rows).max() for rows in exact.costates.values())
                assert np.abs(got - part).max() <= NEAR * np.abs(part).max() + LEAST + lacks * most


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    scales=SCALES,
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(["mse", "softmax_cross_entropy"]),
    wiring=st.sampled_from(["tile", "synapse"]),
)
@example(seed=0, scales=[0, 16, 0, None, 0], activation="relu", loss="mse", wiring="tile")
@example(seed=1, scales=[3, None, 300, 0], activation="leaky_relu", loss="softmax_cross_entropy", wiring="synapse")
def test_matched_samples_of_any_scale(seed, scales, activation, loss, wiring) -> None:
    rng = np.random.default_rng(seed)
    network = _network(rng, activation, loss)
    x, y = _batch(rng, scales, loss)
    result = settle(compile_network(network, law=Matched(), wiring=wiring), x, y, target="numpy")
    exact = reference(network, x, y)
    _assert_each_exact(result, exact)
    finite = np.array([all(np.isfinite(rows[i]).all() for rows in exact.costates.values()) for i in range(len(x))])
    if all(np.isfinite(part).all() for gradient in exact.gradients.values() for part in gradient):
        assert (result.settled == finite).all()


@pytest.mark.parametrize("law", LAWS[1:], ids=lambda law: law.name)
@settings(max_examples=5, deadline=None, derandomize=True)
@example(seed=0, scales=[None, None, 3], activation="gelu", loss="softmax_cross_entropy", wiring="tile")
@example(seed=92684, scales=[None] * 3, activation="tanh", loss="mse", wiring="tile")
@given(
    seed=st.integers(0, 2**32 - 1),
    scales=SCALES,
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(["mse", "softmax_cross_entropy"]),
    wiring=st.sampled_from(["tile", "synapse"]),
)
def test_scattering_samples_of_any_scale(law, seed, scales, activation, loss, wiring) -> None:
    rng = np.random.default_rng(seed)
    network = _network(rng, activation, loss)
    x, y = _batch(rng, scales, loss)
    graph = compile_network(network, law=law, wiring=wiring)
    result = settle(graph, x, y, hold=100, tolerance=1e-11, target="numpy", diagnose=False)
    # beside the probabilities and targets of which they are differences, costates of the confident do not count
    _assert_each_exact(result, reference(network, x, y), LEAST if loss == "mse" else CONFIDENT, ZERO_ROW)
    assert (result.deviation[result.settled] < NEAR).all()


@pytest.mark.parametrize("activation", ["relu", "identity", "silu"])
def test_samples_after_one_beyond_all_numbers_settle(activation) -> None:
    """What was infinite or no number is seen to come back, be it at 0 or where it was before."""
    rng = np.random.default_rng(3)
    network = Network.mlp([rng.normal(size=(6, 4)), rng.normal(size=(5, 6)), rng.normal(size=(3, 5))], None, activation)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    x[2], x[4], y[4] = 1.7e308, x[3], y[3]
    result = settle(compile_network(network, law=Matched()), x, y, target="numpy", diagnose=False)
    assert result.settled.tolist() == [True, True, False, True, True, True]
    assert result.settling_steps[[3, 4]].tolist() == [result.settling_steps[1], 0]


def _mixed() -> Network:
    """A residual network of every activation whose slope fades, with wires, fan-out and ports that several sums share."""
    rng = np.random.default_rng(5)
    build = NetworkBuilder()
    first = build.dense(build.input("x", 4), rng.normal(size=(4, 4)) / 2, name="h", activation="relu")
    branches = [
        build.dense(first, rng.normal(size=(4, 4)) / 2, name=f"h_{name}", activation=name)
        for name in ("tanh", "sigmoid", "gelu", "silu")
    ]
    joined = build.add(first, *branches)
    return build.build(output=build.dense(joined, rng.normal(size=(3, 4)) / 2, name="y"), loss="softmax_cross_entropy")


@pytest.mark.parametrize(
    ("target", "law"),
    [
        pytest.param("cython", LAWS[1], marks=pytest.mark.slow, id="cython"),
        pytest.param("standalone", LAWS[0], marks=pytest.mark.slow, id="standalone"),
    ],
)
def test_compiled_targets_at_any_scale(target, law) -> None:
    network = _mixed()
    rng = np.random.default_rng(0)
    powers = np.array([0, 16, 0, 2, 300, 308.2, 0, -300, 3, -20, 1.3])
    x = rng.uniform(0.5, 1, size=(len(powers), 4)) * 10.0 ** powers[:, np.newaxis]
    x[[2, 8]] = 0.0
    x[5] = 1.7e308
    y = np.eye(3)[rng.integers(0, 3, len(x))]
    result = settle(compile_network(network, law=law), x, y, target=target, tolerance=1e-11, hold=60, diagnose=False)
    exact = reference(network, x, y)
    _assert_each_exact(result, exact)
    if law.settles_on_arrival:  # and it settles again after the sample that is beyond all numbers
        finite = np.array([all(np.isfinite(rows[k]).all() for rows in exact.states.values()) for k in range(len(x))])
        assert (result.settled == finite).all() and not finite.all()


def test_one_blank_sample_among_others_has_no_slope() -> None:
    """A relu at exactly 0 passes nothing back, whatever was there before."""
    rng = np.random.default_rng(1)
    network = Network.mlp([rng.normal(size=(8, 6)), rng.normal(size=(2, 8))], activations=["relu", "identity"])
    x = rng.normal(size=(60, 6))
    x[1::2] = 0.0
    result = settle(compile_network(network), x, np.ones((60, 2)), target="numpy")
    assert result.settled.all()
    assert not result.costates["x0"][1::2].any() and not result.states["s1"][1::2].any()
    assert result.costates["x0"][::2].all()


def test_the_answer_does_not_depend_on_what_was_there_before() -> None:
    """The same sample gives the same bits after any other, were it beyond all numbers."""
    rng = np.random.default_rng(2)
    network = Network.mlp([rng.normal(size=(5, 4)), rng.normal(size=(3, 5))], loss="softmax_cross_entropy")
    x = np.repeat(rng.normal(size=(1, 4)), 7, axis=0)
    x[1::2] = np.sign(rng.normal(size=(3, 4))) * np.array([[1e9], [1e290], [1.7e308]])
    result = settle(compile_network(network, law=Worldsheet()), x, np.eye(3)[[0] * 7], target="numpy", diagnose=False)
    assert result.settled[::2].all()
    for values in (result.states, result.costates):
        for rows in values.values():
            assert (rows[::2] == rows[0]).all()


def test_a_gradient_beyond_all_numbers_is_not_called_settled() -> None:
    network = Network.mlp([np.eye(2)])
    x = np.array([[1e200, 1.0], [1.0, 2.0]])
    result = settle(compile_network(network), x, np.zeros((2, 2)), target="numpy")
    assert list(result.settled) == [False, True]
    assert "beyond all numbers" in result.reason


@pytest.mark.parametrize("law", [Matched(), Worldsheet(beta=0.8, gamma=0.05)], ids=lambda law: law.name)
def test_a_sample_whose_exact_answer_is_beyond_all_numbers_is_told_as_such(law) -> None:
    network = Network.mlp([np.full((2, 2), 2.0), np.eye(2)], loss="softmax_cross_entropy")
    x, y = np.array([[1.7e308, 1.7e308], [1.0, 2.0]]), np.array([0, 1])
    graph = compile_network(network, law=law)
    result = settle(graph, x, y, target="numpy")
    assert list(result.settled) == [False, True]
    assert "sample 0" in result.reason and "the exact answer, too, is beyond all numbers" in result.reason
    said = forewarning(graph, reference(network, x[:1], y[:1]), hold=result.hold)
    assert law.settles_on_arrival or "the exact answer, too, is beyond all numbers" in said
