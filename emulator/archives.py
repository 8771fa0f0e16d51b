"""Reading ``.npz`` archives of strangers: plain numbers of bounded size, whatever the file claims.

An archive is a zip of ``.npy`` members. What a member says of itself (its size in the zip's directory, its type and
shape in its own header) must agree before anything of its size is reserved.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hwmodels.doors import RefusedError, brief, quietly, regular

_NPY: Any = np.lib.format
#: readers of headers by their version; and those of the version that is written here
_READERS = {(1, 0): _NPY.read_array_header_1_0, (2, 0): _NPY.read_array_header_2_0}
_PLAIN = {(1, 0): _NPY.read_array_header_1_0}
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1
_CHUNK = 1 << 24
#: environment variable that says how many bytes the arrays of one archive may take, and what it is without it
LIMIT, MOST = "BACKWAVE_MOST_BYTES", 1 << 30


class UnsuitableError(RefusedError):
    """A member that is whole, and of another type, shape or version than is allowed."""


class Archive:
    """An open archive.

    Parameters
    ----------
    zipped : ZipFile
    size : int
        Bytes of the file.

    Attributes
    ----------
    names : tuple of str
        Of the arrays in it, without their ending ``.npy``.
    """

    def __init__(self, zipped: zipfile.ZipFile, size: int) -> None:
        self.members = zipped.infolist()
        self.size = size
        self._zipped = zipped
        self._left = max(size, most_bytes())
        names = [member.filename for member in self.members]
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None) if (
            len(set(names)) < len(names)
        ) else None  # fmt: skip
        if twice is not None:
            raise RefusedError(f"it has two members {brief(twice)}; allowed: one of each name")
        self.names = tuple(name.removesuffix(".npy") for name in names)

    @property
    def expanded(self) -> int:
        """Bytes that all members say they hold."""
        return sum(member.file_size for member in self.members)

    @property
    def compressed(self) -> bool:
        """Whether any member is not stored as it is."""
        return any(member.compress_type != zipfile.ZIP_STORED for member in self.members)

    def read(
        self,
        name: str,
        kinds: str = "biuf",
        dtype: np.dtype[Any] | None = None,
        shape: tuple[int, ...] | None = None,
        axes: int | None = None,
    ) -> NDArray[Any]:
        """One array.

        Parameters
        ----------
        name : str
            One of `names`.
        kinds : str
            Kinds of NumPy types that are allowed, by their letters; by default real numbers.
        dtype, shape : optional
            The only type and shape that are allowed, in C order.
        axes : int, optional
            The only number of axes that is allowed.

        Raises
        ------
        RefusedError
            If the member is damaged, of another type or shape, or larger than is left of the limit.
        """
        member, words = self._member(name)
        with _guarded(), self._zipped.open(member) as file:
            found, fortran, kind = _header(file, words, _READERS if dtype is None else _PLAIN)
            strict = dtype is not None
            if kind != dtype if strict else (kind.kind not in kinds or bool(kind.shape)):
                raise UnsuitableError(f"{words} has type {str(kind)[:80]}; allowed: {dtype if strict else 'numbers'}")
            if (strict and fortran) or (shape is not None and found != shape) or (
                axes is not None and len(found) != axes
            ):  # fmt: skip
                allowed = shape if shape is not None else "one axis" if axes == 1 else f"{axes} axes"
                order = " in Fortran order" if fortran else ""
                raise UnsuitableError(f"{words} has shape {found}{order}; allowed: {allowed} in C order")
            count = math.prod(found) * kind.itemsize
            left = member.file_size - file.tell()
            if count != left:
                raise RefusedError(f"{words} has shape {found} of {count:,} bytes and holds {left:,}")
            if count > self._left:
                raise RefusedError(
                    f"{words} expands to {count:,} bytes, more than the {self._left:,} that are left for the arrays of "
                    f"this file; allowed: uncompressed members, or a larger {LIMIT}"
                )
            self._left -= count
            flat = np.empty(math.prod(found), dtype=kind)
            _fill(file, flat, words)
        return flat.reshape(found, order="F" if fortran else "C")

    def read_bytes(self, name: str, most: int) -> bytes:
        """A member of at most `most` bytes as it is.

        Raises
        ------
        RefusedError
            If the member is damaged, or larger than that.
        """
        member, words = self._member(name)
        with _guarded(), self._zipped.open(member) as file:
            found = file.read(most + 1)
        if len(found) > most:
            raise RefusedError(f"{words} has more than {most:,} bytes; allowed: at most that")
        return found

    def _member(self, name: str) -> tuple[zipfile.ZipInfo, str]:
        """A member that can be read, and how messages name it."""
        member = self.members[self.names.index(name)]
        words = f"member '{member.filename}'"
        if member.flag_bits & _ENCRYPTED:
            raise RefusedError(f"{words} is encrypted; allowed: members without a password")
        if member.compress_type not in _METHODS:
            raise RefusedError(f"{words} is compressed by method {member.compress_type}; allowed: stored or deflated")
        return member, words


@contextmanager
def open_archive(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """Open an archive for reading.

    Raises
    ------
    RefusedError
        If it is no file, or no zip archive, or damaged; also while it is read.
    OSError
        If it cannot be opened.
    """
    with regular(Path(path)) as file, archive_of(file, os.fstat(file.fileno()).st_size) as archive:
        yield archive


@contextmanager
def archive_of(file: IO[bytes], size: int) -> Iterator[Archive]:
    """The archive in an open file of `size` bytes; raises as `open_archive` does."""
    with _guarded():
        zipped = zipfile.ZipFile(file)
    with zipped:
        yield Archive(zipped, size)


def read_arrays(path: str | os.PathLike[str], wanted: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of those names that an archive holds, or all; raises as `open_archive` and `Archive.read` do."""
    with open_archive(path) as archive:
        return {name: archive.read(name) for name in archive.names if wanted is None or name in wanted}


