"""The schedule of the rate: a factor per sample, 1 unless it warms up or decays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.errors import EngineError


@dataclass(frozen=True)
class RateSchedule:
    """Factor on the port's rate, as a function of the number of samples seen.

    It rises linearly over the first `warm_up` samples, and then falls along half a cosine to `floor` at sample
    `decay`.

    Parameters
    ----------
    warm_up : int
        Samples over which the rate rises, at least 0.
    decay : int or None
        Sample at which the rate has fallen to `floor`, above `warm_up`; None: it does not fall.
    floor : float
        Factor that is left in the end, 0 to 1.

    Raises
    ------
    EngineError
        For a value outside its range.
    """

    warm_up: int = 0
    decay: int | None = None
    floor: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.warm_up, bool) or not isinstance(self.warm_up, int) or self.warm_up < 0:
            raise EngineError(f"rate schedule: warm_up is {self.warm_up!r}; allowed: whole numbers from 0")
        if self.decay is not None and (
            isinstance(self.decay, bool) or not isinstance(self.decay, int) or self.decay <= self.warm_up
        ):
            raise EngineError(
                f"rate schedule: decay is {self.decay!r}; allowed: a whole number above warm_up ({self.warm_up})"
            )
        if isinstance(self.floor, bool) or not isinstance(self.floor, int | float) or not 0 <= self.floor <= 1:
            raise EngineError(f"rate schedule: floor is {self.floor!r}; allowed: 0 to 1")

    def factors(self, start: int, count: int) -> NDArray[np.float64]:
        """The factors (count,) of samples ``start``, ``start + 1``, ..."""
        n = np.arange(start, start + count)
        rising = np.minimum(1.0, (n + 1) / (self.warm_up + 1))
        if self.decay is None:
            return rising
        done = np.clip((n - self.warm_up) / (self.decay - self.warm_up), 0.0, 1.0)
        return np.asarray(rising * (self.floor + (1 - self.floor) * 0.5 * (1 + np.cos(math.pi * done))))
