"""``backwave report``: what a study found, as a page to read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="The store of a study; it may still be running.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page, ending in .html.", show_default="beside the store")
    ] = None,
) -> None:
    """Write the report of a study: one HTML page, and a Markdown summary beside it.

    The page holds its pictures and styles, runs no script and loads nothing:
    it can be mailed, archived and printed. It begins with the verdict (can it
    do it, how fast, at what energy, what breaks first), and ends with the
    command that makes it again.

    \b
    Examples:
      backwave report runs/feasibility.sqlite
      backwave report runs/feasibility.sqlite --out feasibility.html
    """  # noqa: D301
    from emulator.commands.paths import refuse_other
    from emulator.kinds import STORE

    refuse_other(store, STORE)
    told(store, out)


def told(store: Path, out: Path | None) -> None:
    """Write the report of a store, and print its first screen."""
    from emulator.commands.console import console, figures, progress, verdict
    from emulator.study.report import write_report

    with progress() as tell:
        tell("drawing the report", None)
        made, page, summary = write_report(store, out)
    screen, head = console(), made.head
    screen.print(verdict(head.tone == "good", f"{head.answer}: {head.sentence}"))
    if made.partial:
        screen.print(made.partial)
    screen.print(figures((tile.label.lower(), f"{tile.cell.text}  ({tile.note})") for tile in head.tiles))
    screen.print(figures([("written to", str(page)), ("", str(summary))]))
