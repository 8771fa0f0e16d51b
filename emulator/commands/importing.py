"""``backwave import``: a network from a file of another framework."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

#: by how many round-offs of the file's number format a network may differ from the file's own evaluator
_ROUND_OFFS = 1000


def import_(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The file: .onnx, .pt2, or a network.npz.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the network to this .npz file.", show_default="nowhere")
    ] = None,
    loss: Annotated[str | None, typer.Option(help="mse or softmax_cross_entropy, where the file does not say.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Read a network, show what each part of it became, and compare it with the file's own evaluator.

    Convolutions and pools become sparse crossbars, normalisations are folded
    into their neighbours, reshaping and slicing become wiring. The exit status
    is 1 if the network answers otherwise than the file by more than round-off.

    \b
    Examples:
      backwave import model.onnx
      backwave import model.onnx --loss softmax_cross_entropy --out net.npz
    """  # noqa: D301
    from emulator.commands.console import console, figures, progress, table, verdict
    from emulator.errors import BusyError, FileFormatError
    from emulator.importers import import_network

    if out is not None and out.suffix.lower() != ".npz":
        raise FileFormatError(f"output '{out}' ends in {out.suffix!r}; allowed: .npz")
    if out is not None and out.exists() and not force:
        raise BusyError(f"'{out}': is there already; allowed: another name, or --force to replace it")
    with progress() as tell:
        tell("reading and comparing", None)
        found = import_network(model, loss=loss)
    screen = console()
    screen.print(found.network.summary(), soft_wrap=True)
    if found.notes:
        screen.print()
        screen.print(table(("in the file", "on the substrate"), found.notes))
    if out is not None:
        found.network.save(out)
    good = found.deviation is None or found.precision is None or found.deviation <= _ROUND_OFFS * found.precision
    rows = []
    if found.deviation is not None:
        rows.append((f"largest difference from {found.compared}", f"{found.deviation:.2g} of the largest output"))
        rows.append(("round-off of the file's numbers", f"{found.precision:.2g}"))
    if out is not None:
        rows.append(("written", str(out)))
    screen.print()
    screen.print(
        verdict(good, "the network is the file's" if good else "the network is not the file's: please report it")
    )
    screen.print(figures(rows))
    if not good:
        raise typer.Exit(1)
