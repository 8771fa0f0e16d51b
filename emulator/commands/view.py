"""``backwave view``: a run or a study as a page to look into."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    what: Annotated[Path, typer.Argument(metavar="RUN|STORE", help="The folder of a run, or the store of a study.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page, ending in .html.", show_default="in or beside it")
    ] = None,
) -> None:
    """Write a live page: every value under the pointer or the arrow keys, zoom along depth and time.

    The page is one file; it needs no server and loads nothing. Of a run it
    shows states and costates of the samples that were recorded for the
    pictures (run.pictures), of a study every finished point.

    \b
    Examples:
      backwave view runs/digits
      backwave view runs/feasibility.sqlite --out points.html
    """  # noqa: D301
    from emulator.commands.console import console, figures
    from emulator.commands.paths import refuse_other
    from emulator.errors import ExportError
    from emulator.kinds import RESULTS, STORE

    if not what.exists():
        raise ExportError(f"there is no run or store '{what}'; allowed: the folder of a run, or the store of a study")
    refuse_other(what, RESULTS, STORE)
    page = out or (what / "view.html" if what.is_dir() else what.with_name(f"{what.stem}-view.html"))
    if page.suffix != ".html":
        raise ExportError(f"--out is '{page}'; allowed: a path that ends in .html")
    if what.is_dir():
        from emulator.report.live.recording import view_run

        view_run(what, page)
    else:
        from emulator.study.report.live import view_store

        view_store(what, page)
    console().print(figures([("written to", str(page))]))
