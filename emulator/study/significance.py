"""Whether a difference may be luck: tests, intervals, and the correction for asking several times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from emulator.study.statistics import share_sequence

Floats = NDArray[np.float64]

#: confidence of the intervals; a corrected p value below 1 - CONFIDENCE is called a difference
CONFIDENCE = 0.95
_EXACT = 50
_RESAMPLES = 999


def holm(p: Sequence[float]) -> list[float]:
    """P values corrected for their number; NaN stays NaN and does not count."""
    values = np.asarray(p, dtype=np.float64)
    corrected = np.full(len(values), np.nan)
    order = [k for k in np.argsort(values, kind="stable") if np.isfinite(values[k])]
    highest = 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * values[k]))
        corrected[k] = highest
    return [float(value) for value in corrected]


def signed_rank(differences: Floats) -> float:
    """Two-sided p value of Wilcoxon's signed-rank test.

    Differences of 0 are left out; NaN where fewer than two differences are there, or all are 0: such a metric cannot
    show a difference and takes no part in the correction (R. E. Tarone, Biometrics 46, 515, 1990). Up to 50 differences
    the distribution is that of the ranks themselves under all choices of signs, exact with ties.
    """
    moved = differences[differences != 0]
    if len(differences) < 2 or not len(moved):
        return np.nan
    if len(moved) > _EXACT:
        return float(stats.wilcoxon(moved, correction=True).pvalue)
    ranks = np.rint(2 * stats.rankdata(np.abs(moved))).astype(np.int64)  # ties have halves
    ways = np.ones(1)
    for rank in ranks:
        ways = np.pad(ways, (0, rank)) / 2 + np.pad(ways, (rank, 0)) / 2
    seen = int(ranks[moved > 0].sum())
    return float(min(1.0, 2 * min(ways[: seen + 1].sum(), ways[seen:].sum())))


def median_interval(
    values: Floats, confidence: float = CONFIDENCE, sequential: bool = False, chips: int | None = None
) -> tuple[float, float]:
    """Interval of the median that assumes nothing of the distribution; NaN where there are too few values.

    `sequential` says that one looked at the values as they came and may have stopped for them (as `share_sequence`, of the
    share below the median). `chips` says how many made the values, where each made several: these count as if they were one.
    """
    ordered, count = np.sort(values), len(values) if chips is None else chips
    if sequential:
        outside = next((k for k in range(count) if share_sequence(k, count, confidence)[1] >= 0.5), 0)
    else:
        outside = int(stats.binom.ppf((1 - confidence) / 2, count, 0.5))
    if outside < 1:
        return np.nan, np.nan
    beyond = (outside - 1) * len(ordered) // count
    return float(ordered[beyond]), float(ordered[-1 - beyond])


def shift_interval(first: Floats, second: Floats) -> tuple[float, float]:
    """Interval of the difference of two medians, second minus first, by resampling both with a fixed seed."""
    if len(first) < 2 or len(second) < 2:
        return np.nan, np.nan
    found = stats.bootstrap(
        (first, second),
        lambda one, other, axis: np.median(other, axis=axis) - np.median(one, axis=axis),
        n_resamples=_RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(0),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def rank_sum(first: Floats, second: Floats) -> float:
    """Two-sided p value of Mann and Whitney's test; NaN where a sample has fewer than two values, or all are equal."""
    if len(first) < 2 or len(second) < 2 or len(np.unique(np.concatenate([first, second]))) == 1:
        return np.nan
    return float(stats.mannwhitneyu(first, second).pvalue)
