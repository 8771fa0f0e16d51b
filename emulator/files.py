"""Writing files and folders so that they appear complete or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

#: where Linux keeps files in memory, and the bytes that must be free there
_MEMORY, _ROOM = Path("/dev/shm"), 2 << 30


def atomic_write(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside `path`, then put it in its place in one step.

    Parameters
    ----------
    path : str or path-like
        Taken as given; a file that is there already is replaced.
    write : callable
        Gets the new file, open for writing bytes. If it raises, `path` stays as it was.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    temporary = Path(path).with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def staging_folder(place: Path) -> Iterator[Path]:
    """A new folder beside `place` to write into; what is not moved out of it, and parents made for nothing, are gone.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    made = [parent for parent in place.parents if not parent.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as room:
            staging = Path(room) / place.name
            staging.mkdir()
            yield staging
    finally:
        for parent in made:
            if parent.exists() and not any(parent.iterdir()):
                parent.rmdir()


def take_place(staging: Path, place: Path) -> None:
    """Put a folder in the place of another, which comes back if that fails; or where there is none."""
    if not place.exists():
        staging.rename(place)
        return
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-old-", dir=place.parent) as old:
        aside = Path(old) / place.name
        place.rename(aside)
        try:
            staging.rename(place)
        except BaseException:
            aside.rename(place)
            raise


def memory_folder() -> Path | None:
    """A folder in memory for many short-lived files, or None where there is none with room, or ``$TMPDIR`` says where.

    On a disk, making and removing the files of a short run takes longer than the run.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free >= _ROOM else None
