"""What strangers may put before a loader, and the sentence that it gets."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.archives import LIMIT, open_archive, read_arrays
from emulator.errors import BackwaveError, FileFormatError, ScenarioError
from emulator.network import Network
from emulator.scenario import load_scenario
from emulator.scenario.datasets import FileData
from emulator.study.load import load_study
from emulator.training import checkpoint
from emulator.training.streams import read_samples
from hwmodels import HardwareError, HardwareModel
from hwmodels.doors import DEEPEST, RefusedError, parse_json, parse_toml, read_bytes, read_measured
from hwmodels.units import parse
from tests.refusals import refuses

NETWORK = Network.mlp([np.ones((2, 3))])


def data(path: Path) -> Any:
    return FileData(source="file", path=str(path)).load(NETWORK, path.parent)


def words_of(action: Callable[[], object]) -> str:
    with pytest.raises((BackwaveError, HardwareError, RefusedError)) as caught:
        action()
    return str(caught.value)


def special(folder: Path, kind: str) -> Path:
    """Something that has a name and is no file."""
    path = folder / f"{kind}.npz"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        return Path("/dev/zero")
    return path


@pytest.mark.parametrize(
    ("kind", "words"), [("folder", "is a folder"), ("pipe", "is a pipe"), ("device", "is a device")]
)
def test_only_files_are_read(tmp_path: Path, kind: str, words: str) -> None:
    """A pipe that nobody writes to would be waited for, and a device never ends."""
    path = special(tmp_path, kind)
    for read in (read_bytes, read_measured, read_arrays, read_samples, Network.load, HardwareModel.from_toml):
        assert f"{words}; allowed: a file" in words_of(lambda read=read: read(path))  # type: ignore[misc]


def test_files_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    assert "has more than 1,048,576 bytes" in words_of(lambda: load_scenario(path))
    assert "has more than 1,048,576 bytes" in words_of(lambda: HardwareModel.from_toml(path))
    assert "has more than 67,108,864 bytes" in words_of(lambda: read_measured(path))


DIGITS = "9" * 5000
TOO_DEEP = f"is nested more than {DEEPEST} deep"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a = {'[' * 50_000}", "it is nested too deep"),
        (f"a = {'[' * 70}{']' * 70}", TOO_DEEP),
        (".".join("a" * 200) + " = 1", TOO_DEEP),
        (f"a = {DIGITS}", "Exceeds the limit"),
        (f"a = {'9' * 30}", "holds a whole number of 100 bits; allowed: at most 64"),
    ],
)
def test_toml_is_bounded(tmp_path: Path, text: str, words: str) -> None:
    assert words in words_of(lambda: parse_toml(text))
    path = tmp_path / "a.toml"
    path.write_text(text)
    assert words in words_of(lambda: load_scenario(path))
    assert words in words_of(lambda: HardwareModel.from_toml(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "it is nested too deep"),
        ("[" * 80 + "]" * 80, TOO_DEEP),
        (DIGITS, "Exceeds the limit"),
        ("1" + "0" * 400, "holds a whole number of 1329 bits"),
        (b"\xff{}", "can't decode"),
        ("{", "Expecting"),
    ],
)
def test_json_is_bounded(text: str | bytes, words: str) -> None:
    assert words in words_of(lambda: parse_json(text))


@pytest.mark.parametrize(
    "text", ["1e99999999999999999999 s", "1e999999999999999999 s", f"{DIGITS} s", "1e-99999999999999999999 s"]
)
def test_quantities_are_bounded(text: str) -> None:
    assert words_of(lambda: parse(text, "s"))


def test_overrides_that_are_no_toml_are_texts_and_never_a_traceback() -> None:
    for value in ("[" * 5000, DIGITS, "{a=" * 2000, "\0", "inf", "-inf", "nan"):
        with pytest.raises(ScenarioError, match=r"run\.seed is "):
            load_scenario("digits", [f"run.seed={value}"])
    with pytest.raises(ScenarioError, match=r"hardware\.model"):
        load_scenario("digits", ["hardware=~nosuchuser/a.toml"]).config.hardware.build(Path())
    with pytest.raises(ScenarioError, match="there is no scenario file"):
        load_scenario("~nosuchuser/a.toml")
    with pytest.raises(ScenarioError, match="there is no scenario file"):
        load_scenario("a\0b/c.toml")


def archive(path: Path, method: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", method) as zipped:
        for name, content in members.items():
            zipped.writestr(f"{name}.npy", content)
    return path


def npy(array: Any, **header: Any) -> bytes:
    """A member, with parts of its header replaced."""
    array = np.asarray(array)
    if not header:
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape, **header}
    )
    return buffer.getvalue() + array.tobytes()


def test_a_bomb_is_refused_before_it_expands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred bytes of file that claim half a megabyte of zeros; the claim is enough to refuse them."""
    path = archive(tmp_path / "bomb.npz", zipfile.ZIP_DEFLATED, inputs=npy(np.zeros(1 << 16)))
    monkeypatch.setenv(LIMIT, "100000")
    refuses(
        f"file '{path}' is not an .npz file of plain arrays: member 'inputs.npy' expands to 524,288 bytes, more than the "
        "100,000 that are left for the arrays of this file; allowed: uncompressed members, or a larger BACKWAVE_MOST_BYTES",
        lambda: data(path),
        FileFormatError,
    )
    assert path.stat().st_size < 5000
    monkeypatch.setenv(LIMIT, "600000")
    assert data(path).inputs.shape == (1, 1 << 16)
    monkeypatch.setenv(LIMIT, "many")
    assert "BACKWAVE_MOST_BYTES is 'many'; allowed: a whole number of bytes" in words_of(lambda: data(path))


