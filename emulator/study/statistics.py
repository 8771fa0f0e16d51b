"""How sure a share is, and which axis moves a metric most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaln, xlog1py, xlogy
from scipy.stats import beta

from emulator.study.design import Axis
from emulator.study.store import Sensitivity

Floats = NDArray[np.float64]
#: slopes so small against the metric itself are rounding errors
_ROUNDING = 1e-12


def share_interval(met: float, total: int, confidence: float) -> tuple[float, float]:
    """Two-sided interval of a share of which `met` of `total` independent trials were seen to have it.

    It covers the true share at least as often as `confidence` says, whatever the share (C. J. Clopper and E. S.
    Pearson, Biometrika 26, 404, 1934). `met` may be a part of a trial: see `interval_by_chip`.
    """
    # scipy's binomtest(...).proportion_ci finds the same ends by iteration, to 1e-13: stores keep these to the last digit
    tail = (1 - confidence) / 2
    return lower_bound(met, total, 1 - tail), upper_bound(met, total, 1 - tail)


def lower_bound(met: float, total: int, confidence: float) -> float:
    """The share is at least this, with this confidence."""
    return 0.0 if met == 0 else float(beta.ppf(1 - confidence, met, total - met + 1))


def upper_bound(met: float, total: int, confidence: float) -> float:
    """The share is at most this, with this confidence."""
    return 1.0 if met == total else float(beta.ppf(confidence, met + 1, total - met))


@lru_cache(maxsize=1 << 16)
def share_sequence(met: float, total: int, confidence: float) -> tuple[float, float]:
    """Interval of a share that may be looked at after every trial: all of them together cover it as often as `confidence` says.

    It holds the shares p under which the mixture of all shares, with the weight of Jeffreys, is not ``1/(1 - confidence)``
    times as likely: that ratio is a martingale with mean 1, which seldom ever grows so large (J. Ville 1939; H. Robbins, Ann. Math.
    Statist. 41, 1397, 1970).
    """
    if total == 0:
        return 0.0, 1.0
    bad, limit = total - met, betaln(met + 0.5, total - met + 0.5) - betaln(0.5, 0.5) + np.log(1 - confidence)

    def beyond(share: float) -> float:
        return float(xlogy(met, share) + xlog1py(bad, -share) - limit)

    middle = met / total
    low = 0.0 if met == 0 else brentq(beyond, 1e-300, middle) if beyond(1e-300) < 0 else 0.0
    high = 1.0 if bad == 0 else brentq(beyond, middle, 1 - 1e-16) if beyond(1 - 1e-16) < 0 else 1.0
    return float(low), float(high)


def interval_of(sequential: bool) -> Callable[[float, int, float], tuple[float, float]]:
    """How a share's interval is found: by one look, or by looks that may have ended the sampling."""
    return share_sequence if sequential else share_interval


def interval_by_chip(
    met: int, total: int, chips: int, confidence: float, sequential: bool = False
) -> tuple[float, float]:
    """Interval of a share of `total` trials that so many chips made, each at several places: no surer than that many trials.

    Trials of one chip share its draws. Were they all alike, each chip would count once; where they are less alike, the interval
    is wider than it need be (after E. L. Korn and B. I. Graubard, Survey Methodology 24, 193, 1998, whose effective number of
    trials this takes for the smallest that it can be).
    """
    return interval_of(sequential)(met * chips / total, chips, confidence)


def chips_needed(
    bad: int,
    share: float,
    confidence: float,
    interval: Callable[[float, int, float], tuple[float, float]] | None = None,
) -> int:
    """The fewest chips that show a share with this confidence if `bad` of them are bad and all others are good.

    With `interval` by its lower end, by default by the one-sided bound.
    """

    def least(met: int, total: int) -> float:
        return lower_bound(met, total, confidence) if interval is None else interval(met, total, confidence)[0]

    enough = bad + 1
    while least(enough - bad, enough) < share:
        enough *= 2
    lacking = enough // 2
    while enough - lacking > 1:
        middle = (enough + lacking) // 2
        if middle > bad and least(middle - bad, middle) >= share:
            enough = middle
        else:
            lacking = middle
    return enough


def chips_that_meet(
    chip: NDArray[np.int64], met: NDArray[np.bool_], failed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which chips are good, and of which that is known, from n runs.

    A chip is bad if any of its runs missed the targets, and good if all of them met them. A run that ended in an error
    measured nothing: where it is what would decide, nothing is known of the chip.

    Parameters
    ----------
    chip : (n,) int64
        Numbers from 0.
    met, failed : (n,) bool
        Whether a run met all targets, and whether it ended in an error.
    """
    count = int(chip.max(initial=-1)) + 1
    bad, lost = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    np.logical_or.at(bad, chip, ~met & ~failed)
    np.logical_or.at(lost, chip, failed)
    return ~bad & ~lost, bad | ~lost


def sensitivities(
    axes: Sequence[Axis], columns: Mapping[str, NDArray[Any]], metrics: Mapping[str, Floats]
) -> list[Sensitivity]:
    """Slopes of every metric along all numeric axes, from one least-squares plane through all points.

    An axis is measured from its lower to its upper end (0 to 1, in logarithms if its scale is logarithmic), so slopes
    are in units of the metric and can be compared; axes that carry names, or one value, have none.

    Parameters
    ----------
    axes : sequence of Axis
    columns : mapping of key to (n,)
        Values of the points on each axis.
    metrics : mapping of name to (n,)
        NaN where missing: such points do not count.
    """
    positions = {axis.key: _position(axis, columns[axis.key]) for axis in axes if axis.key in columns}
    known = {key: place for key, place in positions.items() if place is not None}
    found = []
    for metric, values in metrics.items():
        good = np.isfinite(values)
        matrix = np.column_stack([np.ones(good.sum()), *(place[good] for place in known.values())])
        if not known or len(matrix) == 0 or np.linalg.matrix_rank(matrix) < matrix.shape[1]:
            continue
        slopes = np.linalg.lstsq(matrix, values[good], rcond=None)[0][1:]
        slopes[np.abs(slopes) <= _ROUNDING * np.abs(values[good]).max()] = 0.0
        order = np.argsort(-np.abs(slopes), kind="stable")
        keys = list(known)
        found += [Sensitivity(keys[place], metric, float(slopes[place]), rank) for rank, place in enumerate(order, 1)]
    return found


def _position(axis: Axis, column: NDArray[Any]) -> Floats | None:
    """Positions on an axis from 0 to 1; None where it has no such thing."""
    if column.dtype == object or len(column) == 0:
        return None
    values = np.log(column) if axis.scale == "log" and (column > 0).all() else column
    span = float(np.ptp(values))
    return (values - values.min()) / span if span > 0 else None
