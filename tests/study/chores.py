"""Work for processes that needs no substrate: they start quickly."""

from __future__ import annotations

import os
import signal


def square(work: int, items: tuple[int, ...]) -> list[int]:
    """Work that is done, unless the item is below 0: then the process dies."""
    if min(items) < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return [work * item * item for item in items]


def raising(work: int, items: tuple[int, ...]) -> list[int]:
    """Work that cannot be done."""
    raise OSError(28, "No space left on device")
