"""Where a number comes from."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from hwmodels.errors import HardwareError
from hwmodels.fields import Section

Status = Literal["measured", "derived", "weak", "missing", "assumed"]


class Source(Section):
    """Origin of one field.

    Statuses: *measured* (published or own measurement, or a fit to one, or the documented specification of
    the part), *derived* (computed from such figures), *weak* (second-hand, simulated, or of a related part),
    *assumed* (a choice, not a fact about the hardware), *missing* (not known: absent, or left ideal).
    """

    text: str = ""
    """The publication, data sheet, public code or file the value was taken from."""
    status: Status
    """measured, derived, weak, missing or assumed."""
    note: str = ""
    """How it was derived, and what to keep in mind."""

    @model_validator(mode="after")
    def _named(self) -> Source:
        if self.status in ("measured", "derived", "weak") and not self.text:
            raise HardwareError("text", f"must name the source of a value of status {self.status!r}")
        return self
