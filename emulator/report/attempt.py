"""Pictures come after the numbers: one that fails is told of, and costs nothing but itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from emulator.report.style import save


def attempt(path: Path, draw: Callable[[], Figure], troubles: list[str]) -> bool:
    """Draw a picture and write it to `path`; say in `troubles` why that was not possible."""
    try:
        save(draw(), path)
    except Exception as error:  # whatever it is, the numbers are there already
        path.unlink(missing_ok=True)
        troubles.append(f"{path.name} could not be drawn: {trouble(error)}")
        return False
    return True


def trouble(error: Exception) -> str:
    """An error in short."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
