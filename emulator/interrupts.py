"""Ctrl-C and SIGTERM end the work at once, wherever it is, and keep what is finished.

Python raises `KeyboardInterrupt` wherever the main thread happens to be. In a callback of the garbage collector, of which
a simulation has many, it would be reported and forgotten and the work would go on: an interrupt lost there is sent again.
Another signal within a second of the first is the same wish, and does not disturb the tidying up.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: seconds after an interrupt in which further ones are not heard, and after which a lost one is sent again
_DEAF, _AGAIN = 1.0, 0.02


class Terminated(KeyboardInterrupt):
    """Raised when the system asks the process to end (SIGTERM)."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT raise `KeyboardInterrupt` and SIGTERM `Terminated` in the main thread, and neither get lost.

    What the process was told to ignore, as a shell does for work in the background, it goes on ignoring.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = _Heard()
    hook = sys.unraisablehook
    wanted = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, heard.raise_it) for number in wanted}
    sys.unraisablehook = lambda lost: heard.send_again(lost) or hook(lost)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            if signal.getsignal(number) == heard.raise_it:
                signal.signal(number, handler)


def ignore_interrupts() -> None:
    """For a worker process: a terminal's Ctrl-C reaches it too, but it is ended by the process it works for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def status_of(stop: KeyboardInterrupt) -> int:
    """Exit status: 128 and the number of the signal."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


class _Heard:
    """What has been heard so far."""

    def __init__(self) -> None:
        self._deaf_until = 0.0

    def raise_it(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        now = time.monotonic()
        if now < self._deaf_until:
            return
        self._deaf_until = now + _DEAF
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def send_again(self, lost: Any) -> bool:
        """Whether what was lost was an interrupt; it then comes again."""
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            return False
        self._deaf_until = 0.0
        number = signal.SIGTERM if issubclass(lost.exc_type, Terminated) else signal.SIGINT
        again = threading.Timer(_AGAIN, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
        return True
