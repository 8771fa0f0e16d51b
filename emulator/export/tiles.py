"""Crossbar tiles: blocks of synapses with the pins that join them to lines and neurons."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from emulator.export.design import SUPPLY, Subcircuit
from emulator.export.mismatch import Spread
from emulator.export.options import Options
from emulator.graph.coupling import Coupling
from emulator.measure.synapses import Floats

#: rows and columns of the largest tile: ngspice allows a subcircuit about a thousand ports
TILE = 128


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
) -> Subcircuit:
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
    names = ["vfs", "rref"] + (["mm", "sigma"] if spread is not None else []) + (["td"] if coupling.per_synapse else [])
    passed = tuple((key, key) for key in names)
    found = Subcircuit(name, [*tile_ports(options, len(at_rows), len(at_columns)), *SUPPLY], passed)
    row, column = coupling.pairs()
    chains = _Chains(len(at_rows), len(at_columns))
    synapses = []
    for k in synapses_in(coupling, part).tolist():
        r, c = int(row[k]), int(column[k])
        nominal = float(weight[c, r])
        settings = {"w": repr(nominal) if spread is None else spread.formula(nominal, c, r)}
        cell = "synapse"
        if coupling.per_synapse:
            cell, there, back = "synapse_line", int(coupling.delay_forward[k]) * step, int(coupling.delay_backward[k])
            settings |= {"tdf": f"{there!r}*td", "tdb": f"{back * step!r}*td"}
        i, j = r - at_rows.start, c - at_columns.start
        synapses.append((i, j, cell, settings))
        chains.add(i, j)
    for i, j, cell, settings in synapses:
        found.add(f"w{i}_{j}", [*_ends(options, chains, i, j), *SUPPLY], cell, **settings, vfs="vfs", rref="rref")
    chains.gaps(options, found)
    return found


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

    def gaps(self, options: Options, found: Subcircuit) -> None:
        """Sums in series pass a tile where it adds nothing to them."""
        if options.in_series:
            for j in (j for j, rows in enumerate(self.in_column) if not rows):
                found.add(f"s{j}", [f"s{j}", f"s0_{j}"], "join")
        if options.in_series and not options.bilateral:
            for i in (i for i, columns in enumerate(self.in_row) if not columns):
                found.add(f"lam{i}", [f"lam{i}", f"lam0_{i}"], "join")


def _ends(options: Options, chains: _Chains, i: int, j: int) -> list[str]:
    """Where synapse (i, j) of a tile is joined."""
    if options.bilateral and not options.in_series:
        return [f"x{i}", f"c{j}"]
    if not options.in_series:
        return [f"x{i}", f"s{j}", f"mu{j}", f"lam{i}"]
    (above, left), (below, right) = chains.before(i, j), chains.after(i, j)
    low = f"h{i}_{j}" if above else f"s0_{j}"
    high = f"s{j}" if below is None else f"h{below}_{j}"
    if options.bilateral:
        return [f"x{i}", low, high]
    before = f"g{i}_{j}" if left else f"lam0_{i}"
    after = f"lam{i}" if right is None else f"g{i}_{right}"
    return [f"x{i}", low, high, f"mu{j}", before, after]
