"""The folder of an export: complete, or as it was before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.errors import ExportError
from emulator.files import staging_folder, take_place
from hwmodels.doors import read_json

#: the file that says what an export holds
MAP = "map.json"
FORMAT = "backwave-export"
#: what simulators leave beside the files they run
_OUTPUTS = (".raw", ".log")


@contextmanager
def staged(directory: Path, force: bool = False) -> Iterator[Path]:
    """A new folder beside `directory` to write into, which takes its place at the end if nothing was raised.

    An earlier export there is replaced with `force`; a folder with anything else in it never is.

    Raises
    ------
    ExportError
        If `directory` is a file, holds an export and `force` is not set, or holds other things.
    OSError
        If nothing can be written there.
    """
    _check(directory, force)
    place = directory.resolve()
    with staging_folder(place) as staging:
        yield staging
        _check(directory, force)
        take_place(staging, place)


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
    try:
        listed = read_json(directory / MAP)
        return bool(listed["format"] == FORMAT) and found <= set(listed["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
