"""Paths that a command was given, looked at before any work is done."""

from __future__ import annotations

from pathlib import Path

from emulator.errors import ExportError, FileFormatError
from emulator.kinds import Kind, mistaken


def toml_to_write(option: str, path: Path) -> None:
    """Refuse a name under which nothing would find the file again.

    Raises
    ------
    ExportError
        If it does not end in ``.toml``.
    """
    if path.suffix != ".toml":
        raise ExportError(f"{option} is '{path}'; allowed: a path that ends in .toml")


def refuse_other(path: Path, *wanted: Kind) -> None:
    """Refuse a file that is known to be something else, with the command that takes it.

    Raises
    ------
    FileFormatError
        If it is.
    """
    other = mistaken(path, *wanted)
    if other is not None:
        raise FileFormatError(other)
