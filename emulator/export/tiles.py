"""Crossbar tiles: blocks of synapses with the ports that join them to lines and neurons."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

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


def synapses_in(coupling: Coupling, part: tuple[range, range]) -> np.ndarray:
    """Numbers of a crossbar's synapses that a tile of these rows and columns has."""
    (row, column), (rows, columns) = coupling.pairs(), part
    return np.flatnonzero((row >= rows.start) & (row < rows.stop) & (column >= columns.start) & (column < columns.stop))


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
    row, column = coupling.pairs()
    chains = _Chains(len(at_rows), len(at_columns))
    synapses = []
    for k in synapses_in(coupling, part).tolist():
        r, c = int(row[k]), int(column[k])
        nominal = float(weight[c, r])
        value = repr(nominal) if spread is None else spread.formula(nominal, c, r)
        cell = f"synapse w={value}"
        if coupling.per_synapse:
            there, back = int(coupling.delay_forward[k]) * step, int(coupling.delay_backward[k]) * step
            cell = f"synapse_line w={value} tdf={there!r} tdb={back!r}"
        i, j = r - at_rows.start, c - at_columns.start
        synapses.append((i, j, cell))
        chains.add(i, j)
    for i, j, cell in synapses:
        yield f"Xw{i}_{j} {_ends(options, chains, i, j)} {cell}"
    yield from chains.gaps(options)
    yield ".ends"
    yield ""


class _Chains:
    """Which synapse of a tile comes before and which after another in its row and in its column."""

    def __init__(self, rows: int, columns: int) -> None:
        self.in_row: list[list[int]] = [[] for _ in range(rows)]
        self.in_column: list[list[int]] = [[] for _ in range(columns)]

    def add(self, i: int, j: int) -> None:
        """Add synapse (i, j), row by row."""
        self.in_row[i].append(j)
        self.in_column[j].append(i)

    def before(self, i: int, j: int) -> tuple[bool, bool]:
        """Whether the column, and the row, have a synapse before (i, j)."""
        return self.in_column[j][0] != i, self.in_row[i][0] != j

    def after(self, i: int, j: int) -> tuple[int | None, int | None]:
        """The row of the next synapse in the column, and the column of the next in the row."""
        column, row = self.in_column[j], self.in_row[i]
        down, on = bisect_right(column, i), bisect_right(row, j)
        return column[down] if down < len(column) else None, row[on] if on < len(row) else None

    def gaps(self, options: Options) -> Iterator[str]:
        """Sums in series pass a tile where it adds nothing to them."""
        if options.in_series:
            yield from (f"Vs{j} s{j} s0_{j} 0" for j, found in enumerate(self.in_column) if not found)
        if options.in_series and not options.bilateral:
            yield from (f"Vlam{i} lam{i} lam0_{i} 0" for i, found in enumerate(self.in_row) if not found)


def _ends(options: Options, chains: _Chains, i: int, j: int) -> str:
    """Where synapse (i, j) of a tile is joined."""
    if options.bilateral and not options.in_series:
        return f"x{i} c{j}"
    if not options.in_series:
        return f"x{i} s{j} mu{j} lam{i}"
    (above, left), (below, right) = chains.before(i, j), chains.after(i, j)
    low = f"h{i}_{j}" if above else f"s0_{j}"
    high = f"s{j}" if below is None else f"h{below}_{j}"
    if options.bilateral:
        return f"x{i} {low} {high}"
    before = f"g{i}_{j}" if left else f"lam0_{i}"
    after = f"lam{i}" if right is None else f"g{i}_{right}"
    return f"x{i} {low} {high} mu{j} {before} {after}"
