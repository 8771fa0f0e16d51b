"""Whatever users hold data in: accepted and right, or refused for the real reason."""

from __future__ import annotations

import types
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from emulator import Network
from emulator.errors import NetworkError
from emulator.network import NetworkBuilder, check_batch
from emulator.training.streams import open_stream

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
PLAIN = Network.mlp([np.ones((3, 2))], loss="softmax_cross_entropy")
NAMED = PLAIN.named({"x0": ("length", "width"), "x1": ("cat", "dog", "wolf")})
VALUES = Network.mlp([np.ones((1, 2))])
GIVEN = [0, 2, 1]


def taken(value: Any, network: Network = PLAIN) -> np.ndarray:
    return check_batch(network, value)[0]["x0"]


def labels(value: Any, network: Network = PLAIN) -> list[int]:
    rows = check_batch(network, ROWS, value)[1]
    assert rows is not None and rows.shape == (3, 3) and (rows.sum(axis=1) == 1).all()
    return rows.argmax(axis=1).tolist()


def refused(words: str, *given: Any, network: Network = PLAIN) -> None:
    with pytest.raises(NetworkError) as told:
        check_batch(network, *given)
    assert words in str(told.value)


def masked(hidden: bool) -> Any:
    return np.ma.array(ROWS, mask=[[False, False], [False, hidden], [False, False]])


class Torch:
    """Tensors of a stand-in: what is asked of PyTorch's, without PyTorch."""

    __module__ = "torch"

    def __init__(self, values: Any, device: str = "cpu") -> None:
        self.values, self.device, self.layout = np.asarray(values), types.SimpleNamespace(type=device), "strided"

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def detach(self) -> Torch:
        return self

    cpu = double = detach

    def is_complex(self) -> bool:
        return self.values.dtype.kind == "c"

    def is_floating_point(self) -> bool:
        return self.values.dtype.kind == "f"

    def numpy(self) -> np.ndarray:
        return self.values


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", types.SimpleNamespace(strided="strided"))


@pytest.mark.parametrize(
    "value",
    [
        ROWS,
        tuple(map(tuple, ROWS)),
        np.array(ROWS, np.float32),
        np.array(ROWS, np.float16),
        np.array(ROWS, np.longdouble),
        np.array(ROWS, np.uint8),
        np.array(ROWS, ">f8", order="F"),
        np.array(ROWS, object),
        np.array([[1, Fraction(4, 2)], [Decimal(3), np.int8(4)], [5.0, np.float32(6)]], object),
        np.asmatrix(ROWS),
        masked(False),
        sparse.csr_matrix(ROWS),
        sparse.coo_array(ROWS),
        sparse.dok_matrix(ROWS),
        [np.array(row) for row in ROWS],
        memoryview(np.array(ROWS)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrays_of_every_kind(value: Any) -> None:
    np.testing.assert_array_equal(taken(value), ROWS)
    np.testing.assert_array_equal(taken(value, NAMED), ROWS)


def test_truth_values_are_zeros_and_ones() -> None:
    np.testing.assert_array_equal(taken([[True, False]]), [[1, 0]])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "input 'x0' must be an array of real numbers: it is None"),
        ("1, 2", "input 'x0' must be an array of real numbers: it is a str"),
        (b"12", "it is a bytes"),
        ({1.0, 2.0}, "it is a set"),
        (iter(ROWS), "it is a list_iterator"),
        ((row for row in ROWS), "it is a generator"),
        ([["1", "2"]], "it holds texts such as '1'"),
        (np.array([b"a"]), "it holds bytes"),
        ([[1, "2"]], "it holds texts such as '1'"),
        (np.array([[1, "2"]], object), "entry [0, 1] is '2', a str"),
        ([[1.0, 2.0], [3.0]], "its rows have 2 and 1 entries"),
        (np.array([[1.0, 2.0], [3.0]], object), "its rows have 2 and 1 entries"),
        (np.array([[1, None]], object), "entry [0, 1] has no value (None)"),
        (np.array([[1, {}]], object), "entry [0, 1] is a dict"),
        (np.array([[1, 2j]], object), "entry [0, 1] is 2j, a complex"),
        (np.array([[1, 10**400]], object), "beyond all floats"),
        (np.ones((3, 2)) * 1j, "it holds complex numbers, which may be given as real and imaginary parts side by side"),
        (np.array(["2024-01-01"], "M8[D]"), "it holds dates, which may be given as seconds since a start"),
        (np.array([3], "m8[s]"), "it holds durations"),
        (np.zeros(2, [("a", float), ("b", int)]), "it holds records of several fields"),
        (masked(True), "entry [1, 1] is masked"),
        (sparse.csr_matrix(np.ones((3, 2)) * 1j), "it holds complex numbers"),
        (np.sum, "it is a"),
        (object(), "it is an object"),
        ([[1.0, np.nan]], "input 'x0'[0, 1] is nan; allowed: finite numbers"),
    ],
)
def test_what_is_no_array_of_numbers(value: Any, words: str) -> None:
    with pytest.raises(NetworkError, match=r"^input 'x0'") as told:
        check_batch(PLAIN, value)
    assert words in str(told.value)


