"""Writing files and folders so that they appear complete or not at all."""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.locks import held
from hwmodels.doors import read_json
from hwmodels.files import atomic_write

__all__ = ["atomic_write", "is_listed", "memory_folder", "replacing", "staging_folder", "take_place"]

#: between the name of a place and what is random, in what is written beside it
_STAGING, _OLD = ".staging-", ".old"
#: the working directory, and the flag that asks for an exchange, of ``renameat2`` (Linux) and ``renamex_np`` (macOS)
_HERE, _SWAP = -100, 2
#: where Linux keeps files in memory, and the bytes that must be free there
_MEMORY, _ROOM = Path("/dev/shm"), 2 << 30


@contextmanager
def staging_folder(place: Path) -> Iterator[Path]:
    """A new folder beside `place` to write into; what is not moved out of it, and parents made for nothing, are gone.

    No other process can write to `place` meanwhile; what one that was killed left beside it is tidied up.

    Raises
    ------
    BusyError
        If another process writes there.
    OSError
        If nothing can be written there.
    """
    made = [parent for parent in place.parents if not parent.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with held(place, f"folder '{place}'"):
            _tidy(place)
            with tempfile.TemporaryDirectory(prefix=f".{place.name}{_STAGING}", dir=place.parent) as room:
                staging = Path(room) / place.name
                staging.mkdir()
                yield staging
    finally:
        for parent in made:
            if parent.exists() and not any(parent.iterdir()):
                parent.rmdir()


def take_place(staging: Path, place: Path) -> None:
    """Put a folder in the place of another in one step, or where there is none; `staging` then holds what was there.

    Where the system cannot exchange two folders, the old one waits beside `place`, and comes back if the new one
    cannot be moved, or at the next `staging_folder` if the process is killed just then.
    """
    if not place.exists():
        staging.rename(place)
    elif not _exchange(staging, place):
        aside = place.with_name(f".{place.name}{_OLD}")
        place.rename(aside)
        try:
            staging.rename(place)
        except BaseException:
            aside.rename(place)
            raise
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def replacing(
    directory: Path, check: Callable[[], object], move: Callable[[Path, Path], object] = take_place
) -> Iterator[Path]:
    """A new folder beside `directory`, which takes its place at the end if nothing was raised.

    `check` raises where it must not, before and after; other errors as for `staging_folder`.
    """
    check()
    place = directory.resolve()
    with staging_folder(place) as staging:
        yield staging
        check()
        move(staging, place)


def is_listed(found: set[str], listing: Path, kind: str) -> bool:
    """Whether a listing is of this `format`, and these files are among its `files`, or the listing itself."""
    try:
        listed = read_json(listing)
        return bool(listed["format"] == kind) and found <= {listing.name, *listed["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _tidy(place: Path) -> None:
    """Remove what a killed process left beside `place`, which the caller holds; give back what it had put aside."""
    aside = place.with_name(f".{place.name}{_OLD}")
    if aside.exists() and not place.exists():
        aside.rename(place)
    for left in (aside, *place.parent.glob(f".{glob.escape(place.name)}{_STAGING}*")):
        shutil.rmtree(left, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, if the system can."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(libc, "renameat2"):
        return bool(libc.renameat2(_HERE, names[0], _HERE, names[1], _SWAP) == 0)
    if hasattr(libc, "renamex_np"):
        return bool(libc.renamex_np(*names, _SWAP) == 0)
    return False


def memory_folder() -> Path | None:
    """A folder in memory for many short-lived files, or None where there is none with room, or ``$TMPDIR`` says where.

    On a disk, making and removing the files of a short run takes longer than the run.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free >= _ROOM else None
