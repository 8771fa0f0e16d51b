"""The folder of an export: complete, or as it was before."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from emulator.errors import ExportError
from emulator.files import is_listed, replacing

#: the file that says what an export holds
MAP = "map.json"
FORMAT = "backwave-export"
#: what simulators and xschem leave beside the files they read
_OUTPUTS = (".raw", ".log", ".spice")


def staged(directory: Path, force: bool = False) -> AbstractContextManager[Path]:
    """A new folder beside `directory` to write into, which takes its place at the end if nothing was raised.

    An earlier export there is replaced with `force`; a folder with anything else in it never is.

    Raises
    ------
    ExportError
        If `directory` is a file, holds an export and `force` is not set, or holds other things.
    OSError
        If nothing can be written there.
    """
    return replacing(directory, partial(_check, directory, force))


def _check(directory: Path, force: bool) -> None:
    if directory.exists() and not directory.is_dir():
        raise ExportError(f"export folder '{directory}' is a file; allowed: a new or empty folder")
    if not directory.is_dir() or not any(directory.iterdir()):
        return
    if not _is_export(directory):
        raise ExportError(
            f"export folder '{directory}' holds other files than an export; allowed: a new or empty folder, "
            "or an earlier export with --force"
        )
    if not force:
        raise ExportError(f"export folder '{directory}' holds an export already; allowed: a new folder, or --force")


def _is_export(directory: Path) -> bool:
    """Whether a folder holds nothing but the files that its own map lists, and what simulators made of them."""
    found = {path.name for path in directory.iterdir() if path.suffix not in _OUTPUTS}
    return is_listed(found, directory / MAP, FORMAT)
