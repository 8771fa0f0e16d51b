"""What a study measures at every point, one record a metric, and the targets it is held against."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import StudyError
from emulator.measure import Reference, SettleResult
from emulator.measure.agreement import Floats, cosine, in_one_row, relative_error
from emulator.measure.fit import fit
from emulator.measure.pace import comparable_time
from hwmodels.registry import Registry

_CLASSES, _VALUES = "softmax_cross_entropy", "mse"
#: what a network is called by its loss
TASKS = {_CLASSES: "classification", _VALUES: "regression"}


@dataclass(frozen=True)
class Run:
    """A run that is measured: gradients and outputs are those held in the end, whether or not every sample settled.

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

    result: SettleResult
    exact: Reference
    labels: NDArray[np.int64] | None = None
    targets: NDArray[np.float64] | None = None

    @property
    def held(self) -> NDArray[np.float64]:
        """Outputs of the substrate, (B, n_out)."""
        return self.result.held_states[self.result.graph.network.output]

    @property
    def digital(self) -> NDArray[np.float64]:
        """Outputs of the exact network, (B, n_out)."""
        return self.exact.states[self.result.graph.network.output]

    @cached_property
    def fit(self) -> Mapping[str, float | None]:
        """Loss and scores of the outputs against the targets."""
        return fit(self.result.graph.network.loss, self.held, self.targets)

    @cached_property
    def clipped(self) -> Mapping[str, float | None]:
        """Shares of waves and weights that are cut off."""
        return self.result.clipping.to_dict()

    @cached_property
    def gradients(self) -> tuple[Floats, Floats] | None:
        """All gradients of the substrate, and the exact ones, each in one row; None without targets."""
        if not (self.exact.gradients and self.result.held_gradients):
            return None
        return in_one_row(self.result.held_gradients, self.exact.gradients)


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
    label : str
        What reports call it; by default its name.
    shown : str, optional
        Its unit in reports, such as ``%`` for a share from 0 to 1; by default `unit`.
    log : bool
        Whether it is best drawn on a logarithmic scale.
    compute : callable, optional
        Its value for a `Run`, None or not finite where it is not known; without it, it is a figure of a training.
    """

    unit: str
    better: str
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    loss: str = ""
    targets: bool = False
    label: str = ""
    shown: str | None = None
    log: bool = False
    compute: Callable[[Run], float | None] | None = None

    @property
    def trained(self) -> bool:
        """Whether it is a figure of a training."""
        return self.compute is None


def _accuracy(run: Run) -> float | None:
    if run.result.graph.network.loss != _CLASSES:
        return None
    truth = run.digital.argmax(axis=1) if run.labels is None else run.labels
    right = (run.held.argmax(axis=1) == truth) & run.result.settled
    return float(right.mean())


def _gradient(compare: Callable[[Floats, Floats], float | None]) -> Callable[[Run], float | None]:
    return lambda run: None if run.gradients is None else compare(*run.gradients)


def _energy(run: Run) -> float | None:
    total = run.result.energy.total
    return None if total is None else float(total.mean())


def _reflected_power(run: Run) -> float | None:
    power = run.result.reflected_power
    return float(power.mean()) if len(power) else None


def _several(run: Run) -> float | None:
    several = run.result.several
    return float(several[:, 0].mean() / run.result.hold) if len(several) else 0.0


def _of_fit(name: str) -> Callable[[Run], float | None]:
    return lambda run: run.fit.get(name)


def _clipped(name: str) -> Callable[[Run], float | None]:
    return lambda run: run.clipped.get(name)


def _share(better: str, meaning: str, label: str, compute: Callable[[Run], float | None] | None, **how: Any) -> Metric:
    """A metric from 0 to 1 that reports show in per cent."""
    return Metric("", better, meaning, 0, 1, label=label, shown="%", compute=compute, **how)


_BUILT_IN: dict[str, Metric] = {
    "accuracy": _share("higher", "share of samples whose class is right; unsettled ones count as wrong", "accuracy",
                       _accuracy, loss=_CLASSES),
    "loss": Metric("", "lower", "mean loss of a sample", 0, targets=True, label="loss per sample", log=True,
                   compute=_of_fit("loss")),
    "rmse": Metric("", "lower", "root of the mean squared deviation of outputs from targets", 0, loss=_VALUES,
                   targets=True, label="rms error", log=True, compute=_of_fit("rmse")),
    "r2": Metric("", "higher", "share of the targets' variance that outputs explain", high=1, loss=_VALUES, targets=True,
                 label="R\u00b2", compute=_of_fit("r2")),
    "output_error": Metric("", "lower", "norm of the outputs' deviation from the exact network's over the norm of these", 0,
                           label="output error", log=True, compute=lambda run: relative_error(run.held, run.digital)),
    "gradient_cosine": Metric("", "higher", "cosine between the gradient that is held and the exact one", -1, 1,
                              targets=True, label="gradient cosine", compute=_gradient(cosine)),
    "gradient_error": Metric("", "lower", "norm of the gradient's deviation over the norm of the exact gradient", 0,
                             targets=True, label="gradient error", log=True, compute=_gradient(relative_error)),
    "settled_fraction": _share("higher", "share of samples that settled", "settled samples",
                               lambda run: float(run.result.settled.mean())),
    "settling_time": Metric("s", "lower", "median time to the tolerance of the samples that settled, as without noise", 0,
                            label="settling time", log=True, compute=lambda run: comparable_time(run.result, run.exact)),
    "energy": Metric("J", "lower", "mean energy of a sample; missing while a figure of the hardware is", 0,
                     label="energy per sample", log=True, compute=_energy),
    "events": Metric("events", "lower", "mean number of events that lines carry for a sample, both directions", 0,
                     label="events per sample", shown="", log=True, compute=lambda run: float(run.result.events.mean())),
    "reflected_power": Metric("state x costate", "lower", "mean power of the waves that nodes reflect", 0,
                              label="reflected power", shown="", log=True, compute=_reflected_power),
    "training_accuracy": _share("higher", "test accuracy after training on the substrate", "training accuracy", None,
                                loss=_CLASSES),
    "training_r2": Metric("", "higher", "share of the test targets' variance explained after training on the substrate", high=1,
                          loss=_VALUES, label="R\u00b2 after training"),
    "training_loss": Metric("", "lower", "mean test loss after training on the substrate", 0, label="test loss after training",
                            log=True),
    "training_share": Metric("", "higher", "what the substrate learns, as a share of what exact descent learns from the same "
                             "start and samples: test scores above that of a constant answer", label="learned", shown="%"),
    "descent_score": Metric("", "higher", "test score of exact descent from the same start and samples: accuracy, or R\u00b2",
                            label="exact descent", high=1),
    "digital_score": Metric("", "higher", "test score of the network that the scenario describes, computed exactly",
                            label="digital network"),
    "chance_score": Metric("", "higher", "test score of the best constant answer", label="constant answer"),
    "steps_to_target": Metric("samples", "lower", "samples presented until a test first finds 90 % of what exact descent "
                              "learns in the end", 0, label="samples to learn", shown=""),
    "time_to_target": Metric("s", "lower", "time that the substrate takes for these samples, waves and pulses, without that of "
                             "programming; missing while that of a pulse is", 0, label="time to learn", log=True),
    "energy_to_target": Metric("J", "lower", "energy of waves and pulses until then, without that of programming; missing while a "
                               "figure of the hardware is", 0, label="energy to learn", log=True),
    "writes_per_weight": Metric("writes", "lower", "mean number of pulses or programmings of a device in the whole training; of "
                                "exact weights, of updates", 0, label="writes per weight", shown="", log=True),
    "worn_out": _share("lower", "share of devices that are worn out after the training; missing where endurance is not known",
                       "worn-out devices", None),
    "at_bounds": _share("lower", "share of devices at an end of their range after the training; missing where none are written",
                        "devices at an end", None),
    "several_answers": _share("lower", "share of steps in which a two-way junction had several answers",
                              "steps with several answers", _several),
    "clipped_forward": _share("lower", "share of forward waves that are cut off at full scale", "clipped forward waves",
                              _clipped("forward")),
    "clipped_backward": _share("lower", "share of backward waves that are cut off at full scale",
                               "clipped backward waves", _clipped("backward"), targets=True),
    "clipped_weights": _share("lower", "share of weights beyond what the hardware can hold", "weights beyond range",
                              _clipped("weights")),
}  # fmt: skip


def checked_metric(name: str, metric: Metric) -> Metric:
    """The record, if it is one that studies can measure.

    Raises
    ------
    StudyError
        If it is none, or its direction, loss, range or function is not what it should be.
    """
    if not isinstance(metric, Metric):
        raise StudyError(f"metric {name!r} is {metric!r}; allowed: a Metric")
    if metric.better not in ("higher", "lower"):
        raise StudyError(f"metric {name!r}: better is {metric.better!r}; allowed: higher, lower")
    if metric.loss not in ("", *TASKS):
        raise StudyError(f"metric {name!r}: loss is {metric.loss!r}; allowed: {', '.join(TASKS)}, or none")
    if not metric.low < metric.high:
        raise StudyError(f"metric {name!r} is from {metric.low!r} to {metric.high!r}; allowed: low below high")
    if not callable(metric.compute):
        raise StudyError(f"metric {name!r}: compute is {metric.compute!r}; allowed: a function of a Run")
    return metric


METRICS: Registry[Metric] = Registry("metric", "backwave.metrics", _BUILT_IN, checked_metric)


def unmeasurable(name: str, loss: str, targets: bool) -> str | None:
    """Why a network with this loss, on samples with targets or without, has no such metric; None if it has."""
    metric = METRICS[name]
    if metric.loss not in ("", loss):
        return f"{name} is of a {TASKS[metric.loss]}, and the network is for {TASKS[loss]} (loss {loss})"
    return f"{name} needs targets, and the data have none" if metric.targets and not targets else None


@dataclass(frozen=True)
class Target:
    """What a metric must be; one that is missing, None or NaN, is not."""

    metric: str
    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, metric: str, bounds: Mapping[str, Any]) -> Target:
        """The target of bounds ``min`` and ``max``, open where one is None or left out."""
        low, high = bounds.get("min"), bounds.get("max")
        return cls(metric, -math.inf if low is None else low, math.inf if high is None else high)


def of_training(name: str) -> bool:
    """Whether a metric is a figure of a training."""
    return name in METRICS and METRICS[name].trained


def telling(names: Iterable[str], trained: int | None, chips: int) -> list[str]:
    """The targets by which chips tell that are sampled until they do: those of a training only where every chip is trained."""
    everyone = trained is None or trained >= chips
    return [name for name in names if everyone or not of_training(name)]


def meets(
    targets: Iterable[Target],
    values: Mapping[str, float | Floats | None],
    shape: int | tuple[int, ...] = (),
    trained: NDArray[np.bool_] | bool = True,
) -> NDArray[np.bool_]:
    """Which points keep to all targets; metrics are numbers, or arrays with one for each point of this shape.

    Of points that were not `trained`, targets of a training are not asked.
    """
    kept = np.ones(shape, dtype=bool)
    for target in targets:
        value = values.get(target.metric)
        value = math.nan if value is None else value
        good = (target.low <= value) & (value <= target.high)
        kept &= good | ~np.asarray(trained) if of_training(target.metric) else good
    return kept


def measure(
    result: SettleResult,
    exact: Reference,
    labels: NDArray[np.int64] | None = None,
    targets: NDArray[np.float64] | None = None,
    names: Collection[str] = tuple(_BUILT_IN),
) -> dict[str, float | None]:
    """Metrics of a run but those of trainings; None where a metric is not known. Parameters are those of a `Run`.

    Raises
    ------
    StudyError
        If a metric of a user's own fails.
    """
    run = Run(result, exact, labels, targets)
    found = {name: _value(name, compute, run) for name in names if (compute := METRICS[name].compute) is not None}
    return {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}


def _value(name: str, compute: Callable[[Run], float | None], run: Run) -> float | None:
    if name in _BUILT_IN:
        return compute(run)
    try:
        value = compute(run)
        return None if value is None else float(value)
    except Exception as error:  # whatever a stranger's function raises
        raise StudyError(f"metric {name!r} raises {type(error).__name__}: {error}") from error
