"""What is kept for an object as long as the object lives, whether it can be hashed or not.

What is kept must not refer to the object: else both stay for ever.
"""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

T = TypeVar("T")
#: synapses of a network up to which numbers are kept from one run to the next: making them anew takes others no time
MOST_KEPT = 1 << 20


class Kept(Generic[T]):
    """One value for each of some objects, told apart by which they are."""

    def __init__(self) -> None:
        self._values: dict[int, T] = {}

    def get(self, owner: object) -> T | None:
        """The value kept for an object; None without one."""
        return self._values.get(id(owner))

    def put(self, owner: object, value: T) -> None:
        """Keep a value, in place of the one before."""
        if id(owner) not in self._values:
            weakref.finalize(owner, self._values.pop, id(owner), None).atexit = False
        self._values[id(owner)] = value
