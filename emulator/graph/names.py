"""Names as they can be shown and stored: layers may be called anything, even by line breaks."""

from __future__ import annotations


def printable(name: str) -> str:
    """`name` with backslashes and everything that cannot be printed escaped; different names stay different."""
    return "".join(c if c.isprintable() and c != "\\" else _escape(c) for c in name)


def shorten(name: str, width: int) -> str:
    """`printable` name of at most `width` characters, the middle left out."""
    shown = printable(name)
    if len(shown) <= width:
        return shown
    end = (width - 1) // 2
    return f"{shown[: width - 1 - end]}…{shown[len(shown) - end :]}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