def read_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array of an ``.npy`` file; raises as `open_archive` does."""
    with regular(Path(path)) as file, _guarded():
        shape, fortran, dtype = _header(file, "the file", _READERS)
        if dtype.hasobject or dtype.kind not in "biuf":
            raise UnsuitableError(f"the file has type {dtype}; allowed: numbers")
        size = math.prod(shape) * dtype.itemsize
        if size > max(most_bytes(), os.fstat(file.fileno()).st_size):
            raise RefusedError(f"the file claims {size:,} bytes; allowed: {most_bytes():,}, or {LIMIT} of them")
        flat = np.empty(math.prod(shape), dtype)
        _fill(file, flat, "the file")
    return flat.reshape(shape, order="F" if fortran else "C")


def most_bytes() -> int:
    """How many bytes the arrays of one archive may take if it is not larger itself.

    Raises
    ------
    RefusedError
        If the environment variable is no whole number.
    """
    text = os.environ.get(LIMIT, "").strip()
    if not text:
        return MOST
    if not text.isdecimal() or len(text) > 18:
        raise RefusedError(f"{LIMIT} is {brief(text)}; allowed: a whole number of bytes")
    return int(text)


@contextmanager
def _guarded() -> Iterator[None]:
    """Whatever a parser of zip archives or of headers raises means that the archive is no good."""
    try:
        with quietly():
            yield
    except RefusedError:
        raise
    except Exception as error:  # foreign parsers: each raises what it likes, and all of it means the same
        raise RefusedError(f"{type(error).__name__}: {brief(str(error))[1:-1]}") from error


def _header(
    file: IO[bytes], words: str, readers: Mapping[tuple[int, int], Any]
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = _NPY.read_magic(file)
    if version not in readers:
        raise UnsuitableError(f"{words} has npy version {version}; allowed: {', '.join(map(str, readers))}")
    shape, fortran, dtype = readers[version](file)
    if len(shape) > 32 or any(isinstance(size, bool) or size < 0 for size in shape):
        raise RefusedError(f"{words} has shape {brief(shape)}; allowed: sizes of at least 0")
    return shape, fortran, dtype


def _fill(file: IO[bytes], flat: NDArray[Any], words: str) -> None:
    """Read exactly as much as an array takes; then the archive has also compared its checksum."""
    target = flat.view(np.uint8) if flat.size else np.empty(0, np.uint8)
    place = 0
    while place < len(target):
        read = file.read(min(_CHUNK, len(target) - place))
        if not read:
            raise RefusedError(f"{words} ends after {place:,} of {len(target):,} bytes")
        target[place : place + len(read)] = np.frombuffer(read, dtype=np.uint8)
        place += len(read)
    if file.read(1):
        raise RefusedError(f"{words} holds more than its shape says")
