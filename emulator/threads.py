"""Work at threads of this very process, which ends soon when it is broken off, wherever it is.

A thread cannot be killed as a process can. So what takes it long is a program, which can (`running`), and between programs
it asks whether to go on (`go_on`). Any code may do both: where no pool of threads has shared out the work, nothing breaks
it off but an error or an interrupt.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.errors import StudyError


@dataclass
class Threads:
    """A pool of threads, for work that programs of their own do, and NumPy on long arrays: nothing is sent, and nothing has
    to start.
    """

    workers: int
    ahead: int = 0
    batch_seconds: float = 0.0
    lost: tuple[type[BaseException], ...] = ()
    _broken_off: bool = False
    _programs: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._executor = ThreadPoolExecutor(self.workers, "backwave", initializer=_pool.set, initargs=(self,))

    def share(self, work: Any) -> Any:
        """It is here already."""
        return work

    def ask(self, function: Callable[..., Any], *given: Any) -> dict[str, Any]:
        """There is no other process."""
        return {}

    def submit(self, function: Callable[..., Any], work: Any, items: tuple[Any, ...]) -> Future[Any]:
        """Let a thread call the function."""
        return self._executor.submit(function, work, items)

    def close(self) -> None:
        """Break off what is still at work: its programs are killed, and no other starts."""
        with self._lock:
            self._broken_off = True
            for program in self._programs:
                _kill(program)
        self._executor.shutdown(wait=True, cancel_futures=True)

    def go_on(self) -> None:
        """As the function of the same name."""
        if self._broken_off:
            raise StudyError("the work was broken off")

    def add(self, program: subprocess.Popen[str]) -> None:
        """A program is running for this pool; it is killed at once if the pool was closed meanwhile."""
        with self._lock:
            self._programs.add(program)
            if self._broken_off:
                _kill(program)

    def remove(self, program: subprocess.Popen[str]) -> None:
        """It has ended."""
        with self._lock:
            self._programs.discard(program)


#: the pool that the work at hand belongs to
_pool: ContextVar[Threads | None] = ContextVar("pool", default=None)


def go_on() -> None:
    """For work to call now and then, before what takes long.

    Raises
    ------
    StudyError
        If the pool that this work belongs to has been closed; nobody waits for it any more.
    """
    pool = _pool.get()
    if pool is not None:
        pool.go_on()


@contextmanager
def running(command: str | list[str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    """A program that runs within this context, and is killed where that is left before the program has ended, or broken off.

    Parameters
    ----------
    command, how
        As of `subprocess.Popen`. With ``process_group=0``, those that the program has started are killed with it.

    Raises
    ------
    StudyError
        As `go_on`.
    """
    go_on()
    pool = _pool.get()
    with subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL, **how) as program:
        try:
            if pool is not None:
                pool.add(program)
            yield program
            program.wait()
        except BaseException:
            _kill(program)
            raise
        finally:
            if pool is not None:
                pool.remove(program)
    go_on()


def output_of(command: str | list[str], folder: Path | None = None) -> tuple[int, str]:
    """The status of a command that starts others, and what it has printed: its output, and then its complaints.

    A string is for the shell. Raises as `running` does.
    """
    with running(
        command, shell=isinstance(command, str), cwd=folder, process_group=0, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, errors="replace",
    ) as program:  # fmt: skip
        said = "".join(program.communicate())
    return program.returncode, said


def _kill(program: subprocess.Popen[str]) -> None:
    """End a program; all of its group, where it leads one."""
    if program.poll() is None:
        with suppress(ProcessLookupError):
            if os.getpgid(program.pid) == program.pid:
                os.killpg(program.pid, 9)
            else:
                program.kill()
