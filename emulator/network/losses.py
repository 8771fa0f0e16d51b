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


def _squared_error(outputs: FloatArray, targets: FloatArray) -> FloatArray:
    value: FloatArray = 0.5 * np.sum((outputs - targets) ** 2, axis=-1)
    return value


def _cross_entropy(outputs: FloatArray, targets: FloatArray) -> FloatArray:
    value: FloatArray = -np.sum(targets * special.log_softmax(outputs, axis=-1), axis=-1)
    return value


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        loss.name: loss
        for loss in (
            Loss("mse", _squared_error, lambda outputs, targets: outputs - targets),
            Loss("softmax_cross_entropy", _cross_entropy, lambda outputs, targets: softmax(outputs) - targets),
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
