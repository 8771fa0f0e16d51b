"""What a study measures at every point, and the targets it is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.measure import Reference, SettleResult


@dataclass(frozen=True)
class Metric:
    """A figure of a run.

    Parameters
    ----------
    unit : str
        SI unit, or what it counts; empty for a pure number.
    better : {"higher", "lower"}
    meaning : str
    low, high : float
        Range of possible values.
    """

    unit: str
    better: str
    meaning: str
    low: float = -math.inf
    high: float = math.inf


METRICS: dict[str, Metric] = {
    "accuracy": Metric("", "higher", "share of samples whose class is right; unsettled ones count as wrong", 0, 1),
    "gradient_cosine": Metric("", "higher", "cosine between the gradient that is held and the exact one", -1, 1),
    "gradient_error": Metric("", "lower", "norm of the gradient's deviation over the norm of the exact gradient", 0),
    "settled_fraction": Metric("", "higher", "share of samples that settled", 0, 1),
    "settling_time": Metric("s", "lower", "median settling time of the samples that settled", 0),
    "energy": Metric("J", "lower", "mean energy of a sample; missing while a figure of the hardware is", 0),
    "events": Metric("events", "lower", "mean number of events that lines carry for a sample, both directions", 0),
    "reflected_power": Metric("state x costate", "lower", "mean power of the waves that nodes reflect", 0),
    "training_accuracy": Metric("", "higher", "test accuracy after training on the substrate", 0, 1),
}


@dataclass(frozen=True)
class Target:
    """What a metric must be; a metric that is missing does not meet it."""

    metric: str
    low: float = -math.inf
    high: float = math.inf

    def met(self, value: float | None) -> bool:
        """Whether a value meets it."""
        return value is not None and self.low <= value <= self.high


def meets(targets: tuple[Target, ...], values: Mapping[str, float | None]) -> bool:
    """Whether a point meets all targets."""
    return all(target.met(values.get(target.metric)) for target in targets)


def measure(result: SettleResult, exact: Reference, labels: NDArray[np.int64] | None = None) -> dict[str, float | None]:
    """All metrics of a run but that of training; None where a metric is not known.

    Gradients are those that were held in the end, whether or not every sample settled.

    Parameters
    ----------
    result : SettleResult
    exact : Reference
        Of the same batch.
    labels : (B,) int64, optional
        True classes; by default the digital network's own predictions.
    """
    network, settled = result.graph.network, result.settled
    found: dict[str, float | None] = {
        "settled_fraction": float(settled.mean()),
        "settling_time": float(np.median(result.settling_time[settled])) if settled.any() else None,
        "energy": None if result.energy.total is None else float(result.energy.total.mean()),
        "events": float(result.events.mean()),
        "reflected_power": float(result.reflected_power.mean()) if len(result.reflected_power) else None,
        "accuracy": None,
        "gradient_cosine": None,
        "gradient_error": None,
    }
    if network.loss == "softmax_cross_entropy":
        truth = exact.states[network.output].argmax(axis=1) if labels is None else labels
        right = (result.held_states[network.output].argmax(axis=1) == truth) & settled
        found["accuracy"] = float(right.mean())
    if exact.gradients and result.held_gradients:
        ours, true = (
            np.concatenate([part.ravel() for layer in exact.gradients for part in gradients[layer]])
            for gradients in (result.held_gradients, exact.gradients)
        )
        size, length = float(np.linalg.norm(true)), float(np.linalg.norm(ours))
        with np.errstate(over="ignore", invalid="ignore"):
            if size > 0:
                found["gradient_error"] = float(np.linalg.norm(ours - true)) / size
            if size > 0 and length > 0:
                found["gradient_cosine"] = float(ours @ true / (size * length))
    return {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}
