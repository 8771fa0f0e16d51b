"""``backwave scenarios``: what can be run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def scenarios(
    copy: Annotated[
        str | None,
        typer.Option("--copy", metavar="NAME", help="Put this one, and the files it needs, into the current folder."),
    ] = None,
) -> None:
    """List the scenarios and the studies that come with Backwave, or copy one to change it.

    \b
    Examples:
      backwave scenarios
      backwave run digits
      backwave study robustness
      backwave scenarios --copy cnn
    """  # noqa: D301
    if copy is None:
        _list()
    else:
        _copy(copy)


def _copy(name: str) -> None:
    from emulator.errors import ScenarioError, suggest
    from emulator.scenario import bundled
    from emulator.scenario.copying import copy_bundled
    from emulator.study.load import bundled_studies

    runs, studies = bundled(), bundled_studies()
    known = {**studies, **runs}
    if name not in known:
        raise ScenarioError(f"no scenario or study {suggest(name, [*runs, *studies])}")
    written = copy_bundled(known[name], Path.cwd())
    command = "run" if name in runs else "study"
    typer.echo(f"written: {', '.join(written)}; backwave {command} {written[0]}")


def _list() -> None:
    from emulator.commands.console import console, table
    from emulator.scenario import bundled, load_scenario
    from emulator.study.load import bundled_studies, load_study

    rows = []
    for name in bundled():
        scenario = load_scenario(name)
        rows.append((name, f"{scenario.title}. {scenario.config.description}".rstrip()))
    screen = console()
    screen.print(table(("name", "what it shows"), rows))
    studies = [(name, load_study(name)) for name in bundled_studies()]
    asked = [(name, f"{study.title}. {study.config.study.description}".rstrip()) for name, study in studies]
    screen.print()
    screen.print(table(("study", "what it asks"), asked))
