"""What a study measures at every point, and the targets it is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.measure import Reference, SettleResult
from emulator.measure.fit import fit
from emulator.measure.pace import comparable_time


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
    loss : str
        The loss of the networks that have it; empty: all.
    targets : bool
        Whether samples need targets for it.
    """

    unit: str
    better: str
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    loss: str = ""
    targets: bool = False


_CLASSES, _VALUES = "softmax_cross_entropy", "mse"
METRICS: dict[str, Metric] = {
    "accuracy": Metric("", "higher", "share of samples whose class is right; unsettled ones count as wrong", 0, 1,
                       loss=_CLASSES),
    "loss": Metric("", "lower", "mean loss of a sample", 0, targets=True),
    "rmse": Metric("", "lower", "root of the mean squared deviation of outputs from targets", 0, loss=_VALUES,
                   targets=True),
    "r2": Metric("", "higher", "share of the targets' variance that outputs explain", high=1, loss=_VALUES, targets=True),
    "output_error": Metric("", "lower", "norm of the outputs' deviation from the exact network's over the norm of these", 0),
    "gradient_cosine": Metric("", "higher", "cosine between the gradient that is held and the exact one", -1, 1,
                              targets=True),
    "gradient_error": Metric("", "lower", "norm of the gradient's deviation over the norm of the exact gradient", 0,
                             targets=True),
    "settled_fraction": Metric("", "higher", "share of samples that settled", 0, 1),
    "settling_time": Metric("s", "lower", "median time to the tolerance of the samples that settled, as without noise", 0),
    "energy": Metric("J", "lower", "mean energy of a sample; missing while a figure of the hardware is", 0),
    "events": Metric("events", "lower", "mean number of events that lines carry for a sample, both directions", 0),
    "reflected_power": Metric("state x costate", "lower", "mean power of the waves that nodes reflect", 0),
    "training_accuracy": Metric("", "higher", "test accuracy after training on the substrate", 0, 1, loss=_CLASSES),
    "several_answers": Metric("", "lower", "share of steps in which a two-way junction had several answers", 0, 1),
    "clipped_forward": Metric("", "lower", "share of forward waves that are cut off at full scale", 0, 1),
    "clipped_backward": Metric("", "lower", "share of backward waves that are cut off at full scale", 0, 1, targets=True),
    "clipped_weights": Metric("", "lower", "share of weights beyond what the hardware can hold", 0, 1),
}  # fmt: skip
#: what a network is called by its loss
TASKS = {_CLASSES: "classification", _VALUES: "regression"}


def unmeasurable(name: str, loss: str, targets: bool) -> str | None:
    """Why a network with this loss, on samples with targets or without, has no such metric; None if it has."""
    metric = METRICS[name]
    if metric.loss not in ("", loss):
        return f"{name} is of a {TASKS[metric.loss]}, and the network is for {TASKS[loss]} (loss {loss})"
    return f"{name} needs targets, and the data have none" if metric.targets and not targets else None


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


def measure(
    result: SettleResult,
    exact: Reference,
    labels: NDArray[np.int64] | None = None,
    targets: NDArray[np.float64] | None = None,
) -> dict[str, float | None]:
    """All metrics of a run but that of training; None where a metric is not known.

    Gradients and outputs are those that were held in the end, whether or not every sample settled.

    Parameters
    ----------
    result : SettleResult
    exact : Reference
        Of the same batch.
    labels : (B,) int64, optional
        True classes; by default the digital network's own predictions.
    targets : (B, n_out), optional
        What the outputs should be.
    """
    network, settled = result.graph.network, result.settled
    held, digital = result.held_states[network.output], exact.states[network.output]
    found: dict[str, float | None] = {
        "settled_fraction": float(settled.mean()),
        "settling_time": comparable_time(result, exact),
        "energy": None if result.energy.total is None else float(result.energy.total.mean()),
        "events": float(result.events.mean()),
        "reflected_power": float(result.reflected_power.mean()) if len(result.reflected_power) else None,
        "several_answers": float(result.several[:, 0].mean() / result.hold) if len(result.several) else 0.0,
        **fit(network.loss, held, targets),
        **{f"clipped_{name}": share for name, share in result.clipping.to_dict().items()},
        "accuracy": None,
        "output_error": None,
        "gradient_cosine": None,
        "gradient_error": None,
    }
    if network.loss == "softmax_cross_entropy":
        truth = digital.argmax(axis=1) if labels is None else labels
        right = (held.argmax(axis=1) == truth) & settled
        found["accuracy"] = float(right.mean())
    with np.errstate(over="ignore", invalid="ignore"):
        if (length := float(np.linalg.norm(digital))) > 0:
            found["output_error"] = float(np.linalg.norm(held - digital)) / length
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
