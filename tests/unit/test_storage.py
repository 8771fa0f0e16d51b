"""Network files: round trips, atomic writing, size limits."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import FileFormatError, NetworkError
from emulator.network import Activation, Concat, Dense, Input, Network
from tests.graphs import networks
from tests.refusals import refuses


@pytest.fixture
def net() -> Network:
    return Network.mlp([np.arange(6.0).reshape(2, 3) / 7.0], [[0.1, -0.2]], loss="softmax_cross_entropy")


@settings(max_examples=20, deadline=None)
@given(net=networks())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, net: Network) -> None:
    path = tmp_path_factory.mktemp("store") / "net.npz"
    net.save(path)
    loaded = Network.load(path)
    assert loaded == net
    assert list(loaded) == list(net)
    assert loaded.layers == net.layers


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.text(min_size=1), min_size=4, max_size=4, unique=True))
def test_any_name_survives(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    x, s, a, y = names
    layers = [Input(x, 2), Dense(s, x, np.eye(2), np.ones(2)), Activation(a, s, "leaky_relu", 0.3)]
    net = Network([*layers, Concat(y, (a, x))])
    path = tmp_path_factory.mktemp("store") / "net.npz"
    net.save(path)
    assert Network.load(path) == net
    assert sorted(zipfile.ZipFile(path).namelist()) == ["array_0.npy", "array_1.npy", "header.npy"]


@pytest.mark.parametrize("name", ["header", "array_0", "../../x", "a\0b", "\ud800", "schön ☃", "kind"])
def test_awkward_names(tmp_path: Path, name: str) -> None:
    net = Network([Input(name, 1), Dense("y", name, np.ones((2, 1)), np.zeros(2))])
    net.save(tmp_path / "net.npz")
    assert Network.load(tmp_path / "net.npz") == net


def test_numpy_reads_the_file_without_pickle(tmp_path: Path, net: Network) -> None:
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as members:
        header = json.loads(members["header"].tobytes())
        np.testing.assert_array_equal(members["array_0"], net.parameters["s1"].weight)
    assert header["version"] == 1
    assert header["layers"][1]["weight"] == {"array": 0, "shape": [2, 3]}


def test_path_is_taken_as_given(tmp_path: Path, net: Network) -> None:
    net.save(str(tmp_path / "net.model"))
    assert Network.load(str(tmp_path / "net.model")) == net
    assert os.listdir(tmp_path) == ["net.model"]


def test_failed_save_keeps_the_old_file(tmp_path: Path, net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.npz"
    net.save(path)

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        Network.mlp([np.ones((1, 1))]).save(path)
    assert os.listdir(tmp_path) == ["net.npz"]
    assert Network.load(path) == net


def test_save_overwrites(tmp_path: Path, net: Network) -> None:
    path = tmp_path / "net.npz"
    Network.mlp([np.ones((1, 1))]).save(path)
    net.save(path)
    assert Network.load(path) == net


def test_missing_file_stays_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "none.npz")


def test_files_say_nothing_of_devices_where_all_are_there(tmp_path: Path, net: Network) -> None:
    """Files and digests of networks with all devices are what they were before layers could lack some."""
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        header = json.loads(file["header"].tobytes())
    described = next(layer for layer in header["layers"] if layer["kind"] == "Dense")
    assert set(described) == {"kind", "name", "source", "weight", "bias"}
    assert net.digest == "71b308a3536241e80b60e7f3da3c32ce36decb1bceec1f633a3ebc5cf0be95c7"


def test_devices_and_fixed_layers_are_kept(tmp_path: Path) -> None:
    mask = np.array([[True, False, True], [False, False, True]])
    layers = [Input("x", 3), Dense("s", "x", np.where(mask, 0.5, 0.0), np.zeros(2), mask, trainable=False)]
    net = Network(layers)
    others = [
        Network([layers[0], Dense("s", "x", np.where(mask, 0.5, 0.0), np.zeros(2), *rest)])
        for rest in ((), (mask,), (None, False))
    ]
    assert len({each.digest for each in [net, *others]}) == 4
    for each in [net, *others]:
        each.save(tmp_path / "net.npz")
        again = Network.load(tmp_path / "net.npz")
        assert again == each
        assert again.layers == each.layers
        assert hash(again) == hash(each)
        assert pickle.loads(pickle.dumps(each)) == each
    dense = net.dense["s"]
    assert dense.devices is not None
    assert not dense.devices.flags.writeable
    assert dense != others[0].dense["s"] and others[0].dense["s"] != dense


def test_a_mask_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    Network([Input("x", 2), Dense("s", "x", np.zeros((2, 2)), np.zeros(2), np.eye(2, dtype=bool))]).save(path)
    with np.load(path) as file:
        members = dict(file)
    number = next(name for name, array in members.items() if array.dtype == bool)
    wild = members[number].view(np.uint8) * 7
    np.savez(path, **(members | {number: wild.view(bool)}))
    refuses("file", lambda: Network.load(path), FileFormatError)
    header = members["header"].tobytes()
    for old, new, words in ((b'"bool"', b'"long"', "type"), (b'"trainable"', b'"trainably"', "keys")):
        if old not in header:
            continue
        text = np.frombuffer(header.replace(old, new), dtype=np.uint8)
        np.savez(path, **(members | {"header": text}))
        with pytest.raises(FileFormatError, match=words):
            Network.load(path)


def test_a_scale_of_an_input_is_kept_and_one_that_is_none_is_refused(tmp_path: Path) -> None:
    net, path = Network.mlp([np.eye(3)[:2]]), tmp_path / "net.npz"
    mean, deviation = np.arange(3) / 3, np.arange(3) + 0.1
    scaled = net.altered(scales={"x0": (mean, deviation)})
    scaled.save(path)
    again = Network.load(path)
    assert again == scaled != net and again.digest == scaled.digest != net.digest
    np.testing.assert_array_equal(again.scales["x0"].mean, mean)
    np.testing.assert_array_equal(again.scales["x0"].deviation, deviation)
    assert not again.scales["x0"].mean.flags.writeable
    cases = [
        ([], "scales are []; allowed: a mapping"),
        ({"nowhere": (mean, deviation)}, "scales: no input 'nowhere'"),
        ({"x1": (mean, deviation)}, "scales: no input 'x1'"),
        ({"x0": 1}, "scales of input 'x0' are 1; allowed: a mean and a deviation"),
        ({"x0": (mean, 0 * deviation)}, "deviation is 0; allowed: above 0"),
        ({"x0": (mean[1:], deviation)}, "are of 2 and 3 numbers; allowed: 3 each"),
        ({"x0": (mean, deviation * np.nan)}, "is nan; allowed: finite numbers"),
    ]
    for wrong, words in cases:
        with pytest.raises(NetworkError) as told:
            net.altered(scales=wrong)
        assert words in str(told.value)
    with np.load(path) as file:
        members = dict(file)
    header = json.loads(members["header"].tobytes())
    for strange, words in (
        (7, "header: scales are 7; allowed: an object"),
        ({"x0": [1]}, "scales['x0'] is [1]; allowed: an object"),
        ({"x0": {"mean": [1]}}, "has keys ['mean']; allowed: ['deviation', 'mean']"),
        ({"x0": {"mean": "x", "deviation": {}}}, "must be an array of real numbers"),
        ({"x0": {"mean": [[1, 2, 3]], "deviation": [1, 1, 1]}}, "mean has shape (1, 3); allowed: 1 non-empty axes"),
    ):
        text = np.frombuffer(json.dumps(header | {"scales": strange}).encode(), dtype=np.uint8)
        np.savez(path, **(members | {"header": text}))
        with pytest.raises(FileFormatError) as refused:
            Network.load(path)
        assert words in str(refused.value)
