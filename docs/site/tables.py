"""Tables and code in Markdown."""

from __future__ import annotations


def cell(text: object) -> str:
    """A text on one line, without what Markdown or HTML would take for its own."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;") or " "


def table(heads: list[str], rows: list[list[object]]) -> str:
    """A table with a line of heads."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]) + "\n"


def code(value: object) -> str:
    """A value as code; nothing for none."""
    return f"`{value}`" if str(value) else ""
