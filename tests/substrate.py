"""Substrates and runs that many tests share."""

from __future__ import annotations

from hwmodels import HardwareModel, Steps, load

STEP = 1e-9


def delays(low: int = 1, high: int = 5, *, backward: tuple[int, int] | None = None) -> HardwareModel:
    """Line delays of `low` to `high` steps, forward and backward drawn on their own."""
    back = backward or (low, high)
    return load("ideal").replace(
        {
            "lines.delay_forward": Steps(step=STEP, fewest=low, most=high),
            "lines.delay_backward": Steps(step=STEP, fewest=back[0], most=back[1]),
        }
    )
