"""Putting inputs into the doors and watching what comes of it.

Four things are counted against the product: an exception that is not one of its own (or of the operating system), an
input that takes longer than `SLOW` seconds, one that takes more than `MEMORY` bytes beyond what the process had, and
anything written, started or connected to outside the folder that it was given.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.errors import BackwaveError
from hwmodels import HardwareError
from tests.fuzz.loaders import Loader, loaders

SLOW = 5
MEMORY = 1 << 30
#: inputs between two reports
_OFTEN = 10_000
#: what a command turns into a sentence
KNOWN = (BackwaveError, HardwareError, OSError)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_OUTWARD = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "pickle.find_class")
_FILES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")


class TooSlowError(BaseException):
    """An input took too long."""


class Watch:
    """Notes what is written, started or connected to outside a folder, by the interpreter's own audit events."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder.resolve())
        self.on = False
        self.found: list[str] = []
        sys.dont_write_bytecode = True  # modules are imported on first use, which is not the input's doing
        sys.addaudithook(self._see)  # there is no taking it away; it is off between inputs

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in _OUTWARD:
            self.found.append(f"{event} {arguments!r:.200}")
        elif event == "open":
            path, mode, flags = arguments
            writes = (isinstance(flags, int) and flags & _WRITING) or (
                isinstance(mode, str) and set(mode) & set("wax+")
            )
            if writes and not isinstance(path, int):
                self._check(event, path)
        elif event in _FILES and (arguments[-1] in (-1, None) or event == "os.truncate"):
            self._check(event, arguments[0])  # others are relative to a folder that has been checked

    def _check(self, event: str, path: Any) -> None:
        name = os.path.abspath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else ""
        if name and not name.startswith(self.folder) and name != os.devnull:
            self.found.append(f"{event} {name!r:.200}")


class Outcome:
    """What came of many inputs.

    Attributes
    ----------
    counts : Counter
        Inputs by door.
    refused : Counter
        How many of these were refused.
    faults : dict
        By a short name of the fault: how often, and the first input with its story.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.faults: dict[str, tuple[int, str, Any]] = {}
        self.slowest: tuple[float, str] = (0.0, "")

    def fault(self, name: str, story: str, given: Any) -> None:
        """Count a fault."""
        count, first, example = self.faults.get(name, (0, story, given))
        self.faults[name] = (count + 1, first, example)


def fuzz(
    folder: Path,
    inputs: int,
    seed: int,
    only: str | None = None,
    seconds: float | None = None,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Put so many inputs in, or as many as fit into `seconds`; the same seed makes the same inputs.

    `tell` is called now and then with what has come of it so far.
    """
    doors, outcome = loaders(folder), Outcome()
    if only is not None:
        doors = {only: doors[only]}
    names, shares = list(doors), [door.share for door in doors.values()]
    watch, order, end = _watch(folder), random.Random(seed), None if seconds is None else time.monotonic() + seconds
    with _limits():
        for number in range(inputs):
            if end is not None and time.monotonic() > end:
                break
            if number % _OFTEN == _OFTEN - 1:
                tell(outcome)
            name = order.choices(names, shares)[0]
            _one(doors[name], name, random.Random(f"{seed}/{number}"), outcome, watch)
    return outcome


_WATCHES: dict[str, Watch] = {}


def _watch(folder: Path) -> Watch:
    return _WATCHES.setdefault(str(folder), Watch(folder))


def _one(door: Loader, name: str, rng: random.Random, outcome: Outcome, watch: Watch) -> None:
    given = door.make(rng)
    begun = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, SLOW)
    watch.on = True
    try:
        door.feed(given)
    except KNOWN:
        outcome.refused[name] += 1
    except TooSlowError:
        outcome.fault(f"{name}: slow at {_where(sys.exc_info()[2])}", traceback.format_exc(limit=-12), given)
    except Exception as error:
        kind = type(error).__name__
        outcome.fault(f"{name}: {kind} at {_where(error.__traceback__)}", traceback.format_exc(limit=-14), given)
    finally:
        watch.on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
    outcome.counts[name] += 1
    spent = time.monotonic() - begun
    if spent > outcome.slowest[0]:
        outcome.slowest = (spent, name)
    for event in watch.found:
        outcome.fault(f"{name}: outside", event, given)
    watch.found.clear()


def _where(trace: Any) -> str:
    """The last place of the product's own in a traceback."""
    here = [one for one in traceback.extract_tb(trace) if "/emulator/" in one.filename or "/hwmodels/" in one.filename]
    return f"{Path(here[-1].filename).name}:{here[-1].lineno}" if here else "?"


@contextmanager
def _limits() -> Iterator[None]:
    """A limit on memory and on the time of each input, while this lasts."""

    def stop(*_: Any) -> None:
        raise TooSlowError

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)
