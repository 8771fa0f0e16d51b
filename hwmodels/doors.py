"""The doors through which files and texts of strangers come in: bounded, regular, of one encoding, and not too deep.

Each function does one thing that a loader would otherwise do for itself, and raises `RefusedError` (or `OSError`, where a
file cannot be opened) whatever it meets; the loader says of which file and of which kind of error that is. Code behind
a door may count on it: tables are nested at most `DEEPEST` deep, and whole numbers fit into 64 bits.
"""

from __future__ import annotations

import io
import json
import os
import stat
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from hwmodels.errors import RefusedError

#: largest file of tables or measurements that is read, in bytes
MOST_BYTES = 64 << 20
#: bytes that are read at a time
_CHUNK = 1 << 24
#: largest TOML file: what people write by hand; its parser takes quadratic time on what they do not
MOST_TOML = 1 << 20
#: how deep tables and lists may be nested
DEEPEST = 64
#: whole numbers lie between -BIGGEST and BIGGEST, which every integer type below and every float can take
BIGGEST = 2**64

_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


@contextmanager
def regular(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file, open for reading bytes; anything that is not a file of the disk is refused rather than waited for.

    Raises
    ------
    RefusedError
        If it is a folder, a pipe, a socket or a device.
    OSError
        If it cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except ValueError as error:  # a name with a null character
        raise RefusedError(f"is no name of a file: {error}") from None
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise RefusedError(f"is {_kind(mode)}; allowed: a file")
    with os.fdopen(handle, "rb") as file:
        yield file


def read_bytes(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """What a file of at most `most` bytes holds.

    Raises
    ------
    RefusedError
        If it is no file, or larger.
    OSError
        If it cannot be read.
    """
    with regular(path) as file:
        found = b"".join(_parts(file, most))
    if len(found) > most:
        raise RefusedError(f"has more than {most:,} bytes; allowed: at most that")
    return found


def _parts(file: IO[bytes], most: int) -> list[bytes]:
    """What a file holds, up to one byte more than `most`; only as much is reserved as is there."""
    parts, left = [], most + 1
    while left and (part := file.read(min(_CHUNK, left))):
        parts.append(part)
        left -= len(part)
    return parts


def read_text(path: str | os.PathLike[str], most: int = MOST_BYTES) -> str:
    """What a file of UTF-8 text holds, without a byte order mark.

    Raises
    ------
    RefusedError
        If it is no file, too large, or no such text.
    OSError
        If it cannot be read.
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedError(f"is not UTF-8 text: {error}") from None


def read_measured(path: str | os.PathLike[str]) -> str:
    """The text of a file that an instrument or a spreadsheet wrote: UTF-8, UTF-16, or else Windows-1252.

    Raises
    ------
    RefusedError
        If it is no file, too large, or no text.
    OSError
        If it cannot be read.
    """
    found = read_bytes(path)
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if found.startswith(mark)), None)
    if encoding is None and b"\0" in found[:4]:
        encoding = "utf-16-be" if found.startswith(b"\0") else "utf-16-le"
    for attempt in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            text = found.decode(attempt)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise RefusedError("is no text; allowed: UTF-8, UTF-16 or Windows-1252")


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises
    ------
    RefusedError
        If it is none, or nested too deep, or holds a whole number of more than 64 bits.
    """
    if len(text) > MOST_TOML:
        raise RefusedError(f"has {len(text):,} characters; allowed: at most {MOST_TOML:,}")
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(_told(error)) from None
    return _bounded(found)


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file; raises as `read_text` and `parse_toml` do."""
    return parse_toml(read_text(path, MOST_TOML))


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises
    ------
    RefusedError
        If it is none, or nested too deep, or holds a whole number of more than 64 bits.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(_told(error)) from None
    except TypeError:
        raise RefusedError(f"is of type {type(text).__name__}; allowed: a text") from None
    return _bounded(found)


def read_json(path: str | os.PathLike[str], most: int = MOST_BYTES) -> Any:
    """The value of a JSON file; raises as `read_text` and `parse_json` do."""
    return parse_json(read_text(path, most))


def real(value: object) -> float:
    """A number as a float; what is too large for one is infinite.

    Raises
    ------
    TypeError, ValueError
        If it is no number.
    """
    if isinstance(value, bool):
        raise RefusedError(f"{value!r} is no number")
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")  # type: ignore[operator]


def brief(value: object, most: int = 200) -> str:
    """`value` as a message can show it: its middle is left out where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, or a list in a list in a list
        return f"a very long {type(value).__name__}"
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 4 :]}"


@contextmanager
def quietly() -> Iterator[None]:
    """Let a parser keep to itself what it thinks of a file's style."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def lines_of(text: str) -> io.StringIO:
    """`text` as a file of lines, whose ends stay as they are."""
    return io.StringIO(text, newline="")


def _bounded(found: Any) -> Any:
    """`found`, unless it is nested too deep or a number in it is too large; no call of this calls itself."""
    level, depth = [found], 0
    while level:
        if depth > DEEPEST:
            raise RefusedError(f"is nested more than {DEEPEST} deep; allowed: at most that")
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, int) and not -BIGGEST < value < BIGGEST:
                raise RefusedError(f"holds a whole number of {value.bit_length()} bits; allowed: at most 64")
        level, depth = inner, depth + 1
    return found


def _told(error: Exception) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((words for test, words in kinds if test(mode)), "a device")


def path_of(name: str | os.PathLike[str]) -> Path:
    """A path as it was written, with ``~`` for the home folder; one that names no one's home is taken literally."""
    try:
        return Path(name).expanduser()
    except (RuntimeError, KeyError):
        return Path(name)


def is_file(path: Path) -> bool:
    """Whether there is such a file; names that no file can have name none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
