"""Names of the components of layers: kept, stored, part of what a network is, and refused where they do not fit."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from emulator import Network, compile_network
from emulator.errors import FileFormatError
from tests.refusals import refuses

PLAIN = Network.mlp([np.ones((3, 2))], loss="softmax_cross_entropy")
NAMES = {"x0": ("length", "width"), "x1": ("cat", "dog", "wolf")}
NAMED = PLAIN.named(NAMES)


def test_names_go_everywhere_with_the_network(tmp_path: Path) -> None:
    NAMED.save(tmp_path / "n.npz")
    for same in (
        Network.load(tmp_path / "n.npz"),
        pickle.loads(pickle.dumps(NAMED)),
        compile_network(NAMED).network,
        compile_network(NAMED, loss="softmax_cross_entropy").network,
        NAMED.with_parameters({"s1": (np.ones((3, 2)), np.zeros(3))}),
    ):
        assert dict(same.names) == NAMES
        assert same == NAMED
    assert dict(NAMED.named({"x1": None}).names) == {"x0": ("length", "width")}


def test_a_network_without_names_is_what_it_was(tmp_path: Path) -> None:
    assert PLAIN != NAMED
    assert NAMED.named(dict.fromkeys(NAMES)) == PLAIN
    assert PLAIN.digest.startswith("a6b6fda8e247a6e0")
    PLAIN.save(tmp_path / "p.npz")
    assert b"names" not in np.load(tmp_path / "p.npz")["header"].tobytes()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"x9": ["a"]}, "names: no layer 'x9'; allowed: x0, s1, x1"),
        ({"x0": ["a"]}, "names of layer 'x0' are ['a']; allowed: 2 different texts"),
        ({"x0": ["a", "a"]}, "names of layer 'x0' are ['a', 'a']; allowed: 2 different texts"),
        ({"x0": "ab"}, "names of layer 'x0' are 'ab'; allowed: 2 different texts"),
        ({"x0": [1, 2]}, "names of layer 'x0' are [1, 2]; allowed: 2 different texts"),
        ({"x0": 3}, "names of layer 'x0' are 3; allowed: 2 different texts"),
    ],
)
def test_names_that_do_not_fit(names: dict, words: str) -> None:
    refuses(words, lambda: PLAIN.named(names))


def test_names_in_a_file_are_checked(tmp_path: Path) -> None:
    NAMED.save(tmp_path / "n.npz")
    with np.load(tmp_path / "n.npz") as found:
        members = dict(found)
    text = members["header"].tobytes().replace(b'["length","width"]', b'["length",["x"]]')
    members["header"] = np.frombuffer(text, np.uint8)
    np.savez(tmp_path / "n.npz", **members)
    with pytest.raises(FileFormatError, match=r"names of layer 'x0' are .*; allowed: 2 different texts"):
        Network.load(tmp_path / "n.npz")


def test_models_of_scikit_learn_bring_their_names() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"b": [0.0, 1.0, 2.0, 3.0], "a": [1.0, 0.0, 3.0, 1.0]})
    model = LogisticRegression().fit(frame, ["yes", "no", "yes", "no"])
    assert dict(Network.from_sklearn(model).names) == {"x0": ("b", "a"), "x1": ("no", "yes")}
    model = LogisticRegression().fit(frame.to_numpy(), [0, 1, 0, 1])
    assert dict(Network.from_sklearn(model).names) == {}
