"""Every error of a batch of data, with its words."""

import numpy as np
import pytest

from emulator.network import Add, Dense, Input, Network, check_batch
from tests.refusals import refuses

W = np.arange(6, dtype=np.float64).reshape(2, 3)
H = Dense("h", "x", W, np.zeros(2))
NET = Network([Input("x", 3), Input("u", 2), H, Add("y", ("h", "u"))])
LOGITS = Network.mlp([W], loss="softmax_cross_entropy")


def test_one_array_for_two_inputs() -> None:
    words = "inputs are one array, but the network has inputs x, u; allowed: a mapping of these names to arrays"
    refuses(words, lambda: check_batch(NET, np.zeros((1, 3))))


def test_unknown_input() -> None:
    words = "no input 'xx' (did you mean 'x'?); allowed: x, u"
    refuses(words, lambda: check_batch(NET, {"xx": [0.0]}))


def test_input_without_data() -> None:
    words = "input 'u' has no data; allowed: data for each of x, u"
    refuses(words, lambda: check_batch(NET, {"x": [0.0, 0.0, 0.0]}))


@pytest.mark.parametrize("shape", [(2,), (4, 2), (0, 3), (1, 1, 3), ()])
def test_input_shape(shape: tuple[int, ...]) -> None:
    words = f"input 'x0': shape is {shape}; allowed: (3,) or (B, 3) with B of at least 1"
    refuses(words, lambda: check_batch(LOGITS, np.zeros(shape)))


def test_input_is_finite() -> None:
    words = "input 'x0'[1, 2] is nan; allowed: finite numbers"
    refuses(words, lambda: check_batch(LOGITS, [[0.0, 0.0, 0.0], [0.0, 0.0, np.nan]]))


def test_input_is_numeric() -> None:
    words = "input 'x0' must be an array of real numbers: "
    refuses(words, lambda: check_batch(LOGITS, ["a", "b", "c"]))


def test_samples_per_input() -> None:
    words = "input 'u' has 3 samples; allowed: 2, as input 'x' has"
    refuses(words, lambda: check_batch(NET, {"u": np.zeros((3, 2)), "x": np.zeros((2, 3))}))


def test_samples_of_targets() -> None:
    words = "targets have 3 samples; allowed: 2, one per sample of the inputs"
    refuses(words, lambda: check_batch(LOGITS, np.zeros((2, 3)), np.full((3, 2), 0.5)))


def test_target_shape() -> None:
    words = "targets: shape is (2, 3); allowed: (2,) or (B, 2) with B of at least 1"
    refuses(words, lambda: check_batch(LOGITS, np.zeros((2, 3)), np.zeros((2, 3))))


def test_ragged_targets() -> None:
    words = "targets must be an array of real numbers: "
    refuses(words, lambda: check_batch(LOGITS, np.zeros((2, 3)), [[0.5, 0.5], [1.0]]))


@pytest.mark.parametrize("label", [-1, 2])
def test_label_range(label: int) -> None:
    words = f"targets[1] is label {label}; allowed: 0 to 1"
    refuses(words, lambda: check_batch(LOGITS, np.zeros((2, 3)), [0, label]))


def test_negative_probability() -> None:
    words = "targets[1, 0] is -0.5; allowed: probabilities from 0 to 1"
    refuses(words, lambda: check_batch(LOGITS, np.zeros((2, 3)), [[1.0, 0.0], [-0.5, 1.5]]))


def test_probability_sum() -> None:
    words = "targets[1] sums to 0.75; allowed: 1, within 1e-06"
    refuses(words, lambda: check_batch(LOGITS, np.zeros((2, 3)), [[1.0, 0.0], [0.25, 0.5]]))
