"""What one of several trainings came to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

#: a difference that chance alone makes more often than this is not clear
_CHANCE = 0.05


@dataclass(frozen=True)
class Outcome:
    """What one variant, or one baseline, came to.

    Parameters
    ----------
    name : str
    x : float or None
        Its place on the horizontal axis.
    scores : tuple of float
        Final test score of each repeat; NaN where it diverged before the end.
    reasons : tuple of str
        Why repeats ended early.
    is_baseline : bool
    seconds : float
        Wall seconds of all repeats.
    warnings : tuple of str
        Sentences that were known before the first sample, each once.
    score : {"accuracy", "r2"}
        What is compared: the share of right classes, or of a regression the share of the targets' variance that is explained.
    series : str
        The line that it is on.
    substrate_seconds : float
        What one training takes on the substrate, pulses of devices included, by the mean of those that did not diverge; NaN
        where it is not known, and of baselines, which have none.
    """

    name: str
    x: float | None
    scores: tuple[float, ...]
    reasons: tuple[str, ...]
    is_baseline: bool
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    score: str = "accuracy"
    series: str = ""
    substrate_seconds: float = math.nan

    @property
    def mean(self) -> float:
        """Mean score; NaN if any repeat diverged."""
        return float(np.mean(self.scores))

    @property
    def spread(self) -> float:
        """Standard deviation over the repeats."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else 0.0

    @property
    def lost(self) -> int:
        """How many repeats diverged."""
        return int(np.isnan(self.scores).sum())


def crossing(outcomes: Sequence[Outcome], pair: tuple[str, str]) -> str:
    """Which of two series is better where both have a place, and between which places that changes, as a sentence.

    A difference is clear where Student's t-test of two samples, which takes them to spread alike, calls it so at 5 %, or
    every repeat of one series diverged and none of the other's; never of one seed.
    """
    at = [{one.x: one for one in outcomes if one.series == name} for name in pair]
    told, clear = list[str](), list[tuple[float, str]]()
    for x in sorted(x for x in at[0] if x is not None and x in at[1]):
        first, second = at[0][x], at[1][x]
        lost = [
            f"{name} {one.lost} of {len(one.scores)}"
            for name, one in zip(pair, (first, second), strict=True)
            if one.lost
        ]
        better, doubt = _better(first, second)
        if better is not None and not doubt:
            clear.append((x, pair[better]))
        if lost:
            told.append(f"at {x:g} diverged: {' and '.join(lost)}{doubt}")
        else:
            told.append(f"at {x:g} {pair[better or 0]} by {abs(first.mean - second.mean):.2%}{doubt}")
    turns = [f"crossover between {a:g} and {b:g}, to {name}" for (a, was), (b, name) in pairwise(clear) if was != name]
    return "; ".join([*told, *turns]) or "no place where both are"


def _better(first: Outcome, second: Outcome) -> tuple[int | None, str]:
    """Which of two is better (0 or 1, None of neither), and why that is in doubt; an empty text where it is clear."""
    lost, counts = (first.lost, second.lost), (len(first.scores), len(second.scores))
    if any(lost):
        behind = [k for k in (0, 1) if lost[k] == counts[k] and not lost[1 - k]]
        better = 1 - behind[0] if behind else None
    else:
        better = 0 if first.mean > second.mean else 1
    if min(counts) < 2:
        return better, " (one seed, which tells nothing of others)"
    if any(lost):
        return better, ""
    with np.errstate(all="ignore"):  # without any spread every difference is clear, and none at all is not
        found = stats.ttest_ind_from_stats(first.mean, first.spread, counts[0], second.mean, second.spread, counts[1])
    return better, "" if found.pvalue < _CHANCE else " (no clear difference)"
