"""Measured device conductances from a CSV file.

The file has a header row and the columns ``target_conductance``, ``measured_conductance`` and ``time`` (after
programming), each with an optional unit, as in ``target_conductance_uS`` or ``time_ms``, else in SI units; a
column ``device`` tells devices apart that were read several times, else every row is a device of its own.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodels.errors import HardwareError, alternatives
from hwmodels.units import factor

Array = npt.NDArray[np.float64]

MIN_ROWS = 20
"""Smallest number of rows, and of devices, that is fitted."""

_UNITS = {"target_conductance": "S", "measured_conductance": "S", "time": "s"}
_COLUMNS = (*_UNITS, "device")


class Readings(NamedTuple):
    """Columns of a measurement file, each of shape (n,), the readings of a device together."""

    target: Array
    """Conductance asked for [S]."""
    measured: Array
    """Conductance read [S]."""
    time: Array
    """Time after programming [s]."""
    device: npt.NDArray[np.int64]
    """Number of the device."""

    @property
    def first(self) -> npt.NDArray[np.bool_]:
        """Which readings are the first of their device, shape (n,)."""
        return np.concatenate([[True], np.diff(self.device) != 0])


def read_readings(path: str | Path) -> Readings:
    """Checked columns of a measurement file, in SI units.

    Raises
    ------
    HardwareError
        If the file cannot be read, its header or a value is wrong, it has too few rows, or the times of a
        device do not increase.
    """
    file = Path(path).name
    header, rows = _table(path)
    places, scales = _header(file, header)
    if len(rows) < MIN_ROWS:
        raise HardwareError(file, f"has {len(rows)} rows, allowed: at least {MIN_ROWS}")
    width = max(places.values())
    for line, row in rows:
        if len(row) <= width:
            raise HardwareError(file, f"line {line} has {len(row)} cells, allowed: at least {width + 1}")
    values = {name: _numbers(file, rows, places[name], name) * scales[name] for name in _UNITS}
    device = np.arange(len(rows))
    if "device" in places:
        names = [row[places["device"]].strip() for _, row in rows]
        device = np.unique(names, return_inverse=True)[1]
    order = np.argsort(device, kind="stable")
    target, measured, time = (values[name][order] for name in _UNITS)
    data = Readings(target, measured, time, device[order])
    wrong = np.flatnonzero((np.diff(data.device) == 0) & (np.diff(data.time) <= 0))
    if len(wrong):
        line = rows[order[wrong[0] + 1]][0]
        raise HardwareError(file, f"time does not increase from the device's reading before line {line}")
    return data


def _table(path: str | Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and numbered rows, without blank lines."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HardwareError(Path(path).name, f"cannot be read: {error}") from None
    if not rows:
        raise HardwareError(Path(path).name, f"is empty, allowed: a header with {', '.join(_COLUMNS)}")
    return [cell.strip() for cell in rows[0][1]], rows[1:]


def _header(file: str, header: list[str]) -> tuple[dict[str, int], dict[str, float]]:
    """Place and SI factor of each column."""
    places: dict[str, int] = {}
    scales: dict[str, float] = {}
    for place, written in enumerate(header):
        name = next((known for known in _COLUMNS if f"{written}_".startswith(f"{known}_")), "")
        if not name:
            raise HardwareError(file, f"unknown column {written!r}; {alternatives(written, _COLUMNS)}")
        if name in places:
            raise HardwareError(file, f"has two columns {name!r}, allowed: one")
        places[name] = place
        if name in _UNITS:
            unit = written[len(name) + 1 :] or _UNITS[name]
            try:
                scales[name] = factor(unit, _UNITS[name])
            except HardwareError as error:
                raise HardwareError(file, f"column {written!r}: {error.problem}") from None
    for name in _UNITS:
        if name not in places:
            raise HardwareError(file, f"has no column {name!r}, allowed: a header with {', '.join(_COLUMNS)}")
    return places, scales


def _numbers(file: str, rows: list[tuple[int, list[str]]], place: int, name: str) -> Array:
    """Positive numbers of one column."""
    values = []
    for line, row in rows:
        try:
            value = float(row[place])
        except ValueError:
            value = np.nan
        if not 0 < value < np.inf:
            problem = f"{name} is {row[place].strip()!r} in line {line}, allowed: a number above 0"
            raise HardwareError(file, problem)
        values.append(value)
    return np.array(values)