@pytest.mark.parametrize(
    "value",
    [
        GIVEN,
        np.array(GIVEN, np.uint8),
        [[0], [2], [1]],
        [0.0, 2.0, 1.0],
        np.array([[0.0], [2.0], [1.0]]),
        np.array(GIVEN, object),
        np.array([0.0, 2, 1], object),
        ["0", "2", "1"],
        np.array([["0"], ["2"], ["1"]]),
        np.eye(3)[GIVEN],
        np.eye(3, dtype=bool)[GIVEN],
        sparse.csr_matrix(np.eye(3)[GIVEN]),
        sparse.csr_matrix(np.array([[0], [2], [1]])),
    ],
    ids=str,
)
def test_labels_of_every_kind(value: Any) -> None:
    assert labels(value) == GIVEN


def test_labels_by_name() -> None:
    assert labels(["cat", "wolf", "dog"], NAMED) == GIVEN
    assert labels(np.array(["cat", "wolf", "dog"], object), NAMED) == GIVEN
    assert labels(GIVEN, NAMED) == GIVEN
    two = Network.mlp([np.ones((2, 2))], loss="softmax_cross_entropy")
    np.testing.assert_array_equal(check_batch(two, ROWS, [True, False, True])[1], [[0, 1], [1, 0], [0, 1]])


def test_one_sample_is_a_distribution_or_one_label() -> None:
    for value in ([0.0, 0.0, 1.0], [[0.0, 0.0, 1.0]], 2, [2], [2.0], ["2"], [[2]]):
        np.testing.assert_array_equal(check_batch(PLAIN, ROWS[0], value)[1], [[0, 0, 1]])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([0.0, 0.5, 1.0], "targets[1] is 0.5; allowed: the whole number of a class, or a row of 3 probabilities"),
        ([[0.0], [0.5], [1.0]], "targets[1] is 0.5; allowed: the whole number of a class"),
        ([0.0, np.nan, 1.0], "targets[1] is nan; allowed: the whole number of a class"),
        ([0.0, np.inf, 1.0], "targets[1] is label inf; allowed: 0 to 2"),
        ([0, 3, 1], "targets[1] is label 3; allowed: 0 to 2"),
        (["cat", "0", "1"], "targets[0] is 'cat'; allowed: 0, 1, 2"),
        (["0", "1"], "targets have 2 samples; allowed: 3, one per sample of the inputs"),
        (np.array([0, None, 1], object), "targets must be an array of real numbers: entry [1] has no value (None)"),
        ({"y": GIVEN}, "targets must be an array of real numbers: it is a dict"),
        ("cat", "targets must be an array of real numbers: it is a str"),
    ],
)
def test_labels_that_are_none(value: Any, words: str) -> None:
    refused(words, ROWS, value)


