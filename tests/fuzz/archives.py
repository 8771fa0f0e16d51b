"""Archives of arrays that lie about themselves."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from hwmodels.doors import quietly
from tests.fuzz import mutate

_TYPES = (
    "<f8",
    ">f8",
    "<f4",
    "<f2",
    "<i4",
    "|u1",
    "|b1",
    "<c16",
    "|O",
    "<U4",
    "|S4",
    "|V8",
    "<M8[s]",
    "[('a', '<f8')]",
    "(3,)<f8",
    "<f16",
    "x",
)
_SIZES = (0, 1, 2, 3, 7, -1, 2**31, 2**40, 2**63, 2**64, 10**30)


def archive(rng: random.Random, seed: Mapping[str, np.ndarray]) -> bytes:
    """An ``.npz`` near that of the seed."""
    members = [(f"{name}.npy", _npy(rng, array)) for name, array in seed.items()]
    action = rng.randrange(14)
    if action == 0:
        members.append(rng.choice(members))
    elif action == 1:
        members.pop(rng.randrange(len(members)))
    elif action == 2:
        name, content = members.pop()
        members.append((rng.choice(["x", "x.npy", "../x.npy", "header.npy", "targets.npy", "a\0b", "inputs"]), content))
    elif action == 3:
        members = [(name, mutate.blob(rng, content)) for name, content in members]
    elif action == 4:
        place = rng.randrange(len(members))
        members[place] = (members[place][0], bytes(200_000))
    buffer = io.BytesIO()
    method = rng.choice([zipfile.ZIP_STORED] * 4 + [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    with quietly(), zipfile.ZipFile(buffer, "w", method) as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    made = bytearray(buffer.getvalue())
    if action == 5:
        _patch(made, 8, rng.choice([1, 9, 0x808, 99, 0xFFFF]).to_bytes(2, "little"), 6, rng)  # flags
    elif action == 6:
        _patch(made, 10, rng.choice([0, 8, 9, 12, 14, 93, 99, 0xFFFF]).to_bytes(2, "little"), 8, rng)  # method
    elif action == 7:
        _patch(made, 24, rng.choice([0, 1, 2**31, 2**32 - 1]).to_bytes(4, "little"), 22, rng)  # size
    elif action in (8, 9):
        return mutate.blob(rng, bytes(made))
    return bytes(made)


def _npy(rng: random.Random, array: np.ndarray) -> bytes:
    """A member near that of an array; most stay what they are."""
    if rng.random() < 0.7:
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()
    action = rng.randrange(6)
    kind = repr(rng.choice(_TYPES)) if action == 0 else repr(array.dtype.str)
    shape: Any = array.shape
    if action == 1:
        shape = tuple(rng.choice(_SIZES) for _ in range(rng.choice([0, 1, 2, 3, 40])))
    order = "True" if action == 2 else "False"
    header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if action == 3:
        header = mutate.text(rng, header)
    encoded = header.encode("latin-1", "replace") + b"\n"
    magic = b"\x93NUMPY" + (bytes([rng.randrange(5), rng.randrange(2)]) if action == 4 else b"\x01\x00")
    data = array.tobytes()
    if action == 5:
        data = (
            np.where(rng.random() < 0.5, array, array * np.nan if array.dtype.kind == "f" else array)
            .astype(array.dtype)
            .tobytes()
        )
    return magic + (len(encoded) % 65536).to_bytes(2, "little") + encoded + data


def _patch(made: bytearray, central: int, value: bytes, local: int, rng: random.Random) -> None:
    """Overwrite a field of a directory entry, and sometimes of the member's own header."""
    place = made.find(b"PK\x01\x02")
    if place >= 0:
        made[place + central : place + central + len(value)] = value
    if rng.random() < 0.5:
        made[local : local + len(value)] = value


def plain(members: Mapping[str, np.ndarray]) -> bytes:
    """An archive that is what it says."""
    buffer = io.BytesIO()
    np.savez(buffer, **members)  # type: ignore[arg-type]
    return buffer.getvalue()
