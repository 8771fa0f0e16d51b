"""Tables of samples: comma-separated and spreadsheet files, and parquet where pandas is there."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import FileFormatError, suggest
from emulator.network.held import HeldError, categories_of, plain
from hwmodels.doors import RefusedError, lines_of, read_measured

_SEPARATORS = (",", ";", "\t", "|")
#: no digit can belong to two parts of them, so that long ones take no longer to read than they are long
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?", re.ASCII)
#: what tables write where there is no value
_EMPTY = ("", "na", "n/a", "nan", "null", "none", "?")
#: lines by which the separator is chosen
_LOOKED_AT = 50

Column = NDArray[np.float64] | list[str]


@dataclass(frozen=True)
class Table:
    """Columns by name, in the order of the file: numbers, or texts where a cell is none.

    Parameters
    ----------
    place : str
        Where it is from, as named in errors.
    columns : dict
    named : bool
        Whether there is a header; columns without one are called by their number, from 0.
    targets : tuple of str
        Columns that are meant to be predicted, where the table says so itself.
    """

    place: str
    columns: dict[str, Column]
    named: bool
    targets: tuple[str, ...] = ()

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Columns of numbers side by side, (rows, columns).

        Raises
        ------
        FileFormatError
            If there is no such column, or it holds a text or a gap.
        """
        return np.column_stack([self._number(name) for name in names])

    def _number(self, name: str) -> NDArray[np.float64]:
        column = self[name]
        if isinstance(column, list):
            row = next((k for k, cell in enumerate(column) if not _is_number(cell)), None)
            if row is None:
                row = next(k for k, cell in enumerate(column) if "," in cell)
                raise FileFormatError(
                    f"{self.place}: column {name!r} has {column[row][:40]!r} in row {row + 1} among numbers with decimal points; "
                    "allowed: points or commas"
                )
            raise FileFormatError(
                f"{self.place}: column {name!r} has {column[row][:40]!r} in row {row + 1}; allowed: numbers"
            )
        strange = np.flatnonzero(~np.isfinite(column))
        if strange.size:
            row = int(strange[0])
            raise FileFormatError(
                f"{self.place}: column {name!r} has {column[row]} in row {row + 1}; allowed: finite numbers"
            )
        return column

    def __getitem__(self, name: str) -> Column:
        """The column of this name."""
        if name not in self.columns:
            raise FileFormatError(f"{self.place} has no column {suggest(name, self.columns)}")
        return self.columns[name]


def read_table(path: Path) -> Table:
    """Read a table; its separator, its decimal sign and whether it has a header are found by looking.

    Raises
    ------
    FileFormatError
        If the file is no table, its rows differ in length, or a column of pandas' is no number or text.
    OSError
        If it cannot be opened.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(path)
    try:
        rows = _rows(read_measured(path), "\t" if path.suffix.lower() == ".tsv" else None)
    except (RefusedError, csv.Error) as error:
        raise FileFormatError(f"file '{path}' is no table: {error}") from error
    if not rows:
        raise FileFormatError(f"file '{path}' is empty; allowed: a table with a header")
    width = len(rows[0][1])
    for line, cells in rows:
        if len(cells) != width:
            raise FileFormatError(
                f"file '{path}', line {line} has {len(cells)} cells; allowed: {width}, as the first line has"
            )
    first = [cell.strip() for cell in rows[0][1]]
    named = _has_names(first, [cells for _, cells in rows[1:]])
    body = [[cell.strip() for cell in cells] for _, cells in (rows[1:] if named else rows)]
    names = _distinct(first, f"file '{path}'") if named else [str(k) for k in range(width)]
    if not body:
        raise FileFormatError(f"file '{path}' has a header and no rows; allowed: at least one row")
    columns: dict[str, Column] = {}
    for place, name in enumerate(names):
        cells = [row[place] for row in body]
        for row, cell in enumerate(cells):
            if cell.lower() in _EMPTY:
                raise FileFormatError(
                    f"file '{path}': column {name!r} has no value in row {row + 1}; allowed: tables without gaps"
                )
        columns[name] = _column(cells)
    if names[0] == "" and isinstance(columns[""], np.ndarray):  # the index that pandas writes
        del columns[""]
    return Table(f"file '{path}'", columns, named)


def _rows(text: str, separator: str | None) -> list[tuple[int, list[str]]]:
    """Numbered rows of cells, without blank ones."""
    if separator is None:
        head = [line for line in text.splitlines() if line.strip()][:_LOOKED_AT]

        def fitness(one: str) -> tuple[bool, int]:
            counts = {len(row) for row in csv.reader(head, delimiter=one)}
            return len(counts) == 1 and counts != {1}, max(counts, default=0)

        separator = max(_SEPARATORS, key=fitness)
    reader = csv.reader(lines_of(text), delimiter=separator, strict=True)
    return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]


def _has_names(first: list[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: texts above numbers do, and so does a row without any number."""
    numbers = [
        place
        for place in range(len(first))
        if rest and all(_is_number(row[place].strip()) or row[place].strip().lower() in _EMPTY for row in rest)
    ]
    if not numbers:
        return not any(_is_number(cell) for cell in first)
    return any(not _is_number(first[place]) for place in numbers)


def _is_number(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _COMMA.fullmatch(cell))


def _column(cells: list[str]) -> Column:
    if all(_NUMBER.fullmatch(cell) for cell in cells):
        return np.array([float(cell) for cell in cells])
    if all(_is_number(cell) for cell in cells) and not any("." in cell for cell in cells):
        return np.array([float(cell.replace(",", ".")) for cell in cells])
    return cells


def _distinct(names: list[str], place: str) -> list[str]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FileFormatError(f"{place} has two columns {twice!r}; allowed: names that differ")
    return names


def _parquet(path: Path) -> Table:
    try:
        import pandas as pd
    except ImportError as error:
        raise FileFormatError(
            f"file '{path}' needs the packages 'pandas' and 'pyarrow'; allowed: pip install 'backwave[data]', or a .csv file"
        ) from error
    try:
        frame = pd.read_parquet(path)
    except (ValueError, ImportError) as error:
        raise FileFormatError(f"file '{path}' is no parquet file: {' '.join(str(error).split())[:200]}") from error
    return table_of_frame(frame, f"file '{path}'")


def table_of_frame(frame: Any, place: str, targets: tuple[str, ...] = ()) -> Table:
    """The columns of a frame of pandas.

    Raises
    ------
    FileFormatError
        If a column has gaps, or holds neither numbers nor texts.
    """
    columns: dict[str, Column] = {}
    for number, name in enumerate(_distinct([str(name) for name in frame.columns], place)):
        column = frame.iloc[:, number]
        try:
            found = (
                np.asarray(categories[0], str)[categories[1]]
                if (categories := categories_of(column))
                else plain(column)
            )
        except HeldError as error:
            raise FileFormatError(f"{place}: column {name!r} {str(error).removeprefix('it ')}; allowed: tables without gaps, of "
                                  "numbers and texts") from error  # fmt: skip
        if categories is not None and (categories[1] < 0).any():
            row = int(np.flatnonzero(categories[1] < 0)[0])
            raise FileFormatError(f"{place}: column {name!r} has no value in row {row}; allowed: tables without gaps")
        columns[name] = _column(found.tolist()) if found.dtype.kind == "U" else found.astype(float)
    if not len(frame):
        raise FileFormatError(f"{place} has no rows; allowed: at least one")
    return Table(place, columns, True, targets)
