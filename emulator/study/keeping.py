"""Parts of a study that may have been computed before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: gets the name of a part and what computes it, a plain table; returns the table
Keep = Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]


def compute(name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Keep nothing: compute every part."""
    return work()
