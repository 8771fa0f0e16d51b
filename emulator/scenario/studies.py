"""The sections of a scenario file that turn one run into a study of many."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from emulator.scenario.section import Section

Bits = Annotated[int, Field(ge=2, le=32)]
Rms = Annotated[float, Field(gt=0)]


class TechnologiesConfig(Section):
    """The network on several hardware models, side by side.

    Parameters
    ----------
    models : list of str
        Presets, or paths of files ending in ``.toml``; by default all presets. Incomplete ones are listed with what
        they lack.
    set : dict
        Fields to change by model, such as those that a preset lacks.
    """

    models: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    set: dict[str, dict[str, Any]] = Field(default_factory=dict)


class PrecisionConfig(Section):
    """The network with waves of different word lengths, and with different receiver noise.

    Parameters
    ----------
    bits : list of int
        Word lengths, both ways.
    noise : list of float
        Rms of the receiver noise.
    floor : float
        Rms of the receiver noise in a second curve against bits.
    """

    bits: Annotated[list[Bits], Field(min_length=2)] = Field(default_factory=lambda: list(range(4, 17)))
    noise: Annotated[list[Rms], Field(min_length=2)] = Field(
        default_factory=lambda: [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    )
    floor: Rms = 1e-3
