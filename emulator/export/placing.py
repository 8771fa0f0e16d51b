"""Where cells of one's own go: the library without those that they replace, and a design that hands on their parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from emulator.errors import FileFormatError
from emulator.export.cells import Cell
from emulator.export.corners import SETTING
from emulator.export.design import Design, Instance, Parameter, Subcircuit
from emulator.export.own_cells import OwnCells

#: parameters of the circuit that cells may have as well: of a mismatch, and the temperature
_SHARED = {"mm", "sigma", "temp"}


def kept(library: Iterable[Cell], own: OwnCells) -> list[Cell]:
    """The cells of a library that are not replaced; those that have replaced ones inside hand on their settings."""
    found = []
    for cell in library:
        if cell.name in own.replaced:
            continue
        if _holds(cell, own):
            more = " ".join(f"{key}={{{key}}}" for key in own.settings)
            cards = tuple(
                f"{text} {more}" if text[0] == "X" and _inner(text) in own.replaced else text for text in cell.spice
            )
            cell = replace(cell, parameters=(*cell.parameters, *own.settings.items()), spice=cards)
        found.append(cell)
    return found


def place(design: Design, own: OwnCells, library: Iterable[Cell]) -> Design:
    """A design whose replaced cells get their own parameters, all the way down; they are parameters of the network.

    Raises
    ------
    FileFormatError
        If the circuit has a parameter of such a name, and not one that cells share with it.
    """
    taken = {p.name for p in design.parameters}
    for key in own.settings:
        if key in taken - _SHARED:
            raise FileFormatError(
                f"file of cells '{own.file}': parameter {key!r} is one of the circuit's own; allowed: another name"
            )
    names = [key for key in own.settings if key not in taken]
    found = [Parameter(key, own.settings[key], "", f"of the cells in {own.file}") for key in names]
    passed = tuple((key, key) for key in own.settings)
    carrying = {*own.replaced, *(cell.name for cell in library if _holds(cell, own))}
    below = {part.name for part in design.parts if any(one.cell in carrying for one in part.instances)}

    def given(one: Instance) -> Instance:
        known = {key for key, _ in one.settings}
        more = tuple(pair for pair in passed if pair[0] not in known)
        return one._replace(settings=(*one.settings, *more)) if one.cell in below | carrying else one

    def wired(part: Subcircuit) -> Subcircuit:
        known = {key for key, _ in part.parameters}
        formals = (*part.parameters, *(pair for pair in passed if pair[0] not in known))
        return replace(
            part, parameters=formals if part.name in below else part.parameters,
            instances=[given(one) for one in part.instances],
        )  # fmt: skip

    return Design(
        design.prefix,
        [*design.parameters, *found],
        [wired(part) for part in design.parts],
        wired(design.top),
        design.flat,
    )


def _inner(text: str) -> str:
    return SETTING.sub("", text).split()[-1]


def _holds(cell: Cell, own: OwnCells) -> bool:
    return any(text[0] == "X" and _inner(text) in own.replaced for text in cell.spice)
