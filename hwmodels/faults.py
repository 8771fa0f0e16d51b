"""Faults of ports, lines, events and nodes."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import field_validator, model_validator

from hwmodels.errors import HardwareError
from hwmodels.fields import Quantity, Section

Direction = Literal["forward", "backward", "both"]

_PLACE = re.compile(r"[^\s\[\]]+(\[\d+(,\d+)?\])?")


class Fault(Section):
    """How often a fault occurs, and where it certainly does."""

    rate: Annotated[float, Quantity("1", low=0, high=1)] = 0.0
    """Probability per port, line or node for a lasting fault, per event for an event fault."""
    places: tuple[str, ...] = ()
    """Named places, such as "x1[3]" or a whole bundle "x1": lasting faults certainly occur there; event
    faults occur only there, at the given rate (empty: everywhere)."""
    direction: Direction = "both"
    """Which wave is affected: forward, backward or both."""

    @field_validator("places")
    @classmethod
    def _named(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        for place in places:
            if _PLACE.fullmatch(place) is None:
                raise HardwareError("", f"{place!r} is no place, allowed: a name such as 'x1' or 'x1[3]'")
        return places

    @property
    def active(self) -> bool:
        """Whether the fault can occur at all."""
        return self.rate > 0 or bool(self.places)

    def sample(self, n: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Which of `n` places (or events) have the fault by its rate, shape (n,)."""
        return rng.random(n) < self.rate


class StuckPort(Fault):
    """A port that always sends the same wave."""

    value: Annotated[float, Quantity("1")] = 0.0
    """Amplitude at which the port is stuck."""


class Faults(Section):
    """All kinds of faults; none by default."""

    stuck_port: StuckPort = StuckPort()
    """Ports that always send the same wave."""
    open_line: Fault = Fault()
    """Lines that carry nothing."""
    dropped_event: Fault = Fault()
    """Events that are lost; together with those that arrive twice at most all."""
    duplicated_event: Fault = Fault()
    """Events that arrive twice."""
    dead_node: Fault = Fault()
    """Nodes that never answer."""

    @model_validator(mode="after")
    def _rated(self) -> Faults:
        for name in ("dropped_event", "duplicated_event"):
            fault: Fault = getattr(self, name)
            if fault.places and not fault.rate:
                raise HardwareError(f"{name}.rate", "is 0 although places are named, allowed: a probability above 0")
        lost, doubled = self.dropped_event, self.duplicated_event
        apart = {lost.direction, doubled.direction} == {"forward", "backward"}
        if lost.rate + doubled.rate > 1 and not apart:
            raise HardwareError(
                "duplicated_event.rate",
                f"is {doubled.rate:g} beside dropped_event.rate {lost.rate:g}, allowed: at most 1 together",
            )
        return self
