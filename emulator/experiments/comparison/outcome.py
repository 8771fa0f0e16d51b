"""What one of several trainings came to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


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
        What one training takes on the substrate; NaN of baselines, which have none.
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


def crossing(outcomes: Sequence[Outcome], pair: tuple[str, str]) -> str:
    """Which of two series is better where both have a place, and between which places that changes, as a sentence.

    A difference is clear from two standard errors on, never of one seed; what diverged is behind what did not.
    """
    at = [{one.x: one for one in outcomes if one.series == name} for name in pair]
    told, clear = list[str](), list[tuple[float, str]]()
    for x in sorted(x for x in at[0] if x is not None and x in at[1]):
        first, second = at[0][x], at[1][x]
        if not math.isfinite(first.mean) or not math.isfinite(second.mean):
            lost = [name for name, one in zip(pair, (first, second), strict=True) if not math.isfinite(one.mean)]
            told.append(f"at {x:g} {' and '.join(lost)} diverged")
            clear += [(x, name) for name in pair if name not in lost] if len(lost) == 1 else []
            continue
        ahead = first.mean - second.mean
        error = math.sqrt((first.spread**2 + second.spread**2) / len(first.scores))
        better = pair[0] if ahead > 0 else pair[1]
        doubt = " (one seed, which tells nothing of others)" if len(first.scores) == 1 else ""
        if not doubt and not abs(ahead) > 2 * error:
            doubt = " (no clear difference)"
        if not doubt:
            clear.append((x, better))
        told.append(f"at {x:g} {better} by {abs(ahead):.2%}{doubt}")
    turns = [f"crossover between {a:g} and {b:g}, to {name}" for (a, was), (b, name) in pairwise(clear) if was != name]
    return "; ".join([*told, *turns]) or "no place where both are"
