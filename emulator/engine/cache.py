"""Where what was compiled is kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Where compiled programs are kept: ``$BACKWAVE_CACHE``, else ``backwave`` in the user's cache directory."""
    base = os.environ.get("BACKWAVE_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backwave"