def test_the_limit_is_that_of_all_arrays_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(
        tmp_path / "a.npz", zipfile.ZIP_DEFLATED, inputs=npy(np.zeros((100, 100))), targets=npy(np.zeros((100, 100)))
    )
    monkeypatch.setenv(LIMIT, "100000")
    assert "expands to 80,000 bytes, more than the 20,000 that are left" in words_of(lambda: read_samples(path))


def test_what_a_file_holds_uncompressed_is_always_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT, "10")
    np.savez(tmp_path / "a.npz", inputs=np.ones((5, 3)), targets=np.ones((5, 2)))
    assert data(tmp_path / "a.npz").inputs.shape == (5, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(np.array(["a", "b"])), "has type <U1; allowed: numbers"),
        (npy(np.array([1 + 1j])), "has type complex128; allowed: numbers"),
        (npy(np.zeros(3, dtype=[("a", "<f8")])), "has type [('a', '<f8')]; allowed: numbers"),
        (npy(np.zeros(3), descr="|O"), "has type object; allowed: numbers"),
        (npy(np.zeros(3), shape=(-3,)), "has shape (-3,); allowed: sizes of at least 0"),
        (npy(np.zeros(3), shape=(10**30,)), "and holds 24"),
        (npy(np.zeros(3), shape=(2,)), "has shape (2,) of 16 bytes and holds 24"),
        (npy(np.zeros(3))[:-1], "has shape (3,) of 24 bytes and holds 23"),
        (b"\x93NUMPY\x03\x00" + npy(np.zeros(3))[8:], "has npy version (3, 0); allowed: (1, 0), (2, 0)"),
        (b"\x93NUMPY\x01\x00\x10\x27" + b"[" * 9999 + b"\n", ""),
        (b"nothing", ""),
        (b"", ""),
    ],
)
def test_members_that_lie_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = archive(tmp_path / "a.npz", inputs=content)
    said = words_of(lambda: data(path))
    assert said.startswith(f"file '{path}' is not an .npz file of plain arrays: ") and words in said


def test_byte_and_memory_order_do_not_matter(tmp_path: Path) -> None:
    values = np.arange(15.0).reshape(5, 3)
    for made in (
        values.astype(">f8"),
        np.asfortranarray(values),
        values.astype("<f4"),
        values.astype(">i2"),
        values.astype("<f2"),
    ):
        np.savez_compressed(tmp_path / "a.npz", inputs=made)
        np.testing.assert_array_equal(data(tmp_path / "a.npz").inputs, values)


@pytest.mark.parametrize(
    ("method", "words"),
    [(zipfile.ZIP_BZIP2, "is compressed by method 12; allowed: stored or deflated"), (zipfile.ZIP_LZMA, "method 14")],
)
def test_other_compressions_are_named(tmp_path: Path, method: int, words: str) -> None:
    path = archive(tmp_path / "a.npz", method, inputs=npy(np.zeros(3)))
    assert words in words_of(lambda: data(path))


