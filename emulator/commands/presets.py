"""``backwave presets``: hardware models that come with Backwave, and where their numbers come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hwmodels import Entry, HardwareModel

app = typer.Typer()


@app.callback(invoke_without_command=True)
def presets(context: typer.Context) -> None:
    """List hardware presets; `show NAME` gives the numbers of one and their sources.

    \b
    Examples:
      backwave presets
      backwave presets show pcm-crossbar
    """  # noqa: D301
    if context.invoked_subcommand is not None:
        return
    from emulator.commands.console import console, table
    from hwmodels import device_presets, load
    from hwmodels import presets as names

    rows = []
    for name in names():
        model = load(name)
        rows.append((name, model.description, ", ".join(model.missing()) or "nothing"))
    console().print(table(("name", "what it models", "you must supply"), rows, fixed=(0,)))
    console().print()
    devices = [(name, load(name).description) for name in device_presets()]
    console().print(table(("devices", "what is written, on ideal lines"), devices, fixed=(0,)))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a preset, or path of a hardware file (.toml).")],
    everything: Annotated[bool, typer.Option("--all", help="Also the fields that are ideal.")] = False,
) -> None:
    """Show the numbers of a hardware model: value, unit, source and status.

    \b
    Examples:
      backwave presets show silicon-photonics
      backwave presets show my.toml --all
    """  # noqa: D301
    from emulator.commands.console import console, figures, table
    from hwmodels import load

    model = load(name)
    screen = console()
    heads = [("name", model.name), ("models", model.description), ("differs", model.differs)]
    screen.print(figures((head, text) for head, text in heads if text))
    screen.print()
    screen.print(table(("field", "value", "unit", "status", "source"), _rows(model, everything), fixed=(0, 2, 3)))
    if model.missing():
        screen.print()
        screen.print(f"not known, and to be supplied by you: {', '.join(model.missing())}", soft_wrap=True)


def _rows(model: HardwareModel, everything: bool) -> Iterator[tuple[str, ...]]:
    """A row per field that has a source or is not ideal; all fields if asked for."""
    from hwmodels import HardwareModel

    ideal = HardwareModel().flat()
    for path, entry in model.flat().items():
        known = path in ideal and ideal[path].value == entry.value
        if everything or entry.source is not None or not known:
            yield path, _value(entry), _unit(entry), entry.source.status if entry.source else "", _origin(entry)


def _value(entry: Entry) -> str:
    if entry.value is None:
        return "missing" if entry.source is not None and entry.source.status == "missing" else "none"
    if isinstance(entry.value, bool):
        return "yes" if entry.value else "no"
    return f"{entry.value:.6g}" if isinstance(entry.value, float) else str(entry.value)


def _unit(entry: Entry) -> str:
    return "" if entry.unit in (None, "1") else str(entry.unit)


def _origin(entry: Entry) -> str:
    if entry.source is None:
        return ""
    return " - ".join(part for part in (entry.source.text, entry.source.note) if part)
