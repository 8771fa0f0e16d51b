"""Every error of network files, with its words."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.errors import FileFormatError
from emulator.network import Network
from tests.refusals import refuses

W = np.arange(6, dtype=np.float64).reshape(2, 3)
Members = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "net.npz"
    Network.mlp([W]).save(target)
    return target


def rewrite(path: Path, change: Callable[[Members], object]) -> None:
    with np.load(path) as archive:
        members = dict(archive)
    change(members)
    np.savez(path, allow_pickle=True, **members)


def rewrite_header(path: Path, change: Callable[[Any], object]) -> None:
    def apply(members: Members) -> None:
        header = json.loads(members["header"].tobytes())
        change(header)
        members["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)

    rewrite(path, apply)


def refuses_file(path: Path, words: str) -> None:
    refuses(f"file '{path}'{words}", lambda: Network.load(path), FileFormatError)


def expanded(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())


DAMAGED = " is not a network file or is damaged: "


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04"])
def test_not_a_zip(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refuses_file(path, DAMAGED)


def test_plain_npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, W)
    refuses_file(path, DAMAGED)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_truncated(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refuses_file(path, DAMAGED)


def test_flipped_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(4.0).tobytes())] ^= 1
    path.write_bytes(content)
    refuses_file(path, DAMAGED)


def test_any_damage_is_a_file_format_error(path: Path) -> None:
    whole = path.read_bytes()
    rng = np.random.default_rng(4)
    original = Network.load(path)
    for _ in range(300):
        content = bytearray(whole)
        for position in rng.integers(0, len(whole), 3):
            content[position] = int(rng.integers(0, 256))
        path.write_bytes(content)
        try:
            assert Network.load(path) == original  # the bytes changed carry no data
        except FileFormatError:
            continue


def test_missing_header(path: Path) -> None:
    rewrite(path, lambda members: members.pop("header"))
    refuses_file(path, ": no member 'header.npy'; members: array_0.npy, array_1.npy")


def test_empty_archive(path: Path) -> None:
    zipfile.ZipFile(path, "w").close()
    refuses_file(path, ": no member 'header.npy'; members: none")


def test_header_is_not_json(path: Path) -> None:
    rewrite(path, lambda members: members.update(header=np.frombuffer(b"{", np.uint8)))
    refuses_file(path, ": header is not JSON: ")


def test_header_nested_too_deep(path: Path) -> None:
    rewrite(path, lambda members: members.update(header=np.frombuffer(b"[" * 100_000, np.uint8)))
    refuses_file(path, ": header is not JSON: ")


def test_header_of_another_format(path: Path) -> None:
    rewrite_header(path, lambda header: header.update(format="other"))
    refuses_file(path, ": header has no format 'backwave-network'; allowed: files written by Network.save")


def test_header_version(path: Path) -> None:
    rewrite_header(path, lambda header: header.update(version=2))
    refuses_file(path, ": header has version 2; allowed: 1")


def test_header_keys(path: Path) -> None:
    rewrite_header(path, lambda header: header.pop("loss"))
    refuses_file(path, ": header has keys ['format', 'layers', 'output', 'version']; allowed: ['format', ")


def test_header_layers_are_a_list(path: Path) -> None:
    rewrite_header(path, lambda header: header.update(layers=3))
    refuses_file(path, ": header: layers are 3; allowed: a list")


def test_layer_description_is_an_object(path: Path) -> None:
    rewrite_header(path, lambda header: header["layers"].append("x"))
    refuses_file(path, ": header: layers[3] is 'x'; allowed: an object")


@pytest.mark.parametrize("kind", ["Danse", ["Dense"], None])
def test_layer_kind(path: Path, kind: object) -> None:
    rewrite_header(path, lambda header: header["layers"][1].update(kind=kind))
    refuses_file(path, f": header: layers[1]: no kind {kind!r}")


def test_layer_keys(path: Path) -> None:
    rewrite_header(path, lambda header: header["layers"][2].pop("slope"))
    refuses_file(path, ": header: layers[2] has keys ['function', 'kind', 'name', 'source']; allowed: ")


def test_array_number(path: Path) -> None:
    rewrite_header(path, lambda header: header["layers"][1]["bias"].update(array=0))
    refuses_file(path, ": header: layers[1].bias refers to array 0; allowed: 1")


def test_array_reference_shape(path: Path) -> None:
    rewrite_header(path, lambda header: header["layers"][1]["bias"].update(shape=[-1]))
    refuses_file(path, ": header: layers[1].bias has shape [-1]; allowed: a list of positive whole numbers")


def test_missing_array(path: Path) -> None:
    rewrite(path, lambda members: members.pop("array_1"))
    refuses_file(path, ": members are array_0.npy, header.npy; allowed: array_0.npy, array_1.npy, header.npy")


def test_extra_array(path: Path) -> None:
    rewrite(path, lambda members: members.update(array_2=W))
    refuses_file(path, ": members are array_0.npy, array_1.npy, array_2.npy, header.npy; allowed: ")


def test_array_type(path: Path) -> None:
    rewrite(path, lambda members: members.update(array_0=W.astype(np.float32)))
    refuses_file(path, ": member 'array_0.npy' has type float32; allowed: float64")


def test_object_array(path: Path) -> None:
    rewrite(path, lambda members: members.update(array_0=np.array([print, None], dtype=object)))
    refuses_file(path, ": member 'array_0.npy' has type object; allowed: float64")


def test_array_shape(path: Path) -> None:
    rewrite(path, lambda members: members.update(array_0=W.T.copy()))
    refuses_file(path, ": member 'array_0.npy' has shape (3, 2); allowed: (2, 3) in C order")


def test_array_order(path: Path) -> None:
    rewrite(path, lambda members: members.update(array_0=np.asfortranarray(W)))
    refuses_file(path, ": member 'array_0.npy' has shape (2, 3) in Fortran order; allowed: (2, 3) in C order")


def test_npy_version(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive, archive.open("header.npy", "w") as member:
        npy: Any = np.lib.format
        npy.write_array(member, np.zeros(1, np.uint8), version=(2, 0))
    refuses_file(path, ": member 'header.npy' has npy version (2, 0); allowed: (1, 0)")


def test_claimed_size_is_refused_before_reading(path: Path) -> None:
    rewrite(path, lambda members: members.update(array_0=np.zeros((2000, 2000))))
    with np.load(path) as archive:
        np.savez_compressed(path.with_name("small.npz"), **archive)
    assert path.with_name("small.npz").stat().st_size < 100_000
    refuses_file(path.with_name("small.npz"), ": members hold 32000")


def test_compressed_members_even_if_no_larger(path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(2, 3))
    rewrite(path, lambda members: members.update(array_0=noise))
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            method = zipfile.ZIP_DEFLATED if name == "array_0.npy" else zipfile.ZIP_STORED
            archive.writestr(name, content, method)
    assert expanded(path) <= path.stat().st_size
    words = f": members hold {expanded(path)} bytes in a file of {path.stat().st_size}; allowed: apart"
    refuses_file(path, words + " and uncompressed")


def test_members_that_share_their_bytes(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        largest = archive.getinfo("header.npy").file_size
    content = path.read_bytes()
    directory = content.rindex(b"PK\x01\x02")
    lying = content[: directory + 24] + (10 * largest).to_bytes(4, "little") + content[directory + 28 :]
    path.write_bytes(lying)
    refuses_file(path, f": members hold {expanded(path)} bytes in a file of {len(lying)}; allowed: apart")


def test_stored_nan(path: Path) -> None:
    rewrite(path, lambda members: members.update(array_0=np.where(W == 4.0, np.nan, W)))
    refuses_file(path, ": layer 's1': weight[1, 1] is nan; allowed: finite numbers")


def test_stored_layers_form_no_network(path: Path) -> None:
    rewrite_header(path, lambda header: header["layers"][2].update(source="s2"))
    refuses_file(path, ": layer 'x1': no source 's2'; allowed: x0, s1, x1")


def test_stored_loss(path: Path) -> None:
    rewrite_header(path, lambda header: header.update(loss=["mse"]))
    refuses_file(path, ": no loss ['mse'] (did you mean 'mse'?); allowed: ")
