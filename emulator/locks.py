"""A place that one process writes to at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emulator.errors import BusyError
from emulator.threads import go_on

try:
    import fcntl
except ImportError:  # no Unix: processes do not see each other's locks
    fcntl = None  # type: ignore[assignment]

#: seconds between looks at a lock that another process holds
_MOMENT = 0.02


@contextmanager
def held(place: Path, what: str) -> Iterator[None]:
    """Keep `place` for this process, by a lock file beside it that is gone afterwards, even if the process is killed later.

    Parameters
    ----------
    place : Path
        A file or folder, which need not exist; its folder must.
    what : str
        How an error calls it, such as ``output folder 'runs/digits'``.

    Raises
    ------
    BusyError
        If another process holds it.
    OSError
        If nothing can be written beside it.
    """
    path = place.with_name(f".{place.name}.lock")
    lock = _locked(path, what)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def lock_file(file: int) -> None:
    """Lock an open file until it is closed; raises `BlockingIOError` if another process has."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def waited_for(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock file `path`, which stays, and hold it.

    Processes do not see each other's locks where the system or the file system has none, or the file cannot be written.
    """
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            while not _taken(lock):
                go_on()
                time.sleep(_MOMENT)
        yield
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    """Whether an open file could be locked; raises `OSError` where there are no locks."""
    try:
        lock_file(lock)
    except BlockingIOError:
        return False
    return True


def lock_folder(folder: Path, shared: bool = False) -> int | None:
    """Lock a folder until the number that is returned is closed; None if it is gone, or locked by another.

    Where the system or the file system has no locks, every folder can be locked by anyone.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if fcntl is not None:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        there, mine = folder.stat(), os.fstat(lock)
    except (BlockingIOError, FileNotFoundError):
        os.close(lock)
        return None
    except OSError:
        return lock
    if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
        return lock
    os.close(lock)
    return None


def _locked(path: Path, what: str) -> int:
    """The lock file, open and locked; one that its last holder has just removed is not the one that others see."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            lock_file(lock)
            there = path.stat()
        except BlockingIOError:
            os.close(lock)
            raise BusyError(
                f"{what} is being written by another process; allowed: to wait for it, or another place"
            ) from None
        except FileNotFoundError:
            os.close(lock)
            continue
        mine = os.fstat(lock)
        if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            return lock
        os.close(lock)
