"""What the points of a study show together: bands along an axis, cells of two axes, and how often targets are met."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.study.evidence import Evidence, Floats

#: the share of points between the ends of a band
BAND = 0.9
#: an axis with more different values than this is cut into BINS ranges of equally many points
MOST_VALUES, BINS = 16, 10
#: an axis of positive numbers that spans at least this factor is drawn on a logarithmic scale
LOG_SPAN = 20.0


@dataclass(frozen=True)
class Coordinate:
    """Where the n points of a study are along one of its axes.

    Parameters
    ----------
    key : str
    labels : tuple of V str
        Its places: different values in ascending order (numbers) or order of appearance, or ranges of values.
    numbers : (V,) float64 or None
        The value at each place (for a range, the median of the values in it); None if they are no numbers.
    place : (n,) int64
        Where each point is.
    log : bool
        Whether it is best drawn on a logarithmic scale.
    binned : bool
        Whether the places are ranges.
    """

    key: str
    labels: tuple[str, ...]
    numbers: Floats | None
    place: NDArray[np.int64]
    log: bool
    binned: bool


@dataclass(frozen=True)
class Band:
    """A metric at the V places of an axis.

    Parameters
    ----------
    low, median, high : (V,) float64
        Quantiles of the points there that have the metric; NaN where none has.
    count, missing : (V,) int64
        Points there with the metric and without.
    """

    low: Floats
    median: Floats
    high: Floats
    count: NDArray[np.int64]
    missing: NDArray[np.int64]


@dataclass(frozen=True)
class Spread:
    """A sample of numbers in short: quantiles (NaN if there is none), and how many there are and are missing."""

    low: float
    median: float
    high: float
    count: int
    missing: int


def coordinates(evidence: Evidence) -> list[Coordinate]:
    """The axes of a study, in the order of its file."""
    return [_coordinate(key, column, evidence.told(key)) for key, column in evidence.axes.items()]


def spread(values: Floats) -> Spread:
    """Median and band of the finite values."""
    known = values[np.isfinite(values)]
    low, median, high = quantiles(known)
    return Spread(low, median, high, len(known), len(values) - len(known))


def quantiles(values: Floats) -> tuple[float, float, float]:
    """Lower end of the band, median, upper end; NaN of nothing."""
    if not len(values):
        return (np.nan,) * 3
    low, median, high = np.quantile(values, ((1 - BAND) / 2, 0.5, (1 + BAND) / 2))
    return float(low), float(median), float(high)


def band(axis: Coordinate, values: Floats, chosen: NDArray[np.bool_] | None = None) -> Band:
    """A metric (n,) along an axis, of all points or of the chosen ones (n,)."""
    kept = np.ones(len(values), dtype=bool) if chosen is None else chosen
    found = [spread(values[kept & (axis.place == place)]) for place in range(len(axis.labels))]
    return Band(*(np.array([getattr(one, name) for one in found]) for name in ("low", "median", "high")),
                *(np.array([getattr(one, name) for one in found], dtype=np.int64) for name in ("count", "missing")))  # fmt: skip


def cells(down: Coordinate, across: Coordinate, values: Floats) -> Floats:
    """Median of a metric (n,) at every pair of places (V_down, V_across); NaN where no point has it."""
    grid = np.full((len(down.labels), len(across.labels)), np.nan)
    for row, column in np.ndindex(grid.shape):
        here = values[(down.place == row) & (across.place == column)]
        grid[row, column] = quantiles(here[np.isfinite(here)])[1]
    return grid


def failures(evidence: Evidence) -> Iterator[tuple[str, str, list[int]]]:
    """Status, reason and points (indices) of what failed or did not settle, the most frequent first."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, (status, reason) in enumerate(zip(evidence.status, evidence.reason, strict=True)):
        if status != "settled":
            groups.setdefault((str(status), reason or ""), []).append(index)
    for (status, reason), points in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        yield status, reason, points


def _coordinate(key: str, column: NDArray[Any], told: Mapping[str, Any]) -> Coordinate:
    log = told.get("scale") == "log"
    if column.dtype != np.float64:
        listed, ticks = told.get("values") or (), told.get("ticks") or ()
        names = dict(zip(map(_label, listed), map(str, ticks), strict=False))
        labels = [names.get(label := _label(value), label) for value in column]
        known = list(dict.fromkeys(labels))
        return Coordinate(
            key, tuple(known), None, np.array([known.index(one) for one in labels], dtype=np.int64), False, False
        )
    values, place = np.unique(column, return_inverse=True)
    log = bool(len(values) and values[0] > 0 and (log or values[-1] >= LOG_SPAN * values[0]))
    if len(values) <= MOST_VALUES:
        return Coordinate(key, tuple(f"{value:.6g}" for value in values), values, place.astype(np.int64), log, False)
    edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1), method="nearest"))
    place = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
    middles = np.array([np.median(column[place == k]) for k in range(len(edges) - 1)])
    ranges = tuple(f"{low:.3g} to {high:.3g}" for low, high in itertools.pairwise(edges))
    return Coordinate(key, ranges, middles, place.astype(np.int64), log, True)


def _label(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
