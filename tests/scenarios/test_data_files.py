"""Samples from tables and arrays as others write them: read right, or refused in a sentence about the real reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import Network
from emulator.cli import app
from emulator.data.tables import read_table
from emulator.errors import FileFormatError, NetworkError
from emulator.scenario.datasets import Batch, FileData

RNG = np.random.default_rng(0)
CLASSIFIER = Network.mlp([RNG.normal(size=(3, 2))], loss="softmax_cross_entropy")
TWO = Network.mlp([RNG.normal(size=(2, 2))], loss="softmax_cross_entropy")
REGRESSION = Network.mlp([RNG.normal(size=(1, 2))])
X = [[1.5, -2.0], [0.25, 4.0], [1e3, 1e-3]]


def load(folder: Path, name: str, network: Network = CLASSIFIER, **given: object) -> Batch:
    return FileData.model_validate({"source": "file", "path": name, **given}).load(network, folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "length,width,kind\n1.5,-2,cat\n0.25,4,dog\n1e3,0.001,cat\n"),
        ("a.csv", "length;width;kind\n1,5;-2;cat\n0,25;4;dog\n1e3;0,001;cat\n"),
        ("a.tsv", "length\twidth\tkind\n1.5\t-2\tcat\n0.25\t4\tdog\n1e3\t0.001\tcat\n"),
        ("a.txt", "length|width|kind\r\n1.5|-2|cat\r\n0.25|4|dog\r\n1e3|0.001|cat\r\n"),
        ("a.csv", ",length,width,kind\n0,1.5,-2,cat\n1,0.25,4,dog\n2,1e3,0.001,cat\n"),
        ("a.csv", 'kind,"width","length"\n"cat",-2,1.5\n"dog",4,0.25\n"cat",0.001,1e3\n'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_of_every_dialect(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    found = load(tmp_path, name, TWO, target="kind", features=["length", "width"])
    np.testing.assert_array_equal(found.inputs, X)
    assert found.classes == ("cat", "dog")
    np.testing.assert_array_equal(found.labels, [0, 1, 0])
    np.testing.assert_array_equal(found.targets, [0, 1, 0])


def test_without_a_header_columns_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1.5,-2,1\n0.25,4,2\n1e3,0.001,0\n")
    found = load(tmp_path, "a.csv", target="2")
    np.testing.assert_array_equal(found.inputs, X)
    np.testing.assert_array_equal(found.labels, [1, 2, 0])
    np.testing.assert_array_equal(load(tmp_path, "a.csv", REGRESSION, target="2").targets, [[1], [2], [0]])


def test_classes_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1.5,-2,cat\n0.25,4,dog\n1e3,0.001,cat\n")
    found = load(tmp_path, "a.csv", TWO, target=2)
    np.testing.assert_array_equal(found.inputs, X)
    assert found.classes == ("cat", "dog") and found.columns is None
    np.testing.assert_array_equal(load(tmp_path, "a.csv", TWO, target=2, features=[1, 0]).inputs, np.array(X)[:, ::-1])


@pytest.mark.parametrize("head", ["2019,2020,kind", "length,2020,kind", "length,width,kind"])
def test_a_header_with_numbers_in_it_is_one_where_texts_stand_above_numbers(tmp_path: Path, head: str) -> None:
    (tmp_path / "a.csv").write_text(f"{head}\n1.5,-2,1\n0.25,4,0\n")
    found = load(tmp_path, "a.csv", TWO, target="kind")
    np.testing.assert_array_equal(found.inputs, X[:2])


@pytest.mark.parametrize(
    ("text", "given", "words"),
    [
        ("a,b\n1,2\n", {"target": "c"}, "has no column 'c'; allowed: a, b"),
        (
            "a,b,c,d\n1,2,3,4\n",
            {"target": "d"},
            "has 3 columns beside the target (a, b, c); allowed: 2, as the network has inputs",
        ),
        ("a,b,k\n1,x,u\n", {"target": "k"}, "column 'b' has 'x' in row 1; allowed: numbers"),
        ("a,b,k\n1,,u\n", {"target": "k"}, "column 'b' has no value in row 1; allowed: tables without gaps"),
        ("a,b,k\n1,2\n", {"target": "k"}, "line 2 has 2 cells; allowed: 3, as the first line has"),
        ("a,a\n1,2\n", {}, "has two columns 'a'; allowed: names that differ"),
        ("a,b\n", {}, "has a header and no rows; allowed: at least one row"),
        ("\n", {}, "is empty; allowed: a table with a header"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, given: dict[str, str], words: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FileFormatError) as told:
        load(tmp_path, "a.csv", **given)
    assert words in str(told.value)


def test_scaling_follows_the_training_part(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,k\n1,5,u\n3,5,v\n")
    (tmp_path / "test.csv").write_text("a,b,k\n5,6,v\n")
    own = load(tmp_path, "train.csv", TWO, target="k", scale="standard")
    np.testing.assert_array_equal(own.inputs, [[-1, 0], [1, 0]])
    given = {"target": "k", "scale": "standard", "scaled_by": "train.csv", "classes": ["u", "v"]}
    other = load(tmp_path, "test.csv", TWO, **given)
    np.testing.assert_array_equal(other.labels, [1])
    np.testing.assert_array_equal(other.inputs, [[3, 1]])


def test_a_network_that_learned_from_standardised_inputs_takes_raw_ones(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,k\n1,5,u\n3,5,v\n")
    (tmp_path / "test.csv").write_text("b,a,k\n6,5,v\n")
    taught = load(tmp_path, "train.csv", TWO, target="k", scale="standard")
    assert TWO.scales == {} and taught.notes == ()
    taught.named(TWO).save(tmp_path / "n.npz")
    network = Network.load(tmp_path / "n.npz")
    mean, deviation = network.scales[network.inputs[0]]
    assert (list(mean), list(deviation)) == ([2, 5], [1, 1]) and "is standardised" in network.summary()
    for scale in ({}, {"scale": "standard"}):  # never by its own mean and deviation
        found = load(tmp_path, "test.csv", network, target="k", **scale)
        np.testing.assert_array_equal(found.inputs, [[3, 1]])
        assert "standardised by the mean and deviation that the network learned from" in found.notes[-1]
    np.testing.assert_array_equal(load(tmp_path, "test.csv", network, target="k", scale="none").inputs, [[5, 6]])
    np.testing.assert_array_equal(network.standardised([[5, 6]]), [[3, 1]])
    named = network.standardised({network.inputs[0]: [[5, 6]]})
    np.testing.assert_array_equal(named[network.inputs[0]], [[3, 1]])
    with pytest.raises(NetworkError, match=r"what is standardised has shape \(1, 3\); allowed: \(samples, 2\)"):
        network.standardised([[5, 6, 7]])
    assert taught.named(network).digest == network.digest  # what it has of its own stays


@pytest.mark.parametrize(
    "names", [("inputs", "targets"), ("X", "y"), ("x", "y"), ("data", "target"), ("images", "labels")]
)
def test_arrays_under_the_names_that_others_use(tmp_path: Path, names: tuple[str, str]) -> None:
    np.savez(tmp_path / "a.npz", **{names[0]: np.array(X)[:, :, None], names[1]: np.array([[0], [2], [1]])})
    found = load(tmp_path, "a.npz")
    np.testing.assert_array_equal(found.inputs, X)
    np.testing.assert_array_equal(found.labels, [0, 2, 1])


@pytest.mark.parametrize(
    ("targets", "labels"),
    [
        (np.array([0.0, 2.0, 1.0]), [0, 2, 1]),
        (np.array([True, False, True]), [1, 0, 1]),
        (np.array([-1.0, 1.0, -1.0]), [0, 1, 0]),
        (np.eye(3)[[2, 0, 1]], [2, 0, 1]),
    ],
)
def test_labels_in_other_forms(tmp_path: Path, targets: np.ndarray, labels: list[int]) -> None:
    np.savez(tmp_path / "a.npz", pixels=X, kind=targets)
    network = CLASSIFIER if max(labels) == 2 else TWO
    np.testing.assert_array_equal(load(tmp_path, "a.npz", network, inputs="pixels", targets_in="kind").labels, labels)


def test_single_arrays_and_missing_names(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(X, np.float32))
    found = load(tmp_path, "a.npy")
    np.testing.assert_array_equal(found.inputs, np.array(X, np.float32))
    assert found.targets is None
    np.save(tmp_path / "b.npy", np.array(["x"], object), allow_pickle=True)
    with pytest.raises(FileFormatError, match="of numbers: the file has type"):
        load(tmp_path, "b.npy")
    np.savez(tmp_path / "c.npz", pixels=X)
    with pytest.raises(FileFormatError, match="has no array 'inputs'; arrays: pixels"):
        load(tmp_path, "c.npz")


def test_parquet_needs_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(FileFormatError, match="needs the packages 'pandas' and 'pyarrow'; allowed: pip install"):
        read_table(tmp_path / "a.parquet")


def test_predictions_are_written_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = Network.mlp([[[1.0, 0.0], [0.0, 1.0]]], loss="softmax_cross_entropy")
    network.save("net.npz")
    Path("a.csv").write_text("a,b,kind\n2,0,=cat\n0,2,dog\n3,0,dog\n")
    Path("s.toml").write_text(
        'title = "mine"\n[network]\nsource = "file"\npath = "net.npz"\n[data]\nsource = "file"\npath = "a.csv"\ntarget = "kind"\n'
        '[run]\ntarget = "numpy"\npictures = 0\n'
    )
    done = CliRunner().invoke(app, ["run", "s.toml", "--out", "out"])
    assert done.exit_code == 0
    lines = Path("out/predictions.csv").read_text().splitlines()
    assert lines[0] == "sample,settled,target,prediction,probability"
    assert [line.split(",")[:4] for line in lines[1:]] == [
        ["0", "True", "'=cat", "'=cat"], ["1", "True", "dog", "dog"], ["2", "True", "dog", "'=cat"],
    ]  # fmt: skip
    assert float(lines[1].split(",")[4]) == pytest.approx(1 / (1 + np.exp(-2)))


def test_numbers_of_both_decimal_signs_are_told_apart(tmp_path):
    from emulator.data.tables import read_table
    from emulator.errors import FileFormatError

    path = tmp_path / "t.csv"
    path.write_text("a;b\n1.5;2\n1,5;3\n")
    with pytest.raises(
        FileFormatError, match="column 'a' has '1,5' in row 2 among numbers with decimal points; allowed: points or"
    ):
        read_table(path).numbers(["a"])
