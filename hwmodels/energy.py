"""Energy per event and per update, and standing power. What is absent is unknown, never zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import StrictBool, model_validator

from hwmodels.errors import HardwareError
from hwmodels.fields import Quantity, Section

#: one number, or one of every run (B,)
Amount = float | NDArray[np.float64]


@dataclass(frozen=True)
class EnergyEstimate:
    """Energy of a run as far as it is known."""

    parts: dict[str, Any]
    """Known contributions [J] by field name; of several runs (B,)."""
    missing: tuple[str, ...]
    """Fields that are unknown and hence not in the sum."""

    @property
    def total(self) -> Any:
        """Sum of all contributions [J], or None if any is unknown."""
        return None if self.missing else sum(self.parts.values())


class Energy(Section):
    """Costs of the substrate."""

    per_event: Annotated[float, Quantity("J", low=0)] | None = None
    """Energy of one event on one line, from driver to receiver."""
    per_synaptic_operation: Annotated[float, Quantity("J", low=0)] | None = None
    """Energy of one weight acting on one event."""
    per_node_update: Annotated[float, Quantity("J", low=0)] | None = None
    """Energy of one update of one node."""
    static_per_node: Annotated[float, Quantity("W", low=0)] | None = None
    """Standing power of one node."""
    static_per_line: Annotated[float, Quantity("W", low=0)] | None = None
    """Standing power of one line."""
    wave_power: StrictBool = False
    """Add the power that waves dissipate, where the node law defines it."""
    unit_amplitude: Annotated[float, Quantity("V", low=0, above=True)] | None = None
    """Voltage of a wave of amplitude 1; wave power needs it."""

    @model_validator(mode="after")
    def _scaled(self) -> Energy:
        if self.wave_power and self.unit_amplitude is None:
            raise HardwareError("wave_power", "needs unit_amplitude, allowed: false, or a voltage given")
        return self

    def estimate(
        self,
        *,
        events: Amount,
        synaptic_operations: Amount,
        updates: float,
        nodes: int,
        lines: int,
        duration: float,
    ) -> EnergyEstimate:
        """Energy of a run, without the dissipated wave power.

        Parameters
        ----------
        events, synaptic_operations : float, or (B,) of as many runs
            Number of events on lines, and of weights acting on an event.
        updates : float
            Number of node updates.
        nodes, lines : int
            Number of nodes and of lines that draw standing power.
        duration : float
            Length of the run [s].
        """
        amounts = {
            "per_event": events,
            "per_synaptic_operation": synaptic_operations,
            "per_node_update": updates,
            "static_per_node": nodes * duration,
            "static_per_line": lines * duration,
        }
        costs = {name: getattr(self, name) for name in amounts}
        return EnergyEstimate(
            parts={name: cost * amounts[name] for name, cost in costs.items() if cost is not None},
            missing=tuple(name for name, cost in costs.items() if cost is None),
        )
