"""What all tests share: a heap that is not searched again and again, and long tests begun first."""

from __future__ import annotations

import gc

import pytest

import emulator.engine  # noqa: F401


def pytest_runtest_setup(item: pytest.Item) -> None:
    """brian2 collects garbage after every run: let it pass over what was there before the test, such as its caches."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
