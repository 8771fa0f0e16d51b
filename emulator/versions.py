"""Versions of the packages that compute a result."""

from __future__ import annotations

from functools import cache
from importlib import metadata

#: of this package
__version__ = metadata.version("backwave")


def versions() -> dict[str, str]:
    """Versions of the packages that compute a result."""
    return {name: version(name) for name in ("backwave", "brian2", "numpy", "scipy")}


@cache
def version(name: str) -> str:
    """The version of a package, read once: looking it up takes longer than a short run."""
    return metadata.version(name)
