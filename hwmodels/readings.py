"""Measured device conductances from a CSV file.

The file has a header row and the columns ``target_conductance``, ``measured_conductance`` and ``time`` (after
programming), each with its unit, as in ``target_conductance_uS`` or ``time_ms``; a column ``device`` tells devices
apart that were read several times, else every row is a device of its own. Times without a unit are in seconds;
conductances without one are read only if the caller says that they are in siemens. How the file is written is for
`hwmodels.spreadsheet`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodels.errors import HardwareError, suggest
from hwmodels.spreadsheet import Sheet, read_sheet
from hwmodels.units import factor

Array = npt.NDArray[np.float64]

MIN_ROWS = 20
"""Smallest number of rows, and of devices, that is fitted."""
MOST_SIEMENS = 1.0
"""Conductances above are believed only if the caller says so."""

_UNITS = {"target_conductance": "S", "measured_conductance": "S", "time": "s"}
_COLUMNS = (*_UNITS, "device")
#: what index columns of data frames are called
_INDEX = ("", "unnamed: 0")


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


def read_readings(path: str | Path, as_written: bool = False) -> Readings:
    """Checked columns of a measurement file, in SI units.

    Parameters
    ----------
    path : str or Path
        The CSV file.
    as_written : bool
        Take conductances without a unit to be in siemens, and believe those above `MOST_SIEMENS`.

    Raises
    ------
    HardwareError
        If the file cannot be read, its header or a value is wrong, it has too few rows, conductances are
        implausible or without a unit, or the times of a device do not increase.
    """
    file = Path(path).name
    sheet = read_sheet(path, _COLUMNS)
    places, scales = _header(file, sheet.header, as_written)
    if len(sheet.rows) < MIN_ROWS:
        raise HardwareError(file, f"has {len(sheet.rows)} rows, allowed: at least {MIN_ROWS}")
    values = {name: _positive(file, sheet, places[name], name) * scales[name] for name in _UNITS}
    for name in _UNITS:
        if not np.all((values[name] > 0) & np.isfinite(values[name])):
            raise HardwareError(file, f"{name} is too small or too large in its unit, allowed: a number above 0")
    _check_plausible(file, values, as_written)
    device = np.arange(len(sheet.rows))
    if "device" in places:
        names = [cells[places["device"]].strip() for _, cells in sheet.rows]
        device = np.unique(names, return_inverse=True)[1]
    order = np.argsort(device, kind="stable")
    target, measured, time = (values[name][order] for name in _UNITS)
    data = Readings(target, measured, time, device[order])
    wrong = np.flatnonzero((np.diff(data.device) == 0) & (np.diff(data.time) <= 0))
    if len(wrong):
        line = sheet.rows[order[wrong[0] + 1]][0]
        raise HardwareError(file, f"time does not increase from the device's reading before line {line}")
    return data


def _header(file: str, header: list[str], as_written: bool) -> tuple[dict[str, int], dict[str, float]]:
    """Place and SI factor of each column."""
    places: dict[str, int] = {}
    scales: dict[str, float] = {}
    bare: list[str] = []
    for place, written in enumerate(header):
        if place == 0 and written.lower() in _INDEX:
            continue
        name = next((known for known in _COLUMNS if f"{written}_".startswith(f"{known}_")), "")
        if not name:
            raise HardwareError(file, f"unknown column {suggest(written, _COLUMNS)}")
        if name in places:
            raise HardwareError(file, f"has two columns {name!r}, allowed: one")
        places[name] = place
        if name in _UNITS:
            unit = written[len(name) + 1 :]
            if not unit and _UNITS[name] == "S" and not as_written:
                bare.append(name)
            try:
                scales[name] = factor(unit or _UNITS[name], _UNITS[name])
            except HardwareError as error:
                raise HardwareError(file, f"column {written!r}: {error.problem}") from None
    for name in _UNITS:
        if name not in places:
            raise HardwareError(file, f"has no column {name!r}, allowed: a header with {', '.join(_COLUMNS)}")
    if bare:
        problem = f"column {bare[0]!r} has no unit; allowed: one as in '{bare[0]}_uS'"
        raise HardwareError(file, f"{problem}, or --as-written if it is in siemens")
    return places, scales


def _positive(file: str, sheet: Sheet, place: int, name: str) -> Array:
    """Positive numbers of one column."""
    values = sheet.numbers(place)
    wrong = np.flatnonzero(~((values > 0) & (values < np.inf)))
    if len(wrong):
        line, cells = sheet.rows[wrong[0]]
        problem = f"{name} is {cells[place].strip()[:80]!r} in line {line}, allowed: a number above 0"
        raise HardwareError(file, problem)
    return values


def _check_plausible(file: str, values: dict[str, Array], as_written: bool) -> None:
    """Refuse conductances that hardly any device has, unless they are meant."""
    for name in ("target_conductance", "measured_conductance"):
        largest = float(np.max(values[name]))
        if largest > MOST_SIEMENS and not as_written:
            problem = f"{name} goes up to {largest:.4g} S, where devices have at most {MOST_SIEMENS:g} S"
            raise HardwareError(file, f"{problem}; allowed: the right unit, or --as-written to take it as it is")
