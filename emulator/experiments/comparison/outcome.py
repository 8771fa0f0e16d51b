"""What one of several trainings came to."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    name: str
    x: float | None
    scores: tuple[float, ...]
    reasons: tuple[str, ...]
    is_baseline: bool
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    score: str = "accuracy"

    @property
    def mean(self) -> float:
        """Mean score; NaN if any repeat diverged."""
        return float(np.mean(self.scores))

    @property
    def spread(self) -> float:
        """Standard deviation over the repeats."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else 0.0
