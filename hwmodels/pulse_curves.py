"""Measured trains of pulses from a table: how conductances moved, pulse by pulse.

The table has the columns ``pulse`` (its number), ``polarity`` (``+``, ``-``, ``up``, ``down``, ``pot``, ``dep``, ``set``, 1,
-1, ...) and ``conductance`` (as read after the pulse), perhaps ``device``, ``amplitude`` and ``width``, with units as in
``conductance_uS``, ``conductance (uS)``, ``conductance [uS]`` or ``conductance / uS``. How the file is written is for
`hwmodels.spreadsheet`. A step is the difference of two readings that follow one another on a device, and it belongs to the
pulse of the later one. The time of a pulse is the longer of the two widths.
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
#: of columns that need a unit: an example, and what `as_written` means
_TYPICAL = {"conductance": ("uS", "siemens"), "width": ("ns", "seconds")}
_NAMES = {
    "pulse": (
        "pulse",
        "pulse_number",
        "pulse_no",
        "pulse_nr",
        "pulse_index",
        "pulse_idx",
        "pulse_id",
        "pulsenum",
        "number",
        "n",
    ),
    "polarity": ("polarity", "pulse_polarity", "pol", "sign", "direction"),
    "conductance": ("conductance", "g"),
    "device": ("device", "device_id", "device_no", "device_number", "device_name", "dev", "cell", "cell_id"),
    "amplitude": ("amplitude", "pulse_amplitude", "voltage", "pulse_voltage"),
    "width": ("width", "pulse_width", "duration", "pulse_duration"),
}
_NEEDED = ("pulse", "polarity", "conductance")
_UP = ("+", "up", "u", "p", "pos", "positive", "set", "ltp", "pot", "potentiate", "potentiation", "inc", "increase")
_DOWN = ("-", "down", "d", "neg", "negative", "n", "reset", "ltd", "dep", "depress", "depression", "dec", "decrease")
_HEAD = re.compile(
    r"(?P<name>.*?)\s*(?:[\[(]\s*(?P<boxed>[^\])]*?)\s*[\])]|(?:/|,|\bin\b)\s*(?P<said>[^\s/,]+))?", re.IGNORECASE
)


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
    """The longer of the two widths [s], if given."""


def is_pulses(path: str | Path) -> bool:
    """Whether a table's header has a polarity, or pulses and no target."""
    try:
        sheet = read_sheet(path, _all_names())
    except HardwareError:
        return False
    names = {_split(head)[0].lower() for head in sheet.header}
    return "polarity" in names or ("pulse" in names and not any(name.startswith("target") for name in names))


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
            width = float(np.max(values, initial=0.0)) if name == "width" else width
    order = np.lexsort((np.arange(len(device)), pulse, device))
    conductance, pulse, sign, device = conductance[order], pulse[order], sign[order], device[order]
    same = np.diff(device) == 0
    twice = np.flatnonzero(same & (np.diff(pulse) == 0))
    if len(twice):
        line = sheet.rows[order[twice[0] + 1]][0]
        raise HardwareError(
            file,
            f"line {line} has pulse {pulse[twice[0]]:g} of its device for the second time, allowed: pulses numbered through, "
            "from one polarity to the next too",
        )
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
    return ("conductance", "amplitude", "voltage", "width", "duration", "pulse", "number", "n", "g")


def _split(head: str) -> tuple[str, str]:
    """What a column is, and its unit; an unknown one is called as it is written."""
    parts = _HEAD.fullmatch(head.strip())
    text, boxed, said = (head, "", "") if parts is None else (parts["name"], parts["boxed"] or "", parts["said"] or "")
    plain = re.sub(r"[\s.#-]+", "_", text.strip()).strip("_")
    short = plain.lower().replace("_", "")
    for name, words in _NAMES.items():
        if short in {word.replace("_", "") for word in words} and (not said or name in _UNITS):
            return name, boxed or said
    for name in _UNITS:
        for word in _NAMES[name]:
            if plain.lower().startswith(f"{word}_") and not boxed and not said:
                return name, plain[len(word) + 1 :]
    return head.strip(), ""


def _header(file: str, header: list[str], as_written: bool) -> tuple[dict[str, int], dict[str, float]]:
    """Place and factor to SI of every column that is known; others are passed over."""
    places, scales = dict[str, int](), dict[str, float]()
    plain = {head.strip().lower() for head in header} - set(_UNITS)
    for place, head in enumerate(header):
        name, unit = _split(head)
        if name not in _NAMES or (name in plain and head.strip().lower() != name):  # what is called just so goes first
            continue
        if name in places:
            raise HardwareError(file, f"has two columns of {name}: {header[places[name]]!r} and {head!r}, allowed: one")
        places[name] = place
        if name in _UNITS:
            if not unit and name in _TYPICAL and not as_written:
                raise HardwareError(
                    file,
                    f"column {head!r} has no unit; allowed: one as in '{name}_{_TYPICAL[name][0]}', or --as-written if it is in "
                    f"{_TYPICAL[name][1]}",
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
    """Finite numbers of a column, none below 0 but amplitudes; widths above 0."""
    values = sheet.numbers(place)
    low = {"amplitude": -np.inf, "width": np.nextafter(0, 1)}.get(name, 0.0)
    wrong = np.flatnonzero(~np.isfinite(values) | (values < low))
    if len(wrong):
        line, cells = sheet.rows[wrong[0]]
        allowed = {"amplitude": "a number", "width": "a number above 0"}.get(name, "a number from 0")
        raise HardwareError(file, f"{name} is {cells[place].strip()[:80]!r} in line {line}, allowed: {allowed}")
    return values


def _polarity(file: str, line: int, cell: str) -> float:
    word = cell.strip().lower().rstrip(".").replace("\u2212", "-")
    if re.fullmatch(r"[+-]?1([.,]0*)?(e[+-]?0+)?", word):
        return -1.0 if word.startswith("-") else 1.0
    if word in _UP:
        return 1.0
    if word in _DOWN:
        return -1.0
    raise HardwareError(
        file, f"polarity is {cell.strip()[:40]!r} in line {line}, allowed: +, -, up, down, set, reset, pot, dep, 1, -1"
    )
