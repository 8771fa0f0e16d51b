"""A clock for what tells the time that is left."""

from __future__ import annotations


class Clock:
    """Seconds that pass when they are told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now
