"""A parameter port: a class of the family of ports."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.learning import Resistive


@dataclass(frozen=True)
class Halved(Resistive):
    """A resistive port that takes half of every step."""