def patched(path: Path, central: int, local: int, value: bytes) -> Path:
    """A field of the only member replaced, in both its headers."""
    made = bytearray(archive(path, inputs=npy(np.zeros(3))).read_bytes())
    place = made.index(b"PK\x01\x02")
    made[place + central : place + central + len(value)] = value
    made[local : local + len(value)] = value
    path.write_bytes(made)
    return path


def test_unknown_compression_and_encryption_are_named(tmp_path: Path) -> None:
    path = patched(tmp_path / "a.npz", 10, 8, (93).to_bytes(2, "little"))
    assert "is compressed by method 93" in words_of(lambda: data(path))
    path = patched(tmp_path / "b.npz", 8, 6, (1).to_bytes(2, "little"))
    assert "is encrypted; allowed: members without a password" in words_of(lambda: data(path))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as zipped:
        for value in (0.0, 1.0):
            zipped.writestr("inputs.npy", npy(np.full(3, value)))
    assert "it has two members 'inputs.npy'; allowed: one of each name" in words_of(lambda: data(path))
    with pytest.raises(RefusedError), open_archive(path):
        pass


@pytest.mark.parametrize("name", ["position", "stretches", "stale", "events", "first_loss", "late_loss", "seconds"])
def test_checkpoints_whose_numbers_are_none_are_refused(tmp_path: Path, name: str) -> None:
    from emulator.training.history import History

    path, state, history = tmp_path / "c.npz", {"w": np.ones(2)}, History()
    history.add(samples=1.0)
    progress = checkpoint.Progress(
        state=state, position=1, stretches=1, history=history, first_loss=1.0, late_loss=1.0, best={}, stale=0,
        seconds=0.5, events=7,
    )  # fmt: skip
    checkpoint.save(path, {}, progress)
    assert checkpoint.load(path, {}, state).position == 1
    setattr(progress, name, "x" if not name.endswith("loss") else [1])
    checkpoint.save(path, {}, progress)
    assert f"checkpoint '{path}' has {name} " in words_of(lambda: checkpoint.load(path, {}, state))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("repeats.chips=1000000", "the study has 256,000,000 points; allowed: at most 1,000,000"),
        ("repeats.chips=1000000000", "repeats.chips is 1000000000; allowed: whole numbers from 1 to 1000000"),
        ("sampling.points=1099511627776", "sampling.points is 1099511627776; allowed: whole numbers from 1 to 1000000"),
    ],
)
def test_studies_are_bounded_before_they_are_planned(override: str, words: str) -> None:
    assert words in words_of(lambda: load_study("robustness", [override]))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "network.sizes=[9223372036854775807, 3]",
            "network.sizes[0] is 9223372036854775807; allowed: whole numbers from 1 to 10000000",
        ),
        (
            "data.samples=9223372036854775807",
            "data.samples is 9223372036854775807; allowed: whole numbers from 1 to 1000000000",
        ),
    ],
)
def test_sizes_are_bounded(tmp_path: Path, override: str, words: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text('title = "a"\n[network]\nsource = "random-mlp"\nsizes = [3, 2]\n[data]\nsource = "random"\n')
    assert words in words_of(lambda: load_scenario(path, [override]))


@pytest.mark.parametrize("hold", [1e12, 1e300, 1.7e308])
def test_holds_are_bounded(hold: float) -> None:
    from emulator import compile_network, settle

    assert "steps; allowed: at most 1e+09 steps" in words_of(
        lambda: settle(compile_network(NETWORK), np.ones((1, 3)), np.ones((1, 2)), hold=hold)
    )


@pytest.mark.parametrize("number", [0.0, False, -0.0])
def test_arrays_are_referred_to_by_whole_numbers(number: float) -> None:
    from emulator.network.encoding import array_members

    layer = {
        "kind": "Dense",
        "name": "a",
        "source": "x",
        "weight": {"array": number, "shape": [1, 1]},
        "bias": {"array": 1, "shape": [1]},
    }
    assert f"refers to array {number}; allowed: 0" in words_of(lambda: array_members({"layers": [layer]}))
