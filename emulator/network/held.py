"""Whatever users hold numbers in, as plain arrays: lists, frames, tensors, sparse matrices, categories, columns of objects.

Nothing is imported for it: a tensor or a frame says by its class whose it is. What has no right reading is refused for its
own reason, and not for what NumPy makes of it.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwmodels.doors import RefusedError, brief

#: kinds of NumPy types that are no numbers, truth values or texts
_STRANGE = {
    "c": "complex numbers, which may be given as real and imaginary parts side by side",
    "M": "dates, which may be given as seconds since a start",
    "m": "durations, which may be given as seconds",
    "V": "records of several fields, which may be given as columns side by side",
    "S": "bytes",
}
_FRAMES = ("pandas", "polars")


class HeldError(RefusedError):
    """What a value holds is no array of numbers or texts; the message says what it is instead."""


def plain(value: Any) -> NDArray[Any]:
    """The numbers, truth values or texts in `value`, as an array of its own shape.

    Parameters
    ----------
    value : array_like
        Also a tensor of PyTorch (with gradients or on another device), a DataFrame, Series or Categorical of pandas, a frame
        of polars, a sparse matrix of SciPy, a masked array that hides nothing, and an array of objects that are numbers.

    Raises
    ------
    HeldError
        If it holds anything else, or no value somewhere.
    """
    origin = _origin(value)
    if origin == "torch":
        return _tensor(value)
    if origin == "scipy" and hasattr(value, "toarray"):
        return _readable(np.asarray(value.toarray()))
    if is_frame(value):
        parts = {
            f"column {name!r}": column for name, column in zip(names_of(value) or (), _columns(value), strict=True)
        }
        if len(parts) < len(value.columns):
            raise HeldError(f"it has two columns {_twice(names_of(value) or [])!r}")
        return _together({name: _filled(name, column) for name, column in parts.items()}, 1, len(value))
    if origin in _FRAMES:
        return _filled("it", value)
    if value is None or isinstance(value, str | bytes | Mapping | Set | Iterator):
        raise HeldError(f"it is {_kind(value)}")
    if np.ma.isMaskedArray(value) and np.ma.is_masked(value):
        hidden = np.argwhere(np.ma.getmaskarray(value))[0]
        raise HeldError(f"entry {hidden.tolist()} is masked")
    if isinstance(value, list | tuple) and _holds_others(value):
        return _together({f"entry {k}": plain(one) for k, one in enumerate(value)}, 0, 0)
    try:
        return _readable(np.asarray(value))
    except HeldError:
        raise
    except Exception as error:  # of whatever library the value is
        lengths = _lengths(value)
        raise HeldError(f"its rows have {' and '.join(lengths[:2])} entries" if len(lengths) > 1 else (
            f"it is {_kind(value)} that gives no array ({brief(str(error))[1:-1]})"
        )) from error  # fmt: skip


def is_frame(value: Any) -> bool:
    """Whether `value` is a table whose columns have names."""
    return _origin(value) in _FRAMES and hasattr(value, "columns")


def names_of(value: Any) -> list[str] | None:
    """Names of the columns of a frame, or of the entries of a series if they are texts; None of anything else."""
    if is_frame(value):
        return [str(name) for name in value.columns]
    if _origin(value) != "pandas" or not hasattr(value, "index") or not hasattr(value, "to_list"):
        return None
    found = list(value.index)
    return found if found and all(isinstance(name, str) for name in found) else None


def categories_of(value: Any) -> tuple[list[str], NDArray[np.int64]] | None:
    """Categories, as texts, and their positions in a categorical column of pandas; None of anything else."""
    if is_frame(value) and len(value.columns) == 1:
        return categories_of(_columns(value)[0])
    held = getattr(value, "cat", value)
    if _origin(value) != "pandas" or not hasattr(held, "codes") or not hasattr(held, "categories"):
        return None
    return [str(one) for one in held.categories], np.asarray(held.codes, np.int64)


def _origin(value: Any) -> str:
    """The library that a value is of; what is derived from a library's class is of that library."""
    packages = [base.__module__.partition(".")[0] for base in type(value).__mro__]
    return next((name for name in packages if name in ("torch", "scipy", *_FRAMES)), "")


def _holds_others(value: Any) -> bool:
    """Whether a list, or the first list in it, holds what NumPy does not read by itself."""
    return any(_origin(one) in ("torch", *_FRAMES) for one in value) or (
        len(value) > 0 and isinstance(value[0], list | tuple) and _holds_others(value[0])
    )


