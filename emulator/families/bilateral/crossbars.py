"""Crossbars of two-way lines as flat arrays of rows, columns and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.engine.layout import Block, Floats, Ints, block_of
from emulator.families.bilateral.ends import Ends
from emulator.graph import ScatteringGraph


@dataclass(frozen=True)
class Crossbars:
    """Rows and columns of all crossbars, and behind them one of each per wire between neurons; P ports, S synapses.

    Parameters
    ----------
    row_tap, row_stub : (R,) int32
        Taps at the far end of a row's line, and of its termination (the line again where there is none).
    row_share, row_impedance : (R,)
        Share of the line's own wave, and impedance of line and termination in parallel; 0 for wires.
    driver, wire : (R,) int32
        Neuron that drives the row, and whether the row is a wire.
    column_tap, column_stub : (C,) int32
        Taps at the source end of a column's line, and of its termination.
    stubbed, column_impedance : (C,)
        Whether there is a termination, and impedance of line and termination in series; 0 and 1 for wires.
    port_row, port_column : (P,) int32
        Row or column of every port at a crossbar, 0 elsewhere.
    as_row, as_column, keep : (P,)
        What a port at a crossbar sends, ``as_row x + as_column lam + keep a``; 0 elsewhere.
    first : (T, 7) int32
        Per crossbar: its first weight, first row, rows, first column, columns, first pair of columns, and whether it has
        a weight for every pair of a row and a column.
    pairs : int
        Pairs of columns of one crossbar, of all of them.
    row, column, source, target : (S,) int32
        Row and column of every weight and wire, and the neurons that it joins.
    blocks : tuple of Block
        Where the weights of each coupling stand among them; `row_taps` and `column_taps` count rows, then columns.
    """

    row_tap: Ints
    row_stub: Ints
    row_share: Floats
    row_impedance: Floats
    driver: Ints
    wire: Ints
    column_tap: Ints
    column_stub: Ints
    stubbed: Floats
    column_impedance: Floats
    port_row: Ints
    port_column: Ints
    as_row: Floats
    as_column: Floats
    keep: Floats
    first: Ints
    pairs: int
    row: Ints
    column: Ints
    source: Ints
    target: Ints
    blocks: tuple[Block, ...]

    @property
    def structure(self) -> tuple[Ints, ...]:
        """The arrays that are compiled in."""
        names = ("row_tap", "row_stub", "driver", "wire", "column_tap", "column_stub", "port_row", "port_column",
                 "first", "row", "column", "source", "target")  # fmt: skip
        return tuple(getattr(self, name) for name in names)

    @property
    def values(self) -> dict[str, Floats]:
        """The numbers that may change without compiling again."""
        names = ("row_share", "row_impedance", "stubbed", "column_impedance")
        return {name: getattr(self, name) for name in names}

    @property
    def weights(self) -> np.ndarray:
        """Which of the synapses (S,) are weights, not wires."""
        return np.concatenate([np.full(block.size, block.layer is not None) for block in self.blocks])

    @property
    def sizes(self) -> Ints:
        """Weights of every crossbar (T,)."""
        return np.array([block.size for block in self.blocks if block.layer is not None], np.int32)

    @property
    def offsets(self) -> Ints:
        """Of every synapse (S,), the number of its column within its crossbar; 0 for wires."""
        found = np.zeros(len(self.column), np.int32)
        for (first, _, _, column, *_), size in zip(self.first, self.sizes, strict=True):
            found[first : first + size] = self.column[first : first + size] - column
        return found

    def ports_of(self, block: Block) -> Ints:
        """Ports of one crossbar, in order."""
        rows = np.isin(self.port_row, block.row_taps) & (self.as_row > 0)
        columns = np.isin(self.port_column, block.column_taps - len(self.driver)) & (self.as_column > 0)
        return np.flatnonzero(rows | columns).astype(np.int32)


def lay_out_crossbars(graph: ScatteringGraph, ends: Ends) -> Crossbars:
    """Number rows, columns and weights."""
    lines, impedance, fars, sources = ends.lines, ends.impedance, ends.fars, ends.sources
    left, right = np.flatnonzero(lines.head < 0), np.flatnonzero(lines.tail < 0)
    wires = np.flatnonzero(lines.crossbar < 0)
    none, one = np.zeros(len(wires)), np.ones(len(wires))
    heads = left + lines.count
    far, near = (fars[left] if len(fars) else heads), (sources[right] if len(sources) else right)
    port_row, port_column = np.zeros((2, len(impedance)), np.int32)
    as_row, as_column, keep = np.zeros((3, len(impedance)))
    for ports in (heads, far):
        port_row[ports], as_row[ports], keep[ports] = np.arange(len(left)), 1.0, -1.0
    for ports, sign in ((near, -1.0), (right, 1.0)):  # without terminations both are the lines
        port_column[ports], as_column[ports], keep[ports] = np.arange(len(right)), impedance[ports], sign
    synapses: list[np.ndarray] = []
    blocks, first, rows = [], [], len(left) + len(wires)
    at = {"weight": 0, "row": 0, "column": 0, "pair": 0, "wire": 0}
    for coupling in graph.couplings:
        r, c = len(coupling.rows), len(coupling.columns)
        row, column = coupling.pairs()
        is_wire = coupling.layer is None
        start = (len(left) + at["wire"], len(right) + at["wire"]) if is_wire else (at["row"], at["column"])
        where = (row + start[0], column + start[1], coupling.rows[row], coupling.columns[column])
        synapses.append(np.stack(where).astype(np.int32))
        blocks.append(block_of(coupling, at["weight"], np.arange(r) + start[0], np.arange(c) + start[1] + rows))
        at["weight"] += len(row)
        if is_wire:
            at["wire"] += r
            continue
        full = len(row) == r * c
        first.append([at["weight"] - len(row), at["row"], r, at["column"], c, at["pair"], full])
        at["row"], at["column"], at["pair"] = at["row"] + r, at["column"] + c, at["pair"] + c * c
    numbers = np.concatenate([np.zeros((4, 0), np.int32), *synapses], axis=1)
    return Crossbars(
        row_tap=_ints(heads, none),
        row_stub=_ints(far, none),
        row_share=np.concatenate([ends.share[left], none]),
        row_impedance=np.concatenate([ends.far[left], none]),
        driver=_ints(lines.tail[left], lines.tail[wires]),
        wire=_ints(np.zeros(len(left)), one),
        column_tap=_ints(right, none),
        column_stub=_ints(near, none),
        stubbed=np.concatenate([np.full(len(right), float(len(sources) > 0)), none]),
        column_impedance=np.concatenate([ends.source[right], one]),
        port_row=port_row,
        port_column=port_column,
        as_row=as_row,
        as_column=as_column,
        keep=keep,
        first=np.array(first, np.int32).reshape(-1, 7),
        pairs=at["pair"],
        row=numbers[0],
        column=numbers[1],
        source=numbers[2],
        target=numbers[3],
        blocks=tuple(blocks),
    )


def _ints(*parts: np.ndarray) -> Ints:
    return np.concatenate(parts).astype(np.int32)
