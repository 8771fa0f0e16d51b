"""Maps of what settles, and how fast: every cell measured in brian2 and predicted from the linearised step.

A cell is measured on the samples one after another, from a blank substrate, and settles if they all do within the
horizon. Each is held for half as long again: settling is measured against the end of the hold, and what still drifts
there would seem to have settled. The prediction follows the deviation that each sample starts with through the step
linearised near its rest; where that is not within the tolerance by the horizon, the cell is predicted not to settle,
whether deviations grow (spectral radius 1 or more) or only die slowly. Beside it stands how far the gradient at rest is
from backpropagation: as measured, and as the law's own rest has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure import Reference
from emulator.measure.forecast import follow, needed
from emulator.measure.rest import operating_point
from emulator.measure.stability import Prediction, linearised, radius_of
from emulator.network.batch import Inputs
from emulator.runs.settle import settle


@dataclass(frozen=True)
class Forecast:
    """What the linearised step says of a cell.

    Parameters
    ----------
    radius : float
        Largest spectral radius at the rest of any sample; NaN where none was found.
    steps : float
        Settling steps of the slowest sample, as `SettleResult.settling_steps` counts them; inf if never.
    """

    radius: float
    steps: float


class Taken(NamedTuple):
    """What is measured of a cell: settling steps of the slowest sample, and error and cosine of the gradient."""

    steps: float
    gradient: float
    cosine: float


@dataclass(frozen=True)
class Cell:
    """One cell of a map.

    Parameters
    ----------
    map : str
    column, row : int
        Its place on the two axes.
    horizon : int
        Steps within which every sample must settle.
    radius, predicted : float
        As in `Forecast`.
    settled : bool
        Whether every sample settled within the horizon.
    measured : float
        Settling steps of the slowest sample; inf where one did not settle.
    transit : float
        Steps per mean line delay.
    gradient, cosine : float
        Measured error of the gradient against backpropagation, relative, and the cosine between both; NaN where a
        sample did not settle.
    bias : float
        That error as computed from the rest of the law; NaN where the law rests at backpropagation.
    """

    map: str
    column: int
    row: int
    horizon: int
    radius: float
    predicted: float
    settled: bool
    measured: float
    transit: float
    gradient: float = math.nan
    cosine: float = math.nan
    bias: float = math.nan

    @property
    def biased(self) -> bool:
        """Whether the law rests elsewhere than at backpropagation."""
        return not math.isnan(self.bias)

    @property
    def predicted_to_settle(self) -> bool:
        """Whether the prediction is within the horizon."""
        return self.predicted <= self.horizon

    @property
    def same_side(self) -> bool:
        """Whether measurement and prediction agree on what settles within the horizon."""
        return self.settled == self.predicted_to_settle

    @property
    def error(self) -> float:
        """Predicted over measured settling time, less 1; inf where only one of them is finite, NaN where neither is."""
        if not self.settled:
            return math.nan
        return (self.predicted - self.measured) / self.measured if self.measured else float(self.predicted != 0)

    def to_dict(self) -> dict[str, Any]:
        """The same as a plain table; what is not finite becomes None."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Agreement:
    """How well predictions and measurements of many cells agree.

    Parameters
    ----------
    cells, settled : int
        How many there are, and how many were measured to settle.
    same_side : int
        Cells where both say the same of settling within the horizon.
    close : int
        Settled cells whose settling time was predicted within the asked share.
    within : float
        That share.
    disagreeing : tuple of Cell
        All others.
    """

    cells: int
    settled: int
    same_side: int
    close: int
    within: float
    disagreeing: tuple[Cell, ...]

    @property
    def boundary_share(self) -> float:
        """Share of cells on the same side of the boundary."""
        return self.same_side / self.cells if self.cells else math.nan

    @property
    def time_share(self) -> float:
        """Share of settled cells whose time was predicted; NaN where none settled."""
        return self.close / self.settled if self.settled else math.nan

    def good(self, boundary: float = 0.95, time: float = 0.9) -> bool:
        """Whether such shares agree on the boundary, and of the settled ones on the time."""
        return self.boundary_share >= boundary and not self.time_share < time


@dataclass(frozen=True)
class Map:
    """The axes of a map.

    Parameters
    ----------
    name : str
    x_label, y_label : str
        With units.
    x_ticks, y_ticks : tuple of str
        The values on both axes, as text.
    """

    name: str
    x_label: str
    y_label: str
    x_ticks: tuple[str, ...]
    y_ticks: tuple[str, ...]

    def place(self, cell: Cell) -> str:
        """Where a cell is, in words."""
        return f"{self.x_label} = {self.x_ticks[cell.column]}, {self.y_label} = {self.y_ticks[cell.row]}"


def agreement(cells: Iterable[Cell], within: float = 0.2) -> Agreement:
    """Compare predictions with measurements.

    Parameters
    ----------
    cells : iterable of Cell
    within : float
        By what share of the measured settling time a prediction may be off.
    """
    cells = list(cells)
    settled = [cell for cell in cells if cell.settled]
    close = [cell for cell in settled if abs(cell.error) <= within]
    wrong = tuple(c for c in cells if not c.same_side or (c.settled and not abs(c.error) <= within))
    return Agreement(len(cells), len(settled), sum(c.same_side for c in cells), len(close), within, wrong)


def forecast(graph: ScatteringGraph, exact: Reference, *, horizon: int, tolerance: float) -> Forecast:
    """Predict a cell from the exact rests of its samples.

    Parameters
    ----------
    graph : ScatteringGraph
    exact : Reference
        Of all samples, in their order.
    horizon : int
        Steps; deviations are followed for half as many again, beyond that the spectral radius says how long it takes.
    tolerance : float
    """
    samples = len(next(iter(exact.states.values())))
    before, radii, slowest = None, [], 0.0
    for sample in range(samples):
        step = linearised(graph, operating_point(graph, exact, sample))
        found = follow(graph, step, tolerance=tolerance, before=before, most=hold_of(horizon))
        try:
            radius, method = radius_of(step)
            steps = needed(found, Prediction(radius, tolerance, method))
        except EngineError:
            radius, steps = math.nan, found.within
        slowest, before = max(slowest, steps), step
        radii.append(radius)
    return Forecast(float(np.max(radii)), slowest)


def measure(
    graph: ScatteringGraph,
    inputs: Inputs,
    targets: Any,
    exact: Reference,
    *,
    horizon: int,
    tolerance: float,
    target: str = "auto",
) -> Taken:
    """A cell in brian2; settling steps are inf where a sample does not settle within the horizon."""
    seconds = hold_of(horizon) * graph.step
    how: dict[str, Any] = {"tolerance": tolerance, "target": target, "diagnose": False}
    with np.errstate(over="ignore", invalid="ignore"):
        result = settle(graph, inputs, targets, hold_seconds=seconds, **how)
    steps = float(result.settling_steps.max())
    if not (result.settled.all() and steps <= horizon):
        return Taken(math.inf, math.nan, math.nan)
    errors = result.errors(exact)
    return Taken(steps, errors["gradient"], errors["gradient_cosine"])


def bias_of(graph: ScatteringGraph, exact: Reference) -> float:
    """Error of the gradient at the law's own rest, NaN where that is backpropagation."""
    found = family_of(graph.law).bias(graph, exact)
    return math.nan if found is None else found.gradient


def hold_of(horizon: int) -> int:
    """Steps for which a sample is presented."""
    return horizon + math.ceil(horizon / 2)
