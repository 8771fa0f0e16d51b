"""Tables as spreadsheets and data frames write them: which character separates cells, and which one decimals.

Columns are separated by ``,``, ``;``, a tab or ``|``, whichever finds most of the columns that are looked for. Numbers
have a decimal point or, in the whole file, a decimal comma. Lines that begin with ``#`` before the header are comments; where
the last of them names more columns than the line that follows, it is the header. What could be read in two ways is refused by its name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwmodels.doors import RefusedError, lines_of, read_measured
from hwmodels.errors import HardwareError

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}([.,'_ \u00a0\u202f]\d{3})+([.,]\d*)?", re.ASCII)
_THOUSAND = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


@dataclass(frozen=True)
class Sheet:
    """A table of texts.

    Parameters
    ----------
    file : str
        Name of the file, for messages.
    header : list of str
        Names of the columns.
    rows : list of (line number, cells)
        As many cells as there are columns.
    comma : bool
        Whether decimals are separated by a comma.
    """

    file: str
    header: list[str]
    rows: list[tuple[int, list[str]]]
    comma: bool

    def numbers(self, place: int) -> npt.NDArray[np.float64]:
        """One column; NaN where a cell is no number."""
        return np.array([self._number(cells[place].strip()) for _, cells in self.rows])

    def _number(self, cell: str) -> float:
        text = cell.replace(",", ".") if self.comma else cell
        return float(text) if _NUMBER.fullmatch(text) else np.nan


def read_sheet(
    path: str | Path, columns: Sequence[str], numeric: Sequence[str] = ("target", "measured", "time")
) -> Sheet:
    """Read a table that should have some of `columns`; those whose names begin with a word of `numeric` hold numbers.

    Raises
    ------
    HardwareError
        If the file cannot be read, is empty, its rows do not fit its header, or its numbers can be read in two ways.
    """
    file = Path(path).name
    try:
        text = read_measured(path)
        separator, rows = _split(text, columns)
    except (RefusedError, OSError, csv.Error) as error:
        raise HardwareError(file, f"cannot be read: {error}") from None
    if not rows:
        raise HardwareError(file, f"is empty, allowed: a header with {', '.join(columns)}")
    header, table = [cell.strip() for cell in rows[0][1]], rows[1:]
    width = len(header)
    fitting = []
    for line, cells in table:
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            hint = ""
            if separator == "," and len(cells) > width:
                hint = "; where decimals have a comma, another character must separate the columns"
            raise HardwareError(file, f"line {line} has {len(cells)} cells, allowed: {width}, as the header has{hint}")
        fitting.append((line, cells[:width]))
    places = [place for place, name in enumerate(header) if re.split(r"[^a-z]", name.lower(), maxsplit=1)[0] in numeric]
    return Sheet(file, header, fitting, _decimal_comma(file, fitting, places))


def _split(text: str, columns: Sequence[str]) -> tuple[str, list[tuple[int, list[str]]]]:
    """The separator, and numbered rows of cells without blank ones."""
    first, _, more = text.partition("\n")
    said = re.fullmatch(r"\"?sep=(.)\"?\s*", first, re.IGNORECASE)  # for spreadsheets, before the header
    body, skipped = _uncommented(more if said else text, columns)
    skipped += 1 if said else 0
    head = _first(body)

    def found(separator: str) -> int:
        return _known(head, separator, columns)

    separator = said[1] if said and said[1] in _SEPARATORS else max(_SEPARATORS, key=found)
    reader = csv.reader(lines_of(body), delimiter=separator, strict=True)
    rows = [(reader.line_num + skipped, row) for row in reader if any(cell.strip() for cell in row)]
    return separator, rows


def _first(text: str) -> str:
    """The first line that is not blank."""
    return next((line for line in text.splitlines() if line.strip()), "")


def _known(head: str, separator: str, columns: Sequence[str]) -> int:
    """How many cells of a header are columns that are looked for."""
    cells = next(iter(csv.reader([head], delimiter=separator)), [])
    return sum(
        any(re.match(rf"{re.escape(name)}(?![A-Za-z])", cell.strip(), re.I) for name in columns) for cell in cells
    )


def _uncommented(text: str, columns: Sequence[str]) -> tuple[str, int]:
    """The text from its header on, and how many lines stood before it."""
    lines = text.splitlines(keepends=True)
    comments = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    if not any(line.startswith("#") for line in lines[:comments]):
        return text, 0
    body = "".join(lines[comments:])
    last = max(n for n in range(comments) if lines[n].startswith("#"))
    named = lines[last].lstrip("# ")
    here, there = (max(_known(head, separator, columns) for separator in _SEPARATORS) for head in (_first(body), named))
    if here and here >= there:  # a row of cells may begin with what could be a name, such as `cell1`
        return body, comments
    return named + body, comments - 1


def _decimal_comma(file: str, rows: Sequence[tuple[int, list[str]]], places: Sequence[int]) -> bool:
    """Whether decimals of the columns at `places` have a comma."""
    cells = [(line, row[place].strip()) for line, row in rows for place in places]
    commas = [(line, cell) for line, cell in cells if "," in cell]
    for line, cell in cells:
        if _GROUPED.fullmatch(cell) and (len(re.findall(r"\D", cell.lstrip("+-"))) > 1 or not set(".,") & set(cell)):
            raise HardwareError(
                file, f"line {line} has the number {cell[:40]!r} with thousands separators, allowed: numbers without"
            )
    if not commas:
        return False
    points = next(((line, cell) for line, cell in cells if "." in cell), None)
    if points is not None:
        raise HardwareError(
            file,
            f"has {commas[0][1][:40]!r} in line {commas[0][0]} and {points[1][:40]!r} in line {points[0]}, allowed: "
            "decimals with a comma or with a point, not both",
        )
    if all(_THOUSAND.fullmatch(cell) for _, cell in commas):
        raise HardwareError(
            file,
            f"has {commas[0][1]!r} in line {commas[0][0]}, which may be thousands or decimals, allowed: numbers "
            "without thousands separators",
        )
    return True
