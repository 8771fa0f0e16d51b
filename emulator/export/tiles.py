"""Crossbar tiles: blocks of synapses with the ports that join them to lines and neurons."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from emulator.export.mismatch import Spread
from emulator.export.options import Options
from emulator.graph.coupling import Coupling
from emulator.measure.synapses import Floats

#: rows and columns of the largest tile: ngspice allows a subcircuit about a thousand ports
TILE = 128
_WIDTH = 110


def card(words: str, ports: list[str], cell: str = "") -> Iterator[str]:
    """An instance, or the head of a subcircuit, on as many lines as it needs."""
    line = words
    for word in [*ports, *cell.split()]:
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = "+"
        line += f" {word}"
    yield line


def blocks(rows: int, columns: int) -> Iterator[tuple[range, range]]:
    """Rows and columns of each tile of a crossbar."""
    for r, c in itertools.product(range(0, rows, TILE), range(0, columns, TILE)):
        yield range(r, min(r + TILE, rows)), range(c, min(c + TILE, columns))


def tile_ports(options: Options, rows: int, columns: int) -> list[str]:
    """Ports of a tile, named as inside it.

    ``x`` are its rows and, with gyrators of the bilateral circuit, ``c`` its columns. Otherwise weighted states are
    summed in ``s``, and in the directional circuit ``mu`` are the costates received and ``lam`` their weighted sums.
    Where voltages are summed in series, a sum enters at ``s0`` or ``lam0`` and leaves at ``s`` or ``lam``.
    """
    signals = [("x", rows)]
    if options.bilateral and not options.in_series:
        signals.append(("c", columns))
    else:
        signals += [("s0_", columns), ("s", columns)] if options.in_series else [("s", columns)]
        if not options.bilateral:
            signals.append(("mu", columns))
            signals += [("lam0_", rows), ("lam", rows)] if options.in_series else [("lam", rows)]
    return [f"{signal}{k}" for signal, count in signals for k in range(count)]


def tile(
    name: str,
    options: Options,
    coupling: Coupling,
    step: float,
    weight: Floats,
    spread: Spread | None,
    part: tuple[range, range],
) -> Iterator[str]:
    """One tile as a subcircuit.

    Parameters
    ----------
    name : str
    options : Options
    coupling : Coupling
        The crossbar.
    step : float
        Seconds per step of its delays.
    weight : (C, R)
        Of the whole crossbar.
    spread : Spread or None
        The devices that hold its weights.
    part : (rows, columns)
        Which rows and columns the tile has.
    """
    at_rows, at_columns = part
    yield from card(f".subckt {name}", tile_ports(options, len(at_rows), len(at_columns)))
    for i, row in enumerate(at_rows):
        for j, column in enumerate(at_columns):
            nominal = float(weight[column, row])
            value = repr(nominal) if spread is None else spread.formula(nominal, column, row)
            cell = f"synapse w={value}"
            if coupling.per_synapse:
                k = row * len(coupling.columns) + column
                there, back = int(coupling.delay_forward[k]) * step, int(coupling.delay_backward[k]) * step
                cell = f"synapse_line w={value} tdf={there!r} tdb={back!r}"
            yield f"Xw{i}_{j} {_ends(options, i, j, len(at_rows), len(at_columns))} {cell}"
    yield ".ends"
    yield ""


def _ends(options: Options, i: int, j: int, rows: int, columns: int) -> str:
    """Where synapse (i, j) of a tile is joined."""
    if options.bilateral and not options.in_series:
        return f"x{i} c{j}"
    if not options.in_series:
        return f"x{i} s{j} mu{j} lam{i}"
    low = f"h{i}_{j}" if i else f"s0_{j}"
    high = f"h{i + 1}_{j}" if i + 1 < rows else f"s{j}"
    if options.bilateral:
        return f"x{i} {low} {high}"
    before = f"g{i}_{j}" if j else f"lam0_{i}"
    after = f"g{i}_{j + 1}" if j + 1 < columns else f"lam{i}"
    return f"x{i} {low} {high} mu{j} {before} {after}"
