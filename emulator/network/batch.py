"""Batches of samples for a network: one shape and one set of checks for every way of running it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.errors import NetworkError, suggest
from emulator.network.arrays import FloatArray, real_array, require_finite
from emulator.network.held import HeldError, categories_of, is_frame, names_of, plain
from emulator.network.network import Network
from hwmodels.doors import brief

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
        A bare array is allowed if the network has one input. One sample ``(n,)`` stands for ``(1, n)``, and B numbers for
        ``(B, 1)`` where the input has one component. `emulator.network.held.plain` says what it may be held in: frames,
        tensors, sparse matrices and more. Columns with names are held against the names that the network has for the input,
        and brought into their order; a frame may also have a column for each of several inputs of one component.
    targets : array_like (B, n_out), optional
        Likewise. For ``softmax_cross_entropy`` each row is a distribution, or `targets` holds one class for each sample,
        ``(B,)`` or ``(B, 1)``: its position as a whole number, or its name as a text, by the names that the network has for
        its output (without them, the positions as texts), or a category of pandas (without names, in the order of the
        categories). For one output, ``(B,)`` stands for ``(B, 1)``.

    Returns
    -------
    inputs : dict of str to ndarray (B, n)
        New float64 arrays, in the order of ``network.inputs``.
    targets : ndarray (B, n_out) or None
        A new float64 array.

    Raises
    ------
    NetworkError
        If an input is missing or unknown, columns are not those of the network, a shape does not match, an entry is not
        finite, a class is unknown, or a target is not a distribution.
    """
    arrays = _input_arrays(network, inputs)
    first = network.inputs[0]
    count = len(arrays[first])
    for name, array in arrays.items():
        if len(array) != count:
            raise NetworkError(f"input {name!r} has {len(array)} samples; allowed: {count}, as input {first!r} has")
    if targets is None:
        return arrays, None
    if network.loss == "softmax_cross_entropy":
        labels = _labels(network, targets, count)
        if labels is not None:
            _require_count(labels, count)
            return arrays, _one_hot(network, labels)
    desired = _rows("targets", targets, network, network.output, count)
    _require_count(desired, count)
    if network.loss == "softmax_cross_entropy":
        _require_distributions(desired)
    return arrays, desired


def _input_arrays(network: Network, inputs: Inputs) -> dict[str, FloatArray]:
    if not isinstance(inputs, Mapping) or hasattr(inputs, "toarray"):  # some sparse matrices are mappings, too
        inputs = _by_input(network, inputs)
    for name in inputs:
        if name not in network.inputs:
            raise NetworkError(f"no input {suggest(name, network.inputs)}")
    for name in network.inputs:
        if name not in inputs:
            raise NetworkError(f"input {name!r} has no data; allowed: data for each of {', '.join(network.inputs)}")
    return {name: _rows(f"input {name!r}", inputs[name], network, name) for name in network.inputs}


def _by_input(network: Network, inputs: Any) -> Mapping[str, ArrayLike]:
    """Data that are no mapping: those of the only input, or a frame with a column for each."""
    if len(network.inputs) == 1:
        return {network.inputs[0]: inputs}
    columns = names_of(inputs) if is_frame(inputs) else None
    if columns is not None and set(columns) >= set(network.inputs):
        return {name: inputs[name] for name in network.inputs}
    raise NetworkError(
        f"inputs are one {'frame' if columns else 'array'}, but the network has inputs {', '.join(network.inputs)}; "
        f"allowed: a mapping of these names to arrays{', or a frame with these columns' if columns else ''}"
    )


