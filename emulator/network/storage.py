"""Network files: an uncompressed ``.npz`` holding a JSON header and plain float64 arrays, nothing executable.

Members are ``header.npy`` (the UTF-8 bytes of the header) and ``array_0.npy``, ``array_1.npy``, ... Sizes,
types and shapes are checked against the header before any data is read, so that a small file cannot claim a
large memory.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.errors import FileFormatError, NetworkError
from emulator.files import atomic_write
from emulator.network.encoding import array_shapes, decode_layers, encode, parse_header
from emulator.network.layers import Layer

_NPY: Any = np.lib.format
_DAMAGE = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError)


class Stored(NamedTuple):
    """What a network file holds: the arguments of `Network`."""

    layers: list[Layer]
    output: str
    loss: str


def write(path: Path, layers: Iterable[Layer], output: str, loss: str) -> None:
    """Write a network file; `path` is replaced only once the new file is complete.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    header, arrays = encode(layers, output, loss)
    members: dict[str, Any] = {f"array_{number}": array.astype("<f8") for number, array in enumerate(arrays)}
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
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_archive(archive, os.fstat(file.fileno()).st_size)
        except (FileFormatError, NetworkError) as error:
            raise FileFormatError(f"file '{path}': {error}") from error
        except _DAMAGE as error:
            raise FileFormatError(f"file '{path}' is not a network file or is damaged: {error}") from error


def _read_archive(archive: zipfile.ZipFile, file_size: int) -> Stored:
    members = archive.infolist()
    expanded = sum(member.file_size for member in members)
    if expanded > file_size or any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise FileFormatError(
            f"members hold {expanded} bytes in a file of {file_size}; allowed: apart and uncompressed"
        )
    names = sorted(archive.namelist())
    if "header.npy" not in names:
        raise FileFormatError(f"no member 'header.npy'; members: {', '.join(names) or 'none'}")
    header = parse_header(_read_array(archive, "header.npy", np.dtype(np.uint8), None).tobytes())
    shapes = array_shapes(header)
    expected = sorted(["header.npy", *(f"array_{number}.npy" for number in range(len(shapes)))])
    if names != expected:
        raise FileFormatError(f"members are {', '.join(names)}; allowed: {', '.join(expected)}")
    arrays = [
        _read_array(archive, f"array_{number}.npy", np.dtype("<f8"), shape) for number, shape in enumerate(shapes)
    ]
    return Stored(decode_layers(header, arrays), header["output"], header["loss"])


def _read_array(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...] | None
) -> NDArray[Any]:
    """Read one member in ``.npy`` format 1.0; `shape` None allows any vector."""
    with archive.open(name) as member:
        version = _NPY.read_magic(member)
        if version != (1, 0):
            raise FileFormatError(f"member '{name}' has npy version {version}; allowed: (1, 0)")
        found, fortran_order, found_dtype = _NPY.read_array_header_1_0(member)
        if found_dtype != dtype:
            raise FileFormatError(f"member '{name}' has type {found_dtype}; allowed: {dtype}")
        if fortran_order or (len(found) != 1 if shape is None else found != shape):
            raise FileFormatError(
                f"member '{name}' has shape {found}{' in Fortran order' if fortran_order else ''}; "
                f"allowed: {'one axis' if shape is None else shape} in C order"
            )
        data = member.read()
    return np.frombuffer(data, dtype=dtype).reshape(found)
