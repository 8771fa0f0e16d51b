"""Batches of samples for a network: one shape and one set of checks for every way of running it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import NetworkError, suggest
from emulator.network.arrays import FloatArray, real_array, require_finite
from emulator.network.network import Network

Inputs = ArrayLike | Mapping[str, ArrayLike]
_SUM_TOLERANCE = 1e-6


def check_batch(
    network: Network, inputs: Inputs, targets: ArrayLike | None = None
) -> tuple[dict[str, FloatArray], FloatArray | None]:
    """Check a batch of B samples and bring it into its standard shape.

    Parameters
    ----------
    network : Network
        The network the batch is for.
    inputs : array_like (B, n), or mapping of input name to array_like (B, n)
        A bare array is allowed if the network has one input. One sample ``(n,)`` stands for ``(1, n)``.
    targets : array_like (B, n_out), optional
        Likewise. For ``softmax_cross_entropy`` each row is a distribution, or `targets` holds whole-number
        class labels ``(B,)``, which become one-hot rows.

    Returns
    -------
    inputs : dict of str to ndarray (B, n)
        New float64 arrays, in the order of ``network.inputs``.
    targets : ndarray (B, n_out) or None
        A new float64 array.

    Raises
    ------
    NetworkError
        If an input is missing or unknown, a shape does not match, an entry is not finite, a label is out of
        range, or a target is not a distribution.
    """
    arrays = _input_arrays(network, inputs)
    first = network.inputs[0]
    count = len(arrays[first])
    for name, array in arrays.items():
        if len(array) != count:
            raise NetworkError(f"input {name!r} has {len(array)} samples; allowed: {count}, as input {first!r} has")
    if targets is None:
        return arrays, None
    classes = network.size(network.output)
    if network.loss == "softmax_cross_entropy" and _are_labels(targets, count):
        return arrays, _one_hot(np.atleast_1d(np.asarray(targets)), classes)
    desired = _rows("targets", targets, classes)
    if len(desired) != count:
        raise NetworkError(f"targets have {len(desired)} samples; allowed: {count}, one per sample of the inputs")
    if network.loss == "softmax_cross_entropy":
        _require_distributions(desired)
    return arrays, desired


def _input_arrays(network: Network, inputs: Inputs) -> dict[str, FloatArray]:
    if not isinstance(inputs, Mapping):
        if len(network.inputs) != 1:
            raise NetworkError(
                f"inputs are one array, but the network has inputs {', '.join(network.inputs)}; "
                "allowed: a mapping of these names to arrays"
            )
        inputs = {network.inputs[0]: inputs}
    for name in inputs:
        if name not in network.inputs:
            raise NetworkError(f"no input {suggest(name, network.inputs)}")
    for name in network.inputs:
        if name not in inputs:
            raise NetworkError(f"input {name!r} has no data; allowed: data for each of {', '.join(network.inputs)}")
    return {name: _rows(f"input {name!r}", inputs[name], network.size(name)) for name in network.inputs}


def _rows(place: str, value: ArrayLike, size: int) -> FloatArray:
    array = real_array(place, value)
    rows = array[np.newaxis] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[1] != size or len(rows) == 0:
        raise NetworkError(f"{place}: shape is {array.shape}; allowed: ({size},) or (B, {size}) with B of at least 1")
    require_finite(place, rows)
    return rows


def _are_labels(targets: ArrayLike, count: int) -> bool:
    """Whole numbers, one per sample, are labels."""
    try:
        array = np.asarray(targets)
    except ValueError:
        return False
    return array.dtype.kind in "iu" and (array.shape == (count,) or (array.ndim == 0 and count == 1))


def _one_hot(labels: np.ndarray, classes: int) -> FloatArray:
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        index = int(outside[0])
        raise NetworkError(f"targets[{index}] is label {labels[index]}; allowed: 0 to {classes - 1}")
    rows: FloatArray = np.eye(classes)[labels]
    return rows


def _require_distributions(rows: FloatArray) -> None:
    negative = np.argwhere(rows < 0.0)
    if negative.size:
        sample, column = (int(i) for i in negative[0])
        raise NetworkError(f"targets[{sample}, {column}] is {rows[sample, column]}; allowed: probabilities from 0 to 1")
    sums = rows.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1.0) > _SUM_TOLERANCE)
    if wrong.size:
        sample = int(wrong[0])
        raise NetworkError(f"targets[{sample}] sums to {sums[sample]}; allowed: 1, within {_SUM_TOLERANCE}")
