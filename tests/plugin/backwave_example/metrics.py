"""A metric: one record, with the function that computes it from a run."""

from __future__ import annotations

import numpy as np

from emulator.study.metrics import Metric

LARGEST = Metric(
    "", "lower", "largest output of a sample", label="largest output", compute=lambda run: np.abs(run.held).max()
)
