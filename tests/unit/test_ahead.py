"""Work done ahead of its use: in order, one piece ahead, in the caller's context, with its errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import Context, copy_context

import numpy as np
import pytest

from emulator.measure.ahead import ahead


def test_one_piece_is_done_ahead_and_no_more():
    begun, threads = [], set()

    def work(item: int) -> int:
        begun.append(item)
        threads.add(threading.get_ident())
        return item**2

    found = ahead(work, range(5))
    assert begun == []
    for k, value in enumerate(found):
        assert value == k**2 and len(begun) <= k + 2
    assert begun == list(range(5)) and threading.get_ident() not in threads and len(threads) == 1


@pytest.mark.parametrize("context", [copy_context, Context], ids=["in the context", "of each thread"])
def test_the_callers_handling_of_errors_holds(context: Callable[[], Context], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("emulator.measure.ahead.copy_context", context)
    with np.errstate(divide="raise"):
        found = ahead(lambda zero: 1.0 / np.float64(zero), [1.0, 0.0, 2.0])
        assert next(found) == 1.0
        with pytest.raises(FloatingPointError):
            next(found)
    with np.errstate(divide="ignore"):
        assert list(ahead(lambda zero: 1.0 / np.float64(zero), [0.0])) == [np.inf]


def test_an_error_comes_where_its_piece_would_and_nothing_is_left_running():
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    seen = []
    with pytest.raises(ValueError, match="two"):
        for value in ahead(work, range(9)):
            seen.append(value)
    assert seen == [0, 1]
    given_up = ahead(work, range(2))
    next(given_up)
    given_up.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("ahead")]
