"""When nodes answer."""

from __future__ import annotations

from typing import Annotated

from hwmodels.fields import Quantity, Section


class Clock(Section):
    """Timing of the nodes."""

    node_update_interval: Annotated[float, Quantity("s", low=0, above=True)] | None = 1e-9
    """Time between two updates of a node, which is also the time step of the emulation."""
