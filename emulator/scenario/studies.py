"""The sections of a scenario file that turn one run into a study of many."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from emulator.errors import ScenarioError
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
        Keys of the scenario to change by model, such as fields of the hardware that a preset lacks.
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


class ClaimsConfig(Section):
    """The claims behind training by wave scattering, each checked against its equation.

    Parameters
    ----------
    checks : list of str
        Names of `emulator.study.claims.CLAIMS`; all by default.
    """

    checks: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)


class AxisConfig(Section):
    """One axis of a map: a key of the scenario, and its values.

    Parameters
    ----------
    key : str
        Dotted key, such as ``law.beta``.
    label : str
        With its unit.
    values : list, optional
        The values themselves; else the grid goes from `first` to `last`.
    ticks : list of str, optional
        What to write at values that are no numbers.
    first, last : float, optional
    log : bool
        Whether the grid is even in the logarithm.
    """

    key: Annotated[str, Field(min_length=1)]
    label: Annotated[str, Field(min_length=1)]
    values: Annotated[list[Any], Field(min_length=2)] | None = None
    ticks: list[str] | None = None
    first: float | None = None
    last: float | None = None
    log: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> AxisConfig:
        if (self.values is None) == (self.first is None or self.last is None):
            raise ScenarioError(f"atlas: axis {self.key} has values, first and last mixed; "
                                "allowed: values, or first and last")  # fmt: skip
        if self.log and not all(end is None or end > 0 for end in (self.first, self.last)):
            raise ScenarioError(f"atlas: axis {self.key} goes from {self.first} to {self.last}; "
                                "allowed with log: ends above 0")  # fmt: skip
        if self.ticks is not None and len(self.ticks) != len(self.values or ()):
            raise ScenarioError(f"atlas: axis {self.key} has {len(self.ticks)} ticks for "
                                f"{len(self.values or ())} values; allowed: one for each")  # fmt: skip
        return self

    def grid(self, count: int) -> list[Any]:
        """The values; `count` of them where they are not given."""
        if self.values is not None:
            return list(self.values)
        space = np.geomspace if self.log else np.linspace
        return [float(f"{value:.4g}") for value in space(self.first or 0.0, self.last or 0.0, count)]


class MapConfig(Section):
    """One map of an atlas.

    Parameters
    ----------
    name : str
    x, y : AxisConfig
    set : dict
        Keys of the scenario that this map changes, by dotted name.
    horizon : int, optional
        Steps within which a cell must settle; that of the atlas by default.
    """

    name: Annotated[str, Field(min_length=1)]
    x: AxisConfig
    y: AxisConfig
    set: dict[str, Any] = Field(default_factory=dict)
    horizon: Annotated[int, Field(ge=10, le=10**9)] | None = None


class AtlasConfig(Section):
    """Maps of what settles, and how fast: each cell measured and predicted.

    Parameters
    ----------
    grid : int
        Values on every axis that does not list its own.
    horizon : int
        Steps within which a cell must settle; it is held for half as long again.
    within : float
        By what share of the measured settling time a prediction may be off.
    maps : list of MapConfig
    """

    grid: Annotated[int, Field(ge=2, le=1000)] = 8
    horizon: Annotated[int, Field(ge=10, le=10**9)] = 1000
    within: Annotated[float, Field(gt=0, lt=1)] = 0.2
    maps: Annotated[list[MapConfig], Field(min_length=1)]
