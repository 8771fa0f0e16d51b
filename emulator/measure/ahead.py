"""Work that is done ahead of its use, by a thread beside the one that uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import numpy as np

from emulator.threads import go_on

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What a function makes of each item, in order: of the next one while the caller looks at what it was given.

    The function sees the caller's context, and NumPy's handling of errors, which older versions keep for each thread.
    """
    errors = np.geterr()

    def made(item: Item) -> Result:
        with np.errstate(**errors):
            return function(item)

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming: Future[Result] | None = None
        for item in items:
            go_on()
            following = thread.submit(copy_context().run, made, item)
            if coming is not None:
                yield coming.result()
            coming = following
        if coming is not None:
            yield coming.result()
