"""The sections of a scenario file that turn one run into an experiment of many."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from emulator.scenario.axes import AxisConfig
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
        Names of `emulator.experiments.claims.CLAIMS`; all by default.
    """

    checks: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)


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


class Required(Section):
    """What share of an atlas must agree with its prediction.

    Parameters
    ----------
    boundary : float
        Of all cells, on what settles within the horizon.
    time : float
        Of the cells that settle, on the time.
    """

    boundary: Annotated[float, Field(ge=0, le=1)] = 0.95
    time: Annotated[float, Field(ge=0, le=1)] = 0.9


class AtlasConfig(Section):
    """Maps of what settles, and how fast: each cell measured and predicted.

    Parameters
    ----------
    grid : int
        Values on every axis that does not say its own.
    horizon : int
        Steps within which a cell must settle; it is held for half as long again.
    within : float
        By what share of the measured settling time a prediction may be off.
    required : Required
        What share of all cells must agree.
    maps : list of MapConfig
    """

    grid: Annotated[int, Field(ge=2, le=1000)] = 8
    horizon: Annotated[int, Field(ge=10, le=10**9)] = 1000
    within: Annotated[float, Field(gt=0, lt=1)] = 0.2
    required: Required = Required()
    maps: Annotated[list[MapConfig], Field(min_length=1)]


class CurveConfig(Section):
    """One curve of settling time against depth.

    Parameters
    ----------
    name : str
    set : dict
        Keys of the scenario that this curve changes, by dotted name.
    hidden : int, optional
        Depth is that of ``network.hidden``, so many neurons in each hidden layer; without it, it is ``network.depth``.
    """

    name: Annotated[str, Field(min_length=1)]
    set: dict[str, Any] = Field(default_factory=dict)
    hidden: Annotated[int, Field(ge=1)] | None = None


class DepthConfig(Section):
    """Settling time against depth, measured and predicted.

    Parameters
    ----------
    depths : list of int
        Layers of weights.
    horizon : int
        Steps within which a sample must settle.
    within : float
        By what share of the measured settling time a prediction may be off.
    curves : list of CurveConfig
    """

    depths: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=1)] = Field(
        default_factory=lambda: [2, 4, 8, 16, 32, 64]
    )
    horizon: Annotated[int, Field(ge=10, le=10**9)] = 2000
    within: Annotated[float, Field(gt=0, lt=1)] = 0.07
    curves: Annotated[list[CurveConfig], Field(min_length=1)]


class QuestionsConfig(Section):
    """The questions that the paper leaves open.

    Parameters
    ----------
    ask : list of str
        Names of `emulator.experiments.questions.experiment.QUESTIONS`; all by default.
    depths : list of int
        Layers of the networks on which steps to a gradient are counted.
    trained_depths : list of int
        Layers of the networks that are trained, at least 4.
    samples, tested : int
        Samples of a training, and held-out ones that it is tested on.
    """

    ask: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    depths: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=2)] = Field(
        default_factory=lambda: [4, 8, 16, 32, 64]
    )
    trained_depths: Annotated[list[Annotated[int, Field(ge=4, le=1000)]], Field(min_length=2)] = Field(
        default_factory=lambda: [4, 16, 64]
    )
    samples: Annotated[int, Field(ge=10, le=10**9)] = 1000
    tested: Annotated[int, Field(ge=10, le=360)] = 100
