"""The standard streams of a command: there whatever the caller did with them, and silent once nobody reads."""

from __future__ import annotations

import os
import sys
from typing import Any

from emulator.text import for_terminal


def open_streams() -> None:
    """Make up for standard streams that were closed, and show what their encoding lacks by its number."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def silence(stream: Any) -> None:
    """Lead a stream that nobody reads any more to where everything vanishes."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def flush() -> None:
    """Hand over what was printed; that nobody reads it is no failure."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            silence(stream)


def complain(text: str) -> None:
    """Say a sentence on the stream of errors, which must not stop anything."""
    try:
        print(f"backwave: {for_terminal(text)}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        silence(sys.stderr)