def test_unknown_names_of_classes() -> None:
    refused("targets[1] is 'fox'; allowed: cat, dog, wolf", ROWS, ["cat", "fox", "dog"], network=NAMED)
    refused("targets[1] is label 3; allowed: 0 to 2, the positions of cat, dog, wolf", ROWS, [0, 3, 1], network=NAMED)


def test_values_in_a_column_or_in_a_list() -> None:
    for value in ([1.5, 2.5, 3.5], [[1.5], [2.5], [3.5]], np.array([1.5, 2.5, 3.5], object)):
        np.testing.assert_array_equal(check_batch(VALUES, ROWS, value)[1], [[1.5], [2.5], [3.5]])
    one = Network.mlp([np.ones((1, 1))])
    np.testing.assert_array_equal(check_batch(one, [1.0, 2.0], [3.0, 4.0])[0]["x0"], [[1], [2]])
    refused("targets: shape is (2,); allowed: (1,) or (B, 1)", ROWS, [1.5, 2.5], network=VALUES)
    refused(
        "targets must be an array of real numbers: it holds texts such as 'a'", ROWS, ["a", "b", "c"], network=VALUES
    )


def test_tensors_of_a_stand_in(stand_in: None) -> None:
    np.testing.assert_array_equal(taken(Torch(ROWS)), ROWS)
    np.testing.assert_array_equal(taken([Torch(row) for row in ROWS]), ROWS)
    np.testing.assert_array_equal(taken([[Torch(one) for one in row] for row in ROWS]), ROWS)
    assert labels(Torch(GIVEN)) == GIVEN
    refused("it holds complex numbers", Torch(np.ones((3, 2)) * 1j))
    refused("it is a tensor without values, on the device 'meta'", Torch(ROWS, "meta"))


def test_an_iterator_of_whatever_users_hold(stand_in: None) -> None:
    for pairs in (
        [(Torch(row), Torch(label)) for row, label in zip(ROWS, GIVEN, strict=True)],
        [(row, name) for row, name in zip(ROWS, ["cat", "wolf", "dog"], strict=True)],
        [(np.array(row, object), np.eye(3)[label]) for row, label in zip(ROWS, GIVEN, strict=True)],
    ):
        np.testing.assert_array_equal(open_stream(NAMED, iter(pairs)).rows(0, 3), np.hstack([ROWS, np.eye(3)[GIVEN]]))
    values = open_stream(VALUES, iter(zip(ROWS, [1.5, 2.5, 3.5], strict=True))).rows(0, 3)
    np.testing.assert_array_equal(values[:, 2], [1.5, 2.5, 3.5])


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    rows = torch.tensor(ROWS)
    for value in (
        rows, rows.requires_grad_(), rows * 1.0, rows.double(), rows.to(torch.bfloat16), rows.detach().to_sparse(),
        torch.nn.Parameter(rows.detach()), [row for row in rows], [[one for one in row] for row in rows], rows.detach().int(),
        rows.detach().T.contiguous().T,
    ):  # fmt: skip
        np.testing.assert_array_equal(taken(value), ROWS)
    for value in (torch.tensor(GIVEN), torch.tensor(GIVEN)[:, None], torch.tensor(GIVEN).double(), torch.eye(3)[GIVEN]):
        assert labels(value) == GIVEN
    refused("it holds complex numbers", torch.ones(3, 2) * 1j)
    refused("it is a tensor without values, on the device 'meta'", torch.ones(3, 2, device="meta"))
    refused("it is a Linear", torch.nn.Linear(2, 2))


