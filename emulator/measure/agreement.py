"""How what a run held agrees with what is exact: length of the deviation, and cosine of the angle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def in_one_row(held: Mapping[str, Any], exact: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """What is held and what is exact of all layers of `exact`: arrays, or gradients of a weight and a bias."""
    ours, true = (
        np.concatenate([np.ravel(part) for name in exact for part in _parts(values[name])]) for values in (held, exact)
    )
    return ours, true


@np.errstate(over="ignore", invalid="ignore")
def relative_error(ours: Floats, true: Floats) -> float | None:
    """Norm of the deviation over the norm of what is exact; None where that is 0."""
    size = float(np.linalg.norm(true))
    return float(np.linalg.norm(ours - true)) / size if size > 0 else None


@np.errstate(over="ignore", invalid="ignore")
def cosine(ours: Floats, true: Floats) -> float | None:
    """Cosine of the angle between both; None where one is 0."""
    size = float(np.linalg.norm(true) * np.linalg.norm(ours))
    return float(ours @ true / size) if size > 0 else None


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
