"""Samples from arrays: ``.npz`` and ``.npy`` files; nothing in them is executed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.archives import open_archive, read_npy
from emulator.data.samples import Samples
from emulator.errors import FileFormatError
from hwmodels.doors import RefusedError

#: names under which arrays of inputs and targets are looked for
_PAIRS = (("inputs", "targets"), ("X", "y"), ("x", "y"), ("data", "target"), ("images", "labels"))


def read_array(path: Path) -> Samples:
    """The inputs in an ``.npy`` file.

    Raises
    ------
    FileFormatError
        If it holds no numbers.
    OSError
        If it cannot be opened.
    """
    try:
        return Samples(f"file '{path}'", _flat(path, "its array", read_npy(path)))
    except RefusedError as error:
        raise FileFormatError(f"file '{path}' is not an .npy file of numbers: {error}") from error


def read_arrays(path: Path, names: Sequence[str], inputs: str | None, targets: str | None) -> Samples:
    """The arrays of an ``.npz`` file.

    Parameters
    ----------
    path : Path
    names : sequence of str
        Names of a network's inputs: several have an array each.
    inputs, targets : str, optional
        Names of the arrays; by default one of the usual pairs.

    Raises
    ------
    FileFormatError
        If it is no such file, an array is missing, or they do not belong together.
    OSError
        If it cannot be opened.
    """
    _, known = _read(path, ())
    if len(names) > 1:
        wanted, guessed = tuple(names), "targets"
    else:
        first, guessed = next((pair for pair in _PAIRS if pair[0] in known), _PAIRS[0])
        wanted = (inputs or first,)
    named = targets or guessed
    arrays, _ = _read(path, (*wanted, named))
    missing = [name for name in (*wanted, *([named] if targets else [])) if name not in arrays]
    if missing:
        raise FileFormatError(f"file '{path}' has no array {missing[0]!r}; arrays: {', '.join(known) or 'none'}")
    data = {name: _flat(path, f"array {name!r}", arrays[name]) for name in wanted}
    found = np.atleast_1d(arrays[named]) if named in arrays else None
    counts = {name: len(rows) for name, rows in data.items()} | ({} if found is None else {named: len(found)})
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} in {name!r}" for name, count in counts.items())
        raise FileFormatError(f"file '{path}' has samples: {told}; allowed: as many in each array")
    notes = (
        ()
        if inputs or len(names) > 1
        else (f"data from array {wanted[0]!r}" + ("" if found is None else f", targets from {named!r}"),)
    )
    return Samples(f"file '{path}'", next(iter(data.values())) if len(wanted) == 1 else data, found, notes=notes)


def _read(path: Path, wanted: Sequence[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays of those names that an ``.npz`` file holds, and the names of all in it."""
    try:
        with open_archive(path) as archive:
            return {name: archive.read(name) for name in wanted if name in archive.names}, list(archive.names)
    except RefusedError as error:
        raise FileFormatError(f"file '{path}' is not an .npz file of plain arrays: {error}") from error


def _flat(path: Path, what: str, array: NDArray[Any]) -> NDArray[Any]:
    """Rows of samples: images and sequences in one row each."""
    if array.size == 0:
        raise FileFormatError(
            f"file '{path}': {what} has shape {array.shape}; allowed: at least one sample of one number"
        )
    rows = np.atleast_2d(array)
    return rows.reshape(len(rows), -1) if rows.ndim > 2 else rows
