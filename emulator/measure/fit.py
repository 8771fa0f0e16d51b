"""How well outputs fit their targets: what a regression is judged by."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from emulator.network import loss_function

Floats = NDArray[np.float64]


def fit(loss: str, outputs: Floats, targets: Floats | None) -> dict[str, float | None]:
    """Mean loss of a sample, root of the mean squared deviation, and share of the targets' variance that is explained.

    Parameters
    ----------
    loss : str
        Name of the loss.
    outputs, targets : (B, n)

    Returns
    -------
    dict
        ``loss``; for a squared error also ``rmse`` and ``r2``, which is one less the squared deviations over those of
        the targets from their mean, both summed over all outputs; below 0 the mean would be nearer. None where a figure
        is not known: without targets, with targets that do not vary, or where outputs are not finite.
    """
    found: dict[str, float | None] = {"loss": None, "rmse": None, "r2": None}
    if targets is None:
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        found["loss"] = float(loss_function(loss).value(outputs, targets).mean())
        if loss == "mse":
            apart = float(np.square(outputs - targets).sum())
            spread = float(np.square(targets - targets.mean(axis=0)).sum())
            found["rmse"] = math.sqrt(apart / targets.size)
            found["r2"] = 1 - apart / spread if spread > 0 else None
    return {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}
