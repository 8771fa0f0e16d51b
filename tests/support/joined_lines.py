"""One layout of several graphs of two-way lines, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from emulator.families.bilateral import BilateralLayout
from emulator.families.bilateral.carriage import Carriage
from emulator.families.bilateral.crossbars import Crossbars

#: fields of a layout that number neurons, that number ports, and that are one number per thing
_NEURONS, _PORTS = ("inputs", "outputs", "node", "to_costate"), ("tap_port", "row", "column", "mate")
_PLAIN = (
    "slope", "tap_delay", "lines_of_port", "longest", "impedance", "pole", "at_neuron", "out", "on_x", "on_mu", "own",
    "other", "to_in", "to_out", "series", "conductance",
)  # fmt: skip
#: the same of crossbars
_OF = {
    "row_tap": "port", "row_stub": "port", "driver": "neuron", "column_tap": "port", "column_stub": "port",
    "port_row": "row", "port_column": "column", "row": "row", "column": "column", "source": "neuron", "target": "neuron",
}  # fmt: skip
_ALIKE = ("row_share", "row_impedance", "wire", "stubbed", "column_impedance", "as_row", "as_column", "keep")
_FIRST = ("synapse", "row", None, "column", None, "pair", None)


def joined_lines(layouts: Sequence[BilateralLayout]) -> BilateralLayout:
    """One layout of them all; what only serves to read a result is the first one's."""
    of = [one.crossbars for one in layouts]
    sizes = {
        "neuron": [one.neurons for one in layouts], "port": [one.ports for one in layouts],
        "row": [len(c.driver) for c in of], "column": [len(c.column_tap) for c in of],
        "synapse": [len(c.row) for c in of], "pair": [c.pairs for c in of],
    }  # fmt: skip
    starts = {name: np.concatenate([[0], np.cumsum(size)])[:-1].astype(np.int32) for name, size in sizes.items()}
    neurons = sum(sizes["neuron"])

    def joined(things: Sequence[Any], name: str, begin: np.ndarray | None = None) -> np.ndarray:
        begin = np.zeros(len(things), np.int32) if begin is None else begin
        return np.concatenate([getattr(one, name) + (s if s else 0) for one, s in zip(things, begin, strict=True)])

    changes: dict[str, Any] = {name: joined(layouts, name, starts["neuron"]) for name in _NEURONS}
    changes |= {name: joined(layouts, name, starts["port"]) for name in _PORTS}
    changes |= {name: joined(layouts, name) for name in _PLAIN}
    changes["function"] = tuple(name for one in layouts for name in one.function)
    crossbars: dict[str, Any] = {name: joined(of, name, starts[kind]) for name, kind in _OF.items()}
    crossbars |= {name: joined(of, name) for name in _ALIKE}
    crossbars["pairs"] = sum(sizes["pair"])
    crossbars["blocks"] = tuple(block for one in of for block in one.blocks)
    first = [one.first.copy() for one in of]
    for k, table in enumerate(first):
        for column, kind in enumerate(_FIRST):
            table[:, column] += 0 if kind is None else starts[kind][k]
    made = Crossbars(first=np.concatenate(first), **crossbars)
    return replace(
        layouts[0],
        neurons=neurons,
        crossbars=made,
        to_state=made.target + np.int32(neurons),
        blocks=made.blocks,
        **changes,
    )


def joined_carriages(carriages: Sequence[Carriage]) -> Carriage:
    """What lines side by side do; as much leaks to neighbours in all."""
    starts = np.cumsum([0, *(len(one.gain) for one in carriages)])[:-1]

    def joined(name: str, shifted: bool = False) -> np.ndarray:
        return np.concatenate(
            [getattr(c, name) + (s if shifted else 0) for c, s in zip(carriages, starts, strict=True)]
        )

    return Carriage(
        joined("gain"),
        joined("offset"),
        joined("partner", shifted=True),
        joined("stuck").astype(bool),
        joined("stuck_at"),
        carriages[0].spill,
        joined("left", shifted=True),
        joined("right", shifted=True),
        all(one.whole for one in carriages),
    )


def parts_of(layouts: Sequence[BilateralLayout]) -> list[dict[str, slice]]:
    """Where the ports, rows and columns of each are among those of all, by the name of what is recorded of them."""
    found, port, row, column = [], 0, 0, 0
    for one in layouts:
        ports = slice(port, port := port + one.ports)
        own = {f"end.{name}": ports for name in ("sent", "u", "n_sent", "a")}
        own["end.row"] = slice(row, row := row + len(one.crossbars.driver))
        own["end.column"] = slice(column, column := column + len(one.crossbars.column_tap))
        found.append(own)
    return found
