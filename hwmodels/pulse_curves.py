"""Measured trains of pulses from a table: how conductances moved, pulse by pulse.

The table has the columns ``pulse`` (its number), ``polarity`` (``+``, ``-``, ``up``, ``down``, ``potentiation``, ``set``, 1,
-1, ...) and ``conductance`` (as read after the pulse), perhaps ``device``, ``amplitude`` and ``width``, with units as in
``conductance_uS``, ``conductance (uS)`` or ``conductance [uS]``. How the file is written is for `hwmodels.spreadsheet`. A step
is the difference of two readings that follow one another on a device, and it belongs to the pulse of the later one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodels.errors import HardwareError
from hwmodels.spreadsheet import Sheet, read_sheet
from hwmodels.units import factor

Array = npt.NDArray[np.float64]

MIN_STEPS = 20
"""Fewest steps of each polarity that are fitted."""

_UNITS = {"conductance": "S", "amplitude": "V", "width": "s"}
_NAMES = {
    "pulse": ("pulse", "pulse_number", "pulse_no", "pulsenum", "number", "n"),
    "polarity": ("polarity", "sign", "direction"),
    "conductance": ("conductance", "g"),
    "device": ("device", "device_id", "cell"),
    "amplitude": ("amplitude", "voltage"),
    "width": ("width", "pulse_width", "duration"),
}
_NEEDED = ("pulse", "polarity", "conductance")
_UP = ("+", "+1", "1", "up", "p", "pos", "positive", "set", "ltp", "potentiation")
_DOWN = ("-", "-1", "\u2212", "\u22121", "down", "d", "neg", "negative", "n", "reset", "ltd", "depression")
_HEAD = re.compile(r"(?P<name>.*?)\s*(?:[\[(]\s*(?P<unit>[^\])]*?)\s*[\])])?")


class Curves(NamedTuple):
    """Steps of all devices, each of shape (n,), those of one device together."""

    before: Array
    """Conductance before the pulse [S]."""
    after: Array
    """Conductance after it [S]."""
    sign: Array
    """1 for a pulse up, -1 for one down."""
    device: npt.NDArray[np.int64]
    """Number of the device."""
    pulse: Array
    """Number of the pulse."""
    width: float | None
    """Width of all pulses [s], if given."""


def is_pulses(path: str | Path) -> bool:
    """Whether a table's header has a polarity."""
    try:
        sheet = read_sheet(path, _all_names())
    except HardwareError:
        return False
    return any(_split(head)[0] == "polarity" for head in sheet.header)


def read_pulses(path: str | Path, as_written: bool = False) -> Curves:
    """Checked steps of a table.

    Parameters
    ----------
    path : str or Path
        The table.
    as_written : bool
        Take conductances without a unit to be in siemens.

    Raises
    ------
    HardwareError
        If the table is wrong, its pulses are not alike, or a device has fewer than two readings; with file and line.
    """
    file, sheet = Path(path).name, read_sheet(path, _all_names(), _numeric())
    places, scales = _header(file, sheet.header, as_written)
    conductance = _numbers(file, sheet, places["conductance"], "conductance") * scales["conductance"]
    if np.max(conductance, initial=0.0) > 1.0 and not as_written:
        raise HardwareError(file, f"conductance goes up to {conductance.max():.4g} S, where devices have at most 1 S")
    pulse = _numbers(file, sheet, places["pulse"], "pulse")
    sign = np.array([_polarity(file, line, cells[places["polarity"]]) for line, cells in sheet.rows])
    names = [cells[places["device"]].strip() if "device" in places else "" for _, cells in sheet.rows]
    device = np.unique(names, return_inverse=True)[1]
    width = None
    for name in ("amplitude", "width"):
        if name in places:
            values = _numbers(file, sheet, places[name], name) * scales[name]
            _alike(file, sheet, name, values, sign)
            width = float(values[0]) if name == "width" else width
    order = np.lexsort((np.arange(len(device)), pulse, device))
    conductance, pulse, sign, device = conductance[order], pulse[order], sign[order], device[order]
    same = np.diff(device) == 0
    twice = np.flatnonzero(same & (np.diff(pulse) == 0))
    if len(twice):
        line = sheet.rows[order[twice[0] + 1]][0]
        raise HardwareError(file, f"line {line} has pulse {pulse[twice[0]]:g} of its device for the second time")
    follows = np.flatnonzero(same & (np.diff(pulse) == 1))
    found = Curves(
        conductance[follows], conductance[follows + 1], sign[follows + 1], device[follows], pulse[follows + 1], width
    )
    for way, word in ((1, "up"), (-1, "down")):
        count = int(np.count_nonzero(found.sign == way))
        if count < MIN_STEPS:
            raise HardwareError(
                file, f"has {count} steps {word} between pulses that follow one another, allowed: at least {MIN_STEPS}"
            )
    return found


