"""Conversion and checking of the real arrays that users bring."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.errors import NetworkError
from emulator.network.held import HeldError, plain
from hwmodels.doors import brief

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int32]


def real_array(place: str, value: ArrayLike | None) -> FloatArray:
    """Copy `value` into a new C-contiguous float64 array.

    Parameters
    ----------
    place : str
        Where the value belongs, as named in errors.
    value : array_like
        Real numbers, any shape, in whatever `emulator.network.held.plain` reads.

    Raises
    ------
    NetworkError
        If `value` is complex, ragged, or not numeric.
    """
    try:
        raw = plain(value)
        if raw.dtype.kind == "U":
            raise HeldError(f"it holds texts such as {brief(str(raw.flat[0]), 40)}" if raw.size else "it holds texts")
    except HeldError as error:
        raise NetworkError(f"{place} must be an array of real numbers: {error}") from error
    return np.array(raw, dtype=np.float64, order="C")


def require_finite(place: str, array: FloatArray) -> None:
    """Raise `NetworkError` naming the first NaN or infinite entry of `array`, if there is one."""
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise NetworkError(f"{place}{list(index)} is {array[index]}; allowed: finite numbers")


def frozen_mask(place: str, value: ArrayLike, shape: tuple[int, ...]) -> BoolArray:
    """Copy `value` into a read-only array of truth values, of that shape; 0 and 1 are allowed for them.

    Raises
    ------
    NetworkError
        If `value` is of another shape or type.
    """
    try:
        raw = np.asarray(value)
    except ValueError as error:
        raise NetworkError(f"{place} must be an array of truth values: {error}") from error
    if raw.dtype == bool:
        raw = raw.view(np.uint8)  # bytes of a file may be neither
    if raw.dtype.kind not in "iuf" or not np.isin(raw, (0, 1)).all():
        raise NetworkError(f"{place} has other values than true and false (type {raw.dtype}); allowed: true and false")
    if raw.shape != shape:
        raise NetworkError(f"{place} has shape {raw.shape}; allowed: {shape}")
    mask = np.array(raw, dtype=bool, order="C")
    mask.setflags(write=False)
    return mask


def frozen_numbers(place: str, value: ArrayLike, size: int) -> IntArray:
    """Copy `value` into a read-only array (size,) of whole numbers from -1 and below `size`.

    Raises
    ------
    NetworkError
        If `value` is of another shape or type, or holds another number.
    """
    try:
        raw = np.asarray(value)
    except ValueError as error:
        raise NetworkError(f"{place} must be an array of whole numbers: {error}") from error
    if raw.dtype.kind not in "iu" or raw.shape != (size,):
        raise NetworkError(f"{place} has shape {raw.shape} and type {raw.dtype}; allowed: ({size},) whole numbers")
    if raw.size and not (raw.min() >= -1 and raw.max() < size):
        raise NetworkError(f"{place} has numbers from {raw.min()} to {raw.max()}; allowed: from -1 and below {size}")
    numbers = np.array(raw, dtype=np.int32, order="C")
    numbers.setflags(write=False)
    return numbers


def frozen_parameter(place: str, value: ArrayLike | None, ndim: int) -> FloatArray:
    """Copy `value` into a read-only, finite, non-empty float64 array with `ndim` axes.

    Negative zeros become zeros, so that equal parameters have equal bytes.

    Raises
    ------
    NetworkError
        If `value` is not numeric, has another number of axes, is empty, or is not finite.
    """
    array = real_array(place, value)
    if array.ndim != ndim or array.size == 0:
        raise NetworkError(f"{place} has shape {array.shape}; allowed: {ndim} non-empty axes")
    require_finite(place, array)
    array[array == 0.0] = 0.0
    array.setflags(write=False)
    return array