def _rows(place: str, value: Any, network: Network, layer: str, count: int | None = None) -> FloatArray:
    """Rows for a layer; `count` numbers are one column where the layer has one component."""
    size, order = network.size(layer), _order(place, value, network.names.get(layer))
    array = real_array(place, value)
    if array.ndim == 1 and size == 1 and count in (None, len(array)):
        rows = array[:, np.newaxis]
    else:
        rows = array[np.newaxis] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[1] != size or len(rows) == 0:
        raise NetworkError(f"{place}: shape is {array.shape}; allowed: ({size},) or (B, {size}) with B of at least 1")
    rows = rows if order is None else rows[:, order]
    require_finite(place, rows)
    return rows


def _order(place: str, value: Any, names: tuple[str, ...] | None) -> NDArray[np.int64] | None:
    """Where the components with these names stand in the columns of `value`; None if either has no names.

    A series whose entries have other names is one of samples, and not held against them.
    """
    found = names_of(value)
    if names is None or found is None or (not is_frame(value) and set(found) != set(names)):
        return None
    missing, unknown = [n for n in names if n not in found], [n for n in found if n not in names]
    if missing or unknown:
        told = [f"no column {', '.join(map(repr, missing[:5]))}"] if missing else []
        told += [f"a column {', '.join(map(repr, unknown[:5]))} that the network does not know"] if unknown else []
        raise NetworkError(f"{place} has {' and '.join(told)}; allowed: {', '.join(names)}")
    return np.array([found.index(name) for name in names])


def class_names(network: Network) -> tuple[str, ...]:
    """Names of a classifier's classes: those that it has, or else their positions."""
    return network.names.get(network.output) or tuple(map(str, range(network.size(network.output))))


def _labels(network: Network, targets: Any, count: int) -> NDArray[np.int64] | None:
    """Positions of classes, if `targets` holds one class for each sample."""
    names, own = class_names(network), network.output in network.names
    held = categories_of(targets)
    if held is not None:
        known, codes = held
        if (codes < 0).any():
            raise NetworkError(
                f"targets[{int(np.flatnonzero(codes < 0)[0])}] has no category; allowed: {', '.join(names)}"
            )
        if not own and len(known) == len(names) and not set(known) <= set(names):
            return codes
        return _positions(np.array(known, dtype=str)[codes], names)
    try:
        array = plain(targets)
    except HeldError as error:
        raise NetworkError(f"targets must be an array of real numbers: {error}") from error
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 and len(names) > 1 else np.atleast_1d(array)
    if flat.ndim != 1 or (flat.dtype.kind == "f" and len(flat) != count):
        return None
    if flat.dtype.kind == "U":
        return _positions(flat, names)
    if flat.dtype.kind == "f" and (count > 1 or len(names) > 1) and len(flat) == count:
        broken = np.flatnonzero(~(flat == np.round(flat)))
        if broken.size:
            place = int(broken[0])
            raise NetworkError(
                f"targets[{place}] is {flat[place]}; allowed: the whole number of a class, or a row of {len(names)} probabilities"
            )
        return flat
    return flat if flat.dtype.kind in "biu" and len(flat) == count else None


def _require_count(targets: NDArray[Any], count: int) -> None:
    if len(targets) != count:
        raise NetworkError(f"targets have {len(targets)} samples; allowed: {count}, one per sample of the inputs")


def _positions(texts: NDArray[Any], names: tuple[str, ...]) -> NDArray[np.int64]:
    known = {name: place for place, name in enumerate(names)}
    for place, text in enumerate(texts.tolist()):
        if text not in known:
            raise NetworkError(f"targets[{place}] is {brief(text, 40)}; allowed: {', '.join(names[:20])}")
    return np.array([known[text] for text in texts.tolist()], np.int64)


def _one_hot(network: Network, labels: NDArray[Any]) -> FloatArray:
    names = class_names(network)
    outside = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if outside.size:
        index = int(outside[0])
        own = f", the positions of {', '.join(names[:20])}" if network.output in network.names else ""
        raise NetworkError(f"targets[{index}] is label {labels[index]}; allowed: 0 to {len(names) - 1}{own}")
    rows: FloatArray = np.eye(len(names))[labels.astype(np.int64)]
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
