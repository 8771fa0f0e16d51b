"""Losses of one sample, with their gradients in the output ``x_N``.

``mse`` is half the sum of squares over the outputs, ``softmax_cross_entropy`` compares ``softmax(x_N)``
with a target distribution. Both are per sample; averaging over a batch is left to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import special

from emulator.errors import NetworkError, suggest
from emulator.network.arrays import FloatArray


@dataclass(frozen=True)
class Loss:
    """A differentiable loss.

    Attributes
    ----------
    name : str
        Key in `LOSSES`.
    value : callable
        ``(outputs (B, n), targets (B, n)) -> (B,)``, the loss of each sample.
    gradient : callable
        ``(outputs (B, n), targets (B, n)) -> (B, n)``, its derivative in the outputs.
    """

    name: str
    value: Callable[[FloatArray, FloatArray], FloatArray]
    gradient: Callable[[FloatArray, FloatArray], FloatArray]


def softmax(x: FloatArray) -> FloatArray:
    """Return ``exp(x) / sum(exp(x))`` along the last axis, shifted so that nothing overflows."""
    result: FloatArray = special.softmax(x, axis=-1)
    return result


@np.errstate(over="ignore")
def _squared_error(outputs: FloatArray, targets: FloatArray) -> FloatArray:
    value: FloatArray = 0.5 * np.sum((outputs - targets) ** 2, axis=-1)
    return value


@np.errstate(over="ignore")
def _difference(outputs: FloatArray, targets: FloatArray) -> FloatArray:
    return outputs - targets


@np.errstate(over="ignore")
def _cross_entropy(outputs: FloatArray, targets: FloatArray) -> FloatArray:
    below, rest = _about_the_largest(outputs)
    value: FloatArray = np.sum(np.where(targets == 0, 0.0, -targets * below), axis=-1)
    return value + np.sum(targets, axis=-1) * np.log1p(rest)[..., 0]


@np.errstate(over="ignore")
def _excess(outputs: FloatArray, targets: FloatArray) -> FloatArray:
    """``softmax - target`` as ``p (1 - y) - y (1 - p)``, without cancellation where the two are nearly equal."""
    below, rest = _about_the_largest(outputs)
    part = np.exp(below)
    return (part * (1 - targets) - targets * (1 - part + rest)) / (1 + rest)


def _about_the_largest(outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far outputs (B, n) are below their largest, and the sum (B, 1) of the other outputs' ``exp`` of that."""
    best = outputs.argmax(axis=-1)[..., np.newaxis]
    below = outputs - np.take_along_axis(outputs, best, axis=-1)
    part = np.exp(below)
    np.put_along_axis(part, best, 0.0, axis=-1)
    return below, part.sum(axis=-1, keepdims=True)


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        loss.name: loss
        for loss in (
            Loss("mse", _squared_error, _difference),
            Loss("softmax_cross_entropy", _cross_entropy, _excess),
        )
    }
)


def loss_function(name: str) -> Loss:
    """Look up a loss.

    Raises
    ------
    NetworkError
        If `name` is not one of `LOSSES`.
    """
    if not isinstance(name, str) or name not in LOSSES:
        raise NetworkError(f"no loss {suggest(name, LOSSES)}")
    return LOSSES[name]
