"""Writing files so that they appear complete or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO


def atomic_write(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside `path`, then put it in its place in one step.

    Parameters
    ----------
    path : str or path-like
        Taken as given; a file that is there already is replaced.
    write : callable
        Gets the new file, open for writing bytes. If it raises, `path` stays as it was.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    temporary = Path(path).with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