def _tensor(value: Any) -> NDArray[Any]:
    if not hasattr(value, "detach"):
        raise HeldError(f"it is {_kind(value)}")
    held = value.detach()
    if held.is_complex():
        raise HeldError(f"it holds {_STRANGE['c']}")
    if held.device.type == "meta":
        raise HeldError("it is a tensor without values, on the device 'meta'")
    try:
        held = held.to_dense() if held.layout is not sys.modules["torch"].strided else held
        return np.asarray((held.double() if held.is_floating_point() else held).cpu().numpy())
    except Exception as error:  # a layout without a dense form, and whatever else tensors will be
        raise HeldError(f"it is {_kind(value)} that gives no array ({brief(str(error))[1:-1]})") from error


def _columns(frame: Any) -> list[Any]:
    """The columns of a frame of pandas or polars, also where a name is given twice."""
    if hasattr(frame, "iloc"):
        return [frame.iloc[:, k] for k in range(len(frame.columns))]
    return [frame[:, k] for k in range(len(frame.columns))]


def _filled(name: str, column: Any) -> NDArray[Any]:
    """A column of pandas or polars without gaps."""
    missing = column.is_null() if hasattr(column, "is_null") else column.isna() if hasattr(column, "isna") else ()
    gaps = np.flatnonzero(np.asarray(missing, bool))
    if gaps.size:
        raise HeldError(f"{name} has no value in row {int(gaps[0])}")
    try:
        return _readable(np.asarray(column))
    except HeldError as error:
        told = str(error)
        raise HeldError(f"{name} {told[3:]}" if told.startswith("it ") else f"{name}: {told}") from None


def _together(parts: dict[str, NDArray[Any]], axis: int, rows: int) -> NDArray[Any]:
    """Parts side by side, none of which becomes a text because another is one."""
    if not parts:
        return np.zeros((rows, 0))
    if len({part.shape for part in parts.values()}) > 1:
        (first, one), (other, two) = next(
            ((a, x), (b, y)) for a, x in parts.items() for b, y in parts.items() if x.shape != y.shape
        )
        raise HeldError(f"{first} has shape {one.shape}, and {other} {two.shape}")
    texts = {name: part for name, part in parts.items() if part.dtype.kind == "U"}
    if 0 < len(texts) < len(parts):
        name, part = next(iter(texts.items()))
        raise HeldError(
            f"{name} holds texts such as {brief(str(part.flat[0]), 40)}" if part.size else f"{name} holds texts"
        )
    return np.stack(list(parts.values()), axis=axis)


def _readable(array: NDArray[Any]) -> NDArray[Any]:
    """An array of numbers, truth values or texts; objects become what they all are."""
    if array.dtype.kind in _STRANGE:
        raise HeldError(f"it holds {_STRANGE[array.dtype.kind]}")
    if array.dtype.kind not in "OT":
        return array
    if array.size and all(isinstance(one, str) for one in array.flat):
        return array.astype(str)
    found = np.array([_number(list(index), one, array) for index, one in np.ndenumerate(array)], float)
    whole = all(isinstance(one, numbers.Integral) for one in array.flat)
    exact = whole and found.size > 0 and bool(np.abs(found).max() < 2**53)
    return (found.astype(np.int64) if exact else found).reshape(array.shape)


def _number(place: list[int], one: Any, array: NDArray[Any]) -> float:
    """An entry of an array of objects."""
    if isinstance(one, numbers.Real | Decimal | np.bool_):
        try:
            return float(one)
        except OverflowError:
            raise HeldError(f"entry {place} is {brief(one, 40)}, beyond all floats") from None
    if one is None or type(one).__name__ in ("NAType", "NaTType"):
        raise HeldError(f"entry {place} has no value ({one})")
    if not place:
        raise HeldError(f"it is {_kind(one)}")
    if isinstance(one, Iterable) and not isinstance(one, str):
        lengths = _lengths(array)
        raise HeldError(
            f"its rows have {' and '.join(lengths[:2])} entries"
            if len(lengths) > 1
            else f"entry {place} is {_kind(one)}"
        )
    raise HeldError(f"entry {place} is {brief(one, 40)}, {_kind(one)}")


def _lengths(value: Any) -> list[str]:
    """The different lengths of the rows in a list, as texts."""
    rows = value if isinstance(value, Iterable) else ()
    return list(dict.fromkeys(str(len(row)) for row in rows if isinstance(row, Sequence | np.ndarray) and np.ndim(row)))


def _twice(names: list[str]) -> str:
    return next(name for name in names if names.count(name) > 1)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
