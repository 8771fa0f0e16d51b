"""The files of a circuit, read as data: one checked text, which is all that a simulator gets to see.

A folder may come from a stranger. Files are read only from inside it, statement by statement (see
`emulator.export.statements`); includes are put in their places, comments and printing are left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from emulator.errors import FileFormatError
from emulator.export.statements import Use, use
from hwmodels import doors

#: bytes of all files of a circuit, characters of a line and of a statement, files that include one another
MOST, _LINE, _STATEMENT, _DEPTH = 256 << 20, 20_000, 4_000_000, 8
_SHOWN = 60
_FOREIGN = re.compile(rb"[^\t\n\x20-\x7e]")
#: names of files that simulators obey when they start beside them
_START_UP = (".spiceinit", "spice.rc", ".spicerc", "spinit", ".ngspicerc", ".xyceinit", "ltspice.ini")
#: comments that simulators obey
_OBEYED = re.compile(r"\*\s*(#|ng_script)", re.IGNORECASE)
_INCLUDE = re.compile(r"\.inc(?:lude)?\b\s*(.*)", re.IGNORECASE)
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*", re.ASCII)


@dataclass(frozen=True)
class Circuit:
    """A testbench with everything that it includes.

    Parameters
    ----------
    text : str
        One netlist of allowed statements.
    digests : dict of file name to str
        SHA-256 of every file that was read.
    """

    text: str
    digests: dict[str, str]


def read_circuit(testbench: Path) -> Circuit:
    """Read a testbench; its includes are looked for in its folder.

    Raises
    ------
    FileFormatError
        If a file leads out of the folder, is missing or too large, is no text, or has a statement that is not allowed;
        the message names file and line.
    """
    reader = _Reader(testbench.parent)
    reader.read(testbench.name, "")
    return Circuit("\n".join(["* circuit", *reader.lines, ".end", ""]), reader.digests)


def inside(folder: Path, name: str) -> Path:
    """Where a file of a folder is.

    Raises
    ------
    FileFormatError
        If there is none, or a link leads out of the folder.
    """
    path = folder / name
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise FileFormatError(
            f"folder '{folder}' has no {name}; allowed: a folder that backwave export wrote"
        ) from None
    if not real.is_relative_to(folder.resolve()):
        raise FileFormatError(f"file '{path}' is a link that leads out of its folder; allowed: files inside it")
    return real


def content(folder: Path, name: str, most: int) -> bytes:
    """What a file of a folder holds.

    Raises
    ------
    FileFormatError
        As for `inside`, or if it is no file of the disk, or has more than `most` bytes.
    """
    return bytes_of(inside(folder, name), f"file '{folder / name}'", most)


def bytes_of(path: Path, place: str, most: int) -> bytes:
    """What a stranger's file holds; `place` is what refusals call it.

    Raises
    ------
    FileFormatError
        If it cannot be read, is no file of the disk, or has more than `most` bytes.
    """
    try:
        return doors.read_bytes(path, most)
    except doors.RefusedError as error:
        raise FileFormatError(f"{place} {error}") from None
    except OSError as error:
        raise FileFormatError(f"{place} cannot be read: {error.strerror}") from None


def refuse_start_up_files(folder: Path) -> None:
    """Raise `FileFormatError` if a folder holds a file that simulators obey when they start in it."""
    for path in sorted(folder.iterdir()):
        if path.name.lower() in _START_UP:
            raise FileFormatError(
                f"'{path}' is a start-up file of a simulator, which an export has none of; allowed: to remove it"
            )


@dataclass
class _Reader:
    folder: Path
    lines: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    left: int = field(default_factory=lambda: MOST)
    open: list[str] = field(default_factory=list)

    def read(self, name: str, place: str) -> None:
        """Read one file; `place` is where it is included, and empty for the testbench."""
        if name in self.open or len(self.open) >= _DEPTH:
            raise FileFormatError(
                f"{place}includes {name!r} again, or too deep; allowed: {_DEPTH} files within another"
            )
        data = content(self.folder, name, self.left)
        self.left -= len(data)
        self.digests[name] = hashlib.sha256(data).hexdigest()
        self.open.append(name)
        for number, parts in statements_of(self.folder / name, data, titled=not place):
            at = f"file '{self.folder / name}', line {number}: "
            found = _INCLUDE.fullmatch(" ".join(parts))
            if found:
                self.read(_included(found.group(1), at), at)
                continue
            whole = " ".join(parts)
            try:
                what = use(whole)
            except ValueError as error:
                raise FileFormatError(f"{at}{shown(whole)} {error}") from None
            if what is Use.END and place:
                raise FileFormatError(f"{at}'.end' in a file that is included; allowed: at the end of a testbench")
            if what is Use.RUN:
                self.lines.append("\n+ ".join(parts))
        self.open.pop()


def statements_of(path: Path, data: bytes, titled: bool) -> Iterator[tuple[int, list[str]]]:
    """Line number and physical lines of every statement of a netlist's bytes; nothing may follow ``.end``.

    The first line of a testbench is its title, which is not obeyed, and therefore not allowed to look as if it were.
    """
    data = data.replace(b"\r\n", b"\n")
    foreign = _FOREIGN.search(data)
    if foreign:
        at_line = data.count(b"\n", 0, foreign.start()) + 1
        raise FileFormatError(
            f"file '{path}', line {at_line}: byte {foreign.group()!r}; allowed: lines of printable ASCII characters"
        )
    first, parts, size = 0, list[str](), 0
    for number, raw in enumerate(data.decode("ascii").split("\n"), 1):
        at = f"file '{path}', line {number}: "
        if len(raw) > _LINE:
            raise FileFormatError(f"{at}{len(raw)} characters; allowed: at most {_LINE}, and + to continue")
        line = raw.strip()
        if line.startswith("*"):
            if _OBEYED.match(line):
                raise FileFormatError(f"{at}{shown(line)} is a comment that simulators obey; allowed: other comments")
            continue
        line = line.partition(";")[0].rstrip()
        if not line or (titled and number == 1 and line[0].isalnum()):
            continue
        if line.startswith("+"):
            size += len(line)
            if not parts or size > _STATEMENT:
                what = "too long a statement" if parts else "nothing"
                raise FileFormatError(f"{at}'+' continues {what}; allowed: what follows a statement of the same file")
            parts.append(line[1:].strip())
            continue
        if parts:
            yield first, parts
            if parts[0].lower() == ".end":
                raise FileFormatError(f"{at}{shown(line)} stands after '.end'; allowed: comments")
        first, parts, size = number, [line], len(line)
    if parts:
        yield first, parts


def _included(word: str, at: str) -> str:
    name = word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word
    if not _FILE_NAME.fullmatch(name):
        raise FileFormatError(f"{at}includes {shown(word)}; allowed: the name of a file in the folder, such as lib.inc")
    return name


def shown(text: str) -> str:
    """A statement in a few characters."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
