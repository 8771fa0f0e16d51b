"""Network files: an uncompressed ``.npz`` holding a JSON header and plain arrays of
float64 and truth values, nothing executable.

Members are ``header.npy`` (the UTF-8 bytes of the header) and ``array_0.npy``, ``array_1.npy``, ... Sizes,
types and shapes are checked against the header before any data is read, so that a small file cannot claim a
large memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emulator.archives import Archive, UnsuitableError, open_archive
from emulator.errors import FileFormatError, NetworkError
from emulator.files import atomic_write
from emulator.network.encoding import (
    Settings,
    array_members,
    decode_layers,
    decode_settings,
    encode,
    parse_header,
    stored_type,
)
from emulator.network.layers import Layer
from hwmodels.doors import RefusedError


class Stored(NamedTuple):
    """What a network file holds: the arguments of `Network`."""

    layers: list[Layer]
    settings: Settings


def write(path: Path, layers: Iterable[Layer], settings: Settings) -> None:
    """Write a network file; `path` is replaced only once the new file is complete.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    header, arrays = encode(layers, settings)
    members: dict[str, Any] = {
        f"array_{number}": array.astype(stored_type(array)) for number, array in enumerate(arrays)
    }
    members["header"] = np.frombuffer(header, dtype=np.uint8)
    atomic_write(path, lambda file: np.savez(file, **members))


def read(path: Path) -> Stored:
    """Read a network file.

    Raises
    ------
    FileFormatError
        If the file is not a zip archive, is damaged or truncated, lacks or exceeds the members its header
        names, or if the version, an array, or a layer is invalid.
    OSError
        If the file cannot be opened.
    """
    try:
        with open_archive(path) as archive:
            return _read_archive(archive)
    except (FileFormatError, NetworkError, UnsuitableError) as error:
        raise FileFormatError(f"file '{path}': {error}") from error
    except RefusedError as error:
        raise FileFormatError(f"file '{path}' is not a network file or is damaged: {error}") from error


def _read_archive(archive: Archive) -> Stored:
    if archive.expanded > archive.size or archive.compressed:
        raise FileFormatError(
            f"members hold {archive.expanded} bytes in a file of {archive.size}; allowed: apart and uncompressed"
        )
    names = sorted(member.filename for member in archive.members)
    if "header.npy" not in names:
        raise FileFormatError(f"no member 'header.npy'; members: {_listed(names)}")
    header = parse_header(archive.read("header", dtype=np.dtype(np.uint8), axes=1).tobytes())
    described = array_members(header)
    expected = sorted(["header.npy", *(f"array_{number}.npy" for number in range(len(described)))])
    if names != expected:
        raise FileFormatError(f"members are {_listed(names)}; allowed: {_listed(expected)}")
    arrays = [
        archive.read(f"array_{number}", dtype=kind, shape=shape) for number, (shape, kind) in enumerate(described)
    ]
    return Stored(decode_layers(header, arrays), decode_settings(header))


def _listed(names: list[str], most: int = 40) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more
