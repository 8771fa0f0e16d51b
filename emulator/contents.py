"""The files that nested tables name: where they are, what is in them, and whether that is what it was.

What a result depends on are contents, not names. Whatever can be resumed keeps the hashes of the files that it reads,
and compares them when it goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emulator.errors import ChangedFileError

#: keys whose values are always paths; any other text is one only if it has an ending
_PATHS = ("path", "scaled_by")


def located(name: str, folder: Path, folders: bool = False) -> Path | None:
    """The file of that name in `folder`, else in the current directory, else None; `folders` are found, too."""
    try:
        written = Path(name).expanduser()
        places = (folder / written, written)
        return next((one for one in places if one.is_file() or (folders and name and one.is_dir())), None)
    except (OSError, RuntimeError, ValueError):  # longer than a path may be, no such user, characters that no path has
        return None


def contents_of(tables: Any, folder: Path) -> dict[str, str]:
    """SHA-256 (hexadecimal) of every file, or folder of images, that nested tables and lists name, by its name there, in order of names.

    Parameters
    ----------
    tables
        Of a scenario, or values that take the place of one of its keys: networks, data, hardware models, ...
    folder : Path
        Where relative paths start.
    """
    found = {name: located(name, folder, is_path) for name, is_path in set(_names(tables))}
    return {name: _hash(path) for name, path in sorted(found.items()) if path is not None}


def refuse_changed(known: Mapping[str, str], found: Mapping[str, str], place: str) -> None:
    """Refuse contents that differ from those that are known.

    Parameters
    ----------
    known, found : mapping of name to SHA-256
    place : str
        What was made with the known ones, such as ``store 'a.sqlite'``.

    Raises
    ------
    ChangedFileError
        Naming the first file that is another than it was.
    """
    for name, content in found.items():
        if known.get(name, content) != content:
            raise ChangedFileError(
                f"file '{name}' has changed since {place} was begun: its SHA-256 was {known[name][:12]}..., now it is "
                f"{content[:12]}...; allowed: the file as it was, or to begin anew elsewhere"
            )


def _names(value: Any, key: str = "") -> Iterator[tuple[str, bool]]:
    """Texts that may name files, and whether they are sure to."""
    if isinstance(value, Mapping):
        for inner, entry in value.items():
            yield from _names(entry, str(inner).rpartition(".")[2])
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _names(entry, key)
    elif isinstance(value, str) and "\n" not in value and (key in _PATHS or Path(value).suffix):
        yield value, key in _PATHS


def _hash(path: Path) -> str:
    """Of a file's contents; of a folder's, those of the files in it and in its sub-folders, with their names."""
    if path.is_dir():
        level = sorted(path.iterdir())
        below = [one for folder in level if folder.is_dir() for one in sorted(folder.iterdir())]
        files = {one.relative_to(path).as_posix(): _hash(one) for one in (*level, *below) if one.is_file()}
        return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
