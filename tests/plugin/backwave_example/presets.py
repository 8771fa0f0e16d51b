"""A preset: a hardware model, or a function that makes it."""

from __future__ import annotations

from hwmodels import HardwareModel


def slow_board() -> HardwareModel:
    """A board with lines of three steps."""
    return HardwareModel.from_dict(
        {"clock": {"node_update_interval": "1 ns"}, "lines": {"delay_forward": {"kind": "constant", "value": "3 ns"}}}
    )
