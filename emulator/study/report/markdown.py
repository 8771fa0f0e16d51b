"""The report of a study as a Markdown summary: its tables, without pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from emulator.study.report.page import Report
from emulator.study.report.svg import literal
from emulator.study.report.tables import Cell, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def study_summary(report: Report) -> str:
    """The verdict, the tables and the command that makes them again."""
    return "\n".join(_lines(report)) + "\n"


def markdown_table(table: Table) -> str:
    """A table; numbers are to the right."""
    marks = ["---:" if numeric else "---" for numeric in table.numeric]
    rows = [[escaped(head) for head in table.heads], marks]
    rows += [[_cell(cell) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def escaped(text: str) -> str:
    """`text` on one line, such that Markdown shows it as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(literal(text).split(" ")).replace("\n", " ").replace("\r", " "))


def _lines(report: Report) -> Iterator[str]:
    yield f"# {escaped(report.title)}"
    if report.description:
        yield from ("", escaped(report.description))
    if report.partial:
        yield from ("", f"**{escaped(report.partial)}**")
    yield from ("", f"**Can it do it? {escaped(report.head.answer)}.** {escaped(report.head.sentence)}", "")
    for tile in report.head.tiles:
        yield f"- {escaped(tile.label)}: **{escaped(tile.cell.text)}** ({escaped(tile.note)})"
    if report.head.technologies is not None:
        yield from ("", "## Technology by technology", "", markdown_table(report.head.technologies))
    for section in report.sections:
        tables: list[tuple[str | None, Table]] = (
            [(None, section.table)] if section.table is not None and section.table.rows else []
        )
        if section.name == "yield":  # curves along two axes, each drawn apart by the other, have the same numbers
            tables += list(
                {frozenset(card.numbers.heads): (card.title, card.numbers) for card in section.cards}.values()
            )
        if not tables and section.cards:
            continue
        yield from ("", f"## {escaped(section.title)}", "", escaped(section.intro))
        if section.command:
            fence = "`" * (3 + section.command.count("`"))
            yield from ("", f"{fence}sh", literal(section.command), fence)
        for title, table in tables:
            yield from ("", *(() if title is None else (f"### {escaped(title)}", "")), markdown_table(table))
            if table.caption:
                yield from ("", escaped(table.caption))


def _cell(cell: Cell) -> str:
    return escaped(cell.text) or " "
