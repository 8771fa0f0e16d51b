"""Where a study looks: the places on its axes, times the chips that are sampled there, times the runs on each chip.

Grid axes are combined with each other; sampled axes are drawn together, and the same sample is taken at every place of
the grid. Chip `k` is drawn from the same seed wherever it stands, and so is the noise of run `m`: what differs between
two places is what the axes changed, not luck (common random numbers).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from emulator.errors import ScenarioError
from emulator.scenario.axes import Scale
from hwmodels import rng

Method = Literal["grid", "random", "latin-hypercube", "sobol"]


#: share of a distribution, on either side, that is never drawn
_RARE = 1e-9
#: points of a study at most
MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Axis:
    """A key and the values that it takes: those listed, or samples between two ends.

    Parameters
    ----------
    key : str
        Name of the axis.
    values : tuple
        For a grid axis.
    low, high : float
        Ends of a sampled axis.
    scale : {"linear", "log"}
        Whether equal differences or equal ratios count as equal steps.
    whole : bool
        Whether samples are rounded to whole numbers.
    middle, deviation : float
        With a deviation, samples are normal about the middle and cut off at the ends; on a logarithmic scale they are lognormal:
        the middle is the median, and the deviation that of the natural logarithm.
    """

    key: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    scale: Scale = "linear"
    whole: bool = False
    middle: float = 0.0
    deviation: float = 0.0

    @property
    def sampled(self) -> bool:
        """Whether the values are drawn."""
        return not self.values

    def at(self, unit: NDArray[np.float64]) -> list[float] | list[int]:
        """Values at positions from 0 to 1 between the two ends: of distributions, their quantiles."""
        if self.deviation:
            values = self._quantiles(unit)
        elif self.scale == "log":
            values = self.low * (self.high / self.low) ** unit
        else:
            values = self.low + (self.high - self.low) * unit
        low, high = min(self.low, self.high), max(self.low, self.high)
        if self.whole:
            return [int(value) for value in np.clip(np.rint(values), np.ceil(low), np.floor(high))]
        return [float(value) for value in np.clip(values, low, high)]

    def _quantiles(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the normal or lognormal distribution between the ends."""
        log, middle = self.scale == "log", math.log(self.middle) if self.scale == "log" else self.middle
        ends = [
            math.log(end) if log and 0 < end < math.inf else -math.inf if log and end <= 0 else end
            for end in (self.low, self.high)
        ]
        first, last = (float(ndtr((end - middle) / self.deviation)) for end in ends)
        inside = np.clip(first + (last - first) * unit, max(first, _RARE), min(last, 1 - _RARE))
        found = middle + self.deviation * ndtri(inside)
        return np.exp(found) if log else found


@dataclass(frozen=True)
class Place:
    """One point of a study: its number, its values on the axes, which chip, and which run on it."""

    ordinal: int
    axes: dict[str, Any]
    chip: int
    noise: int


def places(
    axes: Sequence[Axis],
    *,
    method: Method = "grid",
    points: int = 0,
    seed: int = 0,
    chips: int = 1,
    noise: int = 1,
) -> list[Place]:
    """All points of a study, in an order that does not depend on anything else.

    Parameters
    ----------
    axes : sequence of Axis
    method : {"grid", "random", "latin-hypercube", "sobol"}
        How sampled axes are drawn.
    points : int
        Number of samples.
    seed : int
        Seeds the samples.
    chips, noise : int
        Chips at every place, runs on every chip.

    Raises
    ------
    ScenarioError
        If there are sampled axes and the method draws none, or the other way round; if there are too many points.
    """
    grid = [axis for axis in axes if not axis.sampled]
    drawn = [axis for axis in axes if axis.sampled]
    count = math.prod(len(axis.values) for axis in grid) * (points if drawn else 1) * chips * noise
    if count > MOST_POINTS:
        raise ScenarioError(f"the study has {count:,} points; allowed: at most {MOST_POINTS:,}")
    sample = draw(drawn, method, points, seed)
    product = [dict(zip((axis.key for axis in grid), values, strict=True)) for values in _product(grid)]
    wanted = [axis.key for axis in axes]
    found = [{**one, **other} for one in product for other in sample]
    return [
        Place(ordinal, {key: found[index][key] for key in wanted}, chip, run)
        for ordinal, (index, chip, run) in enumerate(itertools.product(range(len(found)), range(chips), range(noise)))
    ]


def draw(axes: Sequence[Axis], method: Method, points: int, seed: int) -> list[dict[str, Any]]:
    """Samples on the axes, each a value by key; one empty sample if there are no axes."""
    if not axes:
        if method != "grid":
            raise ScenarioError(f"sampling.method is {method!r}; allowed without an axis that is sampled: grid")
        return [{}]
    if method == "grid":
        raise ScenarioError(
            f"axis {axes[0].key!r} is sampled and sampling.method is 'grid'; "
            "allowed: random, latin-hypercube, sobol, or a range of the axis"
        )
    if method == "random":
        unit = np.column_stack([rng(seed, "axis", axis.key).random(points) for axis in axes])
    elif method == "latin-hypercube":
        unit = qmc.LatinHypercube(len(axes), seed=rng(seed, "latin hypercube")).random(points)
    else:
        if points & (points - 1):
            raise ScenarioError(f"sampling.points is {points}; allowed with sobol: a power of two")
        unit = qmc.Sobol(len(axes), seed=rng(seed, "sobol")).random(points)
    columns = [axis.at(unit[:, place]) for place, axis in enumerate(axes)]
    return [dict(zip((axis.key for axis in axes), values, strict=True)) for values in zip(*columns, strict=True)]


def _product(grid: Sequence[Axis]) -> itertools.product[tuple[Any, ...]]:
    return itertools.product(*(axis.values for axis in grid))
