"""What a claim is, and what it is checked on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from emulator.engine import WaveTraces
from emulator.measure import SettleResult, Traces
from emulator.network import Network
from emulator.network.batch import Inputs
from hwmodels import HardwareModel, load

Floats = NDArray[np.float64]


class Origin(StrEnum):
    """Who says it: the paper, with a proof or without one, or this project."""

    PROVED = "the paper proves"
    STATED = "the paper states"
    OURS = "ours"


@dataclass(frozen=True)
class Curve:
    """Points or a line in a panel.

    Parameters
    ----------
    x, y : list of float
    label : str
    expected : bool
        Whether this is what the equation says, rather than what was measured.
    """

    x: list[float]
    y: list[float]
    label: str
    expected: bool = False


@dataclass(frozen=True)
class Panel:
    """The picture of a claim.

    Parameters
    ----------
    x_label, y_label : str
        With units.
    curves : tuple of Curve
    log : bool
        Whether the vertical axis is logarithmic.
    points : bool
        Whether what was measured is shown as points rather than as lines.
    categories : tuple of str
        Names of the positions 0, 1, ... on the horizontal axis, if it has no numbers.
    """

    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log: bool = False
    points: bool = False
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A claim that has been checked.

    Parameters
    ----------
    name : str
    statement : str
        The claim in a sentence.
    origin : Origin
    source : str
        Where the paper has it, by the numbers of its equations, and what of it is ours.
    equation : str
    setup : str
        What was simulated.
    measure : str
        What `measured` is.
    measured : float
        The figure, 0 where the claim holds exactly.
    tolerance : float
        Up to which the claim counts as shown.
    panel : Panel
    """

    name: str
    statement: str
    origin: Origin
    source: str
    equation: str
    setup: str
    measure: str
    measured: float
    tolerance: float
    panel: Panel

    @property
    def holds(self) -> bool:
        """Whether the figure is within the tolerance; not a number is not."""
        return bool(self.measured <= self.tolerance)

    def to_dict(self) -> dict[str, Any]:
        """The same in plain tables, without the picture's points."""
        found = {name: value for name, value in asdict(self).items() if name != "panel"}
        return {**found, "measured": float(self.measured), "holds": self.holds}


@dataclass(frozen=True)
class Bench:
    """What the claims on networks are checked with.

    Parameters
    ----------
    network : Network
    inputs, targets
        At least one sample, as for `emulator.settle`.
    hardware : HardwareModel
        For its line delays.
    seed : int
        Root of every random draw, each under its own name.
    """

    network: Network
    inputs: Inputs
    targets: Any
    hardware: HardwareModel
    seed: int = 0


def lines_of(steps: int, back: int | None = None) -> HardwareModel:
    """Ideal lines of so many nanoseconds (steps), both ways or with another delay back."""
    forward, backward = f"{steps} ns", f"{steps if back is None else back} ns"
    return load("ideal").replace(
        {"clock.node_update_interval": "1 ns", "lines.delay_forward": forward, "lines.delay_backward": backward}
    )


def floats(values: Any) -> list[float]:
    """Any numbers as a list of floats."""
    return [float(value) for value in np.ravel(values)]


def traces(result: SettleResult) -> Traces:
    """What a run with ``traces=True`` recorded of the neurons."""
    return cast(Traces, result.traces)


def waves(result: SettleResult) -> WaveTraces:
    """What a run of two-way lines with ``traces=True`` recorded of the lines."""
    return cast(WaveTraces, result.waves)
