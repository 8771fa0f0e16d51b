"""Texts of strangers (titles, names, reasons) as a terminal, a picture or a spreadsheet may be given them; aligned columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

#: what makes a spreadsheet take a text for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def for_terminal(text: str) -> str:
    """`text` with everything escaped that would steer a terminal or turn the direction of writing; lines stay lines.

    Letters of all scripts stay what they are, and so does a backslash: this is for eyes, not for reading back.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one == "\n" or not _steers(one) else _escape(one) for one in text)


def for_picture(text: str) -> str:
    """`text` on one line, without control characters, and with dollars that do not begin mathematics."""
    return for_terminal(text).replace("\n", " ").replace("$", r"\$")


def for_cell(value: object) -> object:
    """A cell of a table for spreadsheets: a text that would be taken for a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Rows of cells as aligned columns; those numbered in `right` are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.rjust(width) if k in right else cell.ljust(width)
                  for k, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)


def _steers(character: str) -> bool:
    """Whether a character is a control, a format (such as an override of direction), a surrogate, of private use or of none."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
