"""Tables of a report, as plain cells that the page and the summary write in their own ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emulator.study.report.quantities import Quantity


@dataclass(frozen=True)
class Cell:
    """A text, and the number behind it if it is one.

    Parameters
    ----------
    text : str
    value : float, optional
        Kept in the page beside the text, to all its digits.
    tone : {"", "good", "fair", "bad", "quiet", "code"}
    share : float, optional
        From 0 to 1: drawn as a bar behind the text.
    """

    text: str
    value: float | None = None
    tone: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Tile:
    """A figure that answers one question."""

    label: str
    cell: Cell
    note: str


@dataclass(frozen=True)
class Table:
    """A table with a sentence on what it shows."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.heads)
        return tuple(any(cell.value is not None for cell in column) for column in columns)


#: rows of cells; a text is a cell
Rows = list[tuple["Cell | str", ...]]


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell | str]], caption: str = "") -> Table:
    """A table from rows of cells and texts."""
    return Table(
        tuple(heads), tuple(tuple(c if isinstance(c, Cell) else Cell(c) for c in row) for row in rows), caption
    )


def number(quantity: Quantity, value: Any, tone: str = "", share: float | None = None, digits: int = 4) -> Cell:
    """A value of a quantity; one that is missing is quiet and has no number behind it."""
    text = quantity.text(value, digits)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell(text, None, "quiet")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell(text, None, tone)
    return Cell(text, value, tone, share)


def named(quantity: Quantity) -> Cell:
    """What a quantity is called: words, or a key."""
    return Cell(quantity.label, None, "" if " " in quantity.label else "code")


def count(value: int, tone: str = "") -> Cell:
    """A whole number."""
    return Cell(f"{value:,}", value, tone)
