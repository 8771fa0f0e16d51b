"""The clocks of a run: its steps, and its holds.

brian2 takes a time that is nearer to a tick of a clock than a ten-thousandth of the time between two for that tick. A run
ends one step after its last hold, so where a hold has ten thousand steps or more its last sample would never be read.
Steps are powers of two and times exact, so nothing need be forgiven.
"""

from __future__ import annotations

import numpy as np
from brian2 import Clock, second

#: one engine step in brian2's time: a power of two, so that every clock and delay is exact in floating point
STEP = 2.0**-10


class ExactClock(Clock):
    """A clock that ticks at every time before the end of a run, however shortly before it."""

    dt = Clock.dt  # brian2 looks for it in the very class

    def _calc_timestep(self, target_t: float) -> np.int64:
        nearest = np.int64(np.round(target_t / self.dt_))
        return nearest if nearest * self.dt_ == target_t else np.int64(np.ceil(target_t / self.dt_))


def clocks_of(steps: int) -> tuple[Clock, Clock]:
    """Clocks that tick every step, and at the beginning of every hold of so many steps and the end of the last."""
    step = STEP * second
    return ExactClock(dt=step, name="step_clock"), ExactClock(dt=steps * step, name="hold_clock")