def _alike(file: str, sheet: Sheet, name: str, values: Array, sign: Array) -> None:
    """Refuse pulses of one polarity that are not identical."""
    for way in (1, -1):
        mine = np.flatnonzero(sign == way)
        other = mine[np.abs(values[mine] - values[mine[0]]) > 1e-6 * abs(values[mine[0]])] if len(mine) else mine
        if len(other):
            line = sheet.rows[other[0]][0]
            raise HardwareError(
                file,
                f"{name} in line {line} is {values[other[0]]:g}, and {values[mine[0]]:g} before, allowed: identical pulses of "
                "each polarity, a file for each",
            )


def _all_names() -> tuple[str, ...]:
    return tuple(name for names in _NAMES.values() for name in names if len(name) > 1)


def _numeric() -> tuple[str, ...]:
    return ("conductance", "amplitude", "voltage", "width", "pulse", "g")


def _split(head: str) -> tuple[str, str]:
    """What a column is, and its unit; an unknown one is called as it is written."""
    parts = _HEAD.fullmatch(head.strip())
    text, unit = (head, "") if parts is None else (parts["name"], parts["unit"] or "")
    plain = re.sub(r"[\s.-]+", "_", text.strip()).strip("_")
    for name, words in _NAMES.items():
        if plain.lower() in words:
            return name, unit
    for name in _UNITS:
        for word in _NAMES[name]:
            if plain.lower().startswith(f"{word}_") and not unit:
                return name, plain[len(word) + 1 :]
    return text, unit


def _header(file: str, header: list[str], as_written: bool) -> tuple[dict[str, int], dict[str, float]]:
    """Place and factor to SI of every column that is known; others are passed over."""
    places, scales = dict[str, int](), dict[str, float]()
    for place, head in enumerate(header):
        name, unit = _split(head)
        if name not in _NAMES:
            continue
        if name in places:
            raise HardwareError(file, f"has two columns of {name}: {header[places[name]]!r} and {head!r}, allowed: one")
        places[name] = place
        if name in _UNITS:
            if not unit and name == "conductance" and not as_written:
                raise HardwareError(
                    file,
                    f"column {head!r} has no unit; allowed: one as in 'conductance_uS', or --as-written if it is in siemens",
                )
            try:
                scales[name] = factor(unit.replace("\u00b5", "u").replace("\u03bc", "u") or _UNITS[name], _UNITS[name])
            except HardwareError as error:
                raise HardwareError(file, f"column {head!r}: {error.problem}") from None
    for name in _NEEDED:
        if name not in places:
            raise HardwareError(file, f"has no column {name!r}, allowed: a header with {', '.join(_NAMES)}")
    return places, scales


def _numbers(file: str, sheet: Sheet, place: int, name: str) -> Array:
    """Finite numbers of a column, none below 0 but amplitudes."""
    values = sheet.numbers(place)
    wrong = np.flatnonzero(~np.isfinite(values) | ((values < 0) & (name != "amplitude")))
    if len(wrong):
        line, cells = sheet.rows[wrong[0]]
        raise HardwareError(file, f"{name} is {cells[place].strip()[:80]!r} in line {line}, allowed: a number from 0")
    return values


def _polarity(file: str, line: int, cell: str) -> float:
    word = cell.strip().lower()
    word = word[:-2] if re.fullmatch(r"[+-]?1\.0", word) else word
    if word in _UP:
        return 1.0
    if word in _DOWN:
        return -1.0
    raise HardwareError(
        file, f"polarity is {cell.strip()[:40]!r} in line {line}, allowed: +, -, up, down, set, reset, 1, -1"
    )
