"""Points of curves of settling time against depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Point:
    """One network.

    Parameters
    ----------
    curve : str
    depth : int
        Layers of weights.
    predicted, measured : float
        Settling steps; inf if not within the horizon.
    lost : float
        Share of the first costates that rounding may cost.
    finite : bool
        Whether all that was held at the end was a number.
    late : bool
        Whether it did settle, but not within the horizon.
    """

    curve: str
    depth: int
    predicted: float
    measured: float
    lost: float
    finite: bool
    late: bool = False

    @property
    def error(self) -> float:
        """Predicted over measured settling time, less 1; NaN where it did not settle."""
        return self.predicted / self.measured - 1 if 0 < self.measured < math.inf else math.nan

    def near(self, share: float) -> bool:
        """Whether it settled, and was predicted within such a share of its settling time."""
        return abs(self.error) <= share

    def outcome(self, tolerance: float) -> str:
        """What came of it."""
        if math.isfinite(self.measured):
            return "settled"
        if self.late:
            return "slower than the horizon"
        if not self.finite:
            return "grows beyond all numbers"
        if self.lost > tolerance:
            return "lost in rounding"
        return "bounded oscillation" if math.isfinite(self.predicted) else "as predicted, not settled"

    def to_dict(self, tolerance: float) -> dict[str, Any]:
        """The same as a plain table; what is not finite becomes None."""
        known = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}
        return {**known, "outcome": self.outcome(tolerance)}


def growth(points: Sequence[Point]) -> float:
    """The power of depth with which settling grows, fitted to the points that settle; NaN with less than three."""
    there = [point for point in points if 0 < point.measured < math.inf]
    if len(there) < 3:
        return math.nan
    depths, steps = ([getattr(point, name) for point in there] for name in ("depth", "measured"))
    return float(np.polyfit(np.log(depths), np.log(steps), 1)[0])