def test_frames_by_the_names_of_their_columns() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(ROWS, columns=["length", "width"], index=[7, 8, 9])
    for value in (frame, frame[["width", "length"]], frame.astype("Float64"), frame.astype(object), frame.astype("int8"),
                  frame.astype({"length": "category"}), frame.astype(pd.SparseDtype(float))):  # fmt: skip
        np.testing.assert_array_equal(taken(value, NAMED), ROWS)
    np.testing.assert_array_equal(taken(frame[["width", "length"]]), np.array(ROWS)[:, ::-1])
    np.testing.assert_array_equal(taken(frame.iloc[1][["width", "length"]], NAMED), [ROWS[1]])
    known = "allowed: length, width"
    wide = frame.assign(height=1.0)
    refused(f"input 'x0' has a column 'height' that the network does not know; {known}", wide, network=NAMED)
    refused(f"input 'x0' has no column 'width'; {known}", frame[["length"]], network=NAMED)
    other = frame.rename(columns={"width": "breadth"})
    refused(
        f"input 'x0' has no column 'width' and a column 'breadth' that the network does not know; {known}",
        other,
        network=NAMED,
    )


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["a", "b", "c"], "column 'width' holds texts such as 'a'"),
        ([1.0, None, 2.0], "column 'width' has no value in row 1"),
        (["a", None, "c"], "column 'width' has no value in row 1"),
        ([1, "b", 2], "column 'width': entry [1] is 'b', a str"),
        (np.array(["2024-01-01"] * 3, "M8[s]"), "column 'width' holds dates"),
        ([1j, 2, 3], "column 'width' holds complex numbers"),
    ],
)
def test_columns_that_hold_no_numbers(column: Any, words: str) -> None:
    pd = pytest.importorskip("pandas")
    refused(words, pd.DataFrame({"length": [1.0, 2.0, 3.0], "width": column}), network=NAMED)
    refused(words, pd.DataFrame({"length": [1.0, 2.0, 3.0], "width": column}))


def test_frames_that_cannot_be_told_apart() -> None:
    pd = pytest.importorskip("pandas")
    refused("it has two columns 'a'", pd.DataFrame(ROWS, columns=["a", "a"]))
    refused("column 'a' has no value in row 2", pd.DataFrame({"a": pd.array([1, 2, None], "Int64"), "b": [1, 2, 3]}))


def test_targets_in_frames_and_categories() -> None:
    pd = pytest.importorskip("pandas")
    names = ["cat", "wolf", "dog"]
    for value in (
        pd.Series(names), pd.DataFrame({"kind": names}), pd.Series(names, dtype="category"), pd.Categorical(names),
        pd.Categorical(names, categories=["wolf", "fox", "cat", "dog"]), pd.DataFrame({"kind": pd.Categorical(names)}),
        pd.Series(GIVEN, index=[5, 6, 7]), pd.DataFrame(np.eye(3)[GIVEN], columns=["cat", "dog", "wolf"]),
        pd.DataFrame(np.eye(3)[GIVEN][:, ::-1], columns=["wolf", "dog", "cat"]),
    ):  # fmt: skip
        assert labels(value, NAMED) == GIVEN
    assert labels(pd.Categorical(["a", "c", "b"])) == GIVEN
    assert labels(pd.Categorical(["2", "1", "0"])) == [2, 1, 0]
    refused("targets[1] is 'fox'; allowed: cat, dog, wolf", ROWS, pd.Categorical(["cat", "fox", "dog"]), network=NAMED)
    refused(
        "targets[1] has no category; allowed: cat, dog, wolf", ROWS, pd.Categorical(["cat", None, "dog"]), network=NAMED
    )
    refused("targets[0] is 'a'; allowed: 0, 1, 2", ROWS, pd.Categorical(["a", "b", "a"]))


def test_a_frame_for_several_inputs() -> None:
    pd = pytest.importorskip("pandas")
    build = NetworkBuilder()
    both = build.concat(build.input("length", 1), build.input("width", 1))
    network = build.build(output=build.dense(both, np.ones((2, 2))), loss="mse")
    frame = pd.DataFrame(ROWS, columns=["length", "width"])[["width", "length"]]
    found = check_batch(network, frame)[0]
    np.testing.assert_array_equal(np.hstack([found["length"], found["width"]]), ROWS)
    words = "inputs are one frame, but the network has inputs length, width; allowed: a mapping of these names to arrays, or a frame"
    refused(words, frame[["width"]], network=network)
