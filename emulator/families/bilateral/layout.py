"""A graph of two-way lines as flat arrays: ports, junctions and what each does to the waves that reach it.

The wave that leaves port `p` arrives at port ``partner[p]``; tap `p` is where port `p` receives. A neuron's ports answer as
`emulator.families.bilateral.ends` says, and sums over taps make up `A` and `J` of the neuron (see `emulator.laws.bilateral`); a
crossbar's ports answer as `emulator.families.bilateral.answering` says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from emulator.engine.layout import Floats, Ints, Layout, neurons_of, spread
from emulator.errors import EngineError
from emulator.families.bilateral.branches import FOLLOWED
from emulator.families.bilateral.crossbars import Crossbars, lay_out_crossbars
from emulator.families.bilateral.ends import answers, ends_of
from emulator.families.bilateral.lines import Lines, law_of, lines_of
from emulator.graph import ScatteringGraph
from emulator.graph.penalties import weight_penalties

#: columns of the table of runs of ports
SIDES = ("first", "count", "kind", "shift", "mate", "partner")


@dataclass(frozen=True)
class BilateralLayout(Layout):
    """Flat arrays of one graph of two-way lines; P ports, one tap each.

    `row` and `column` are the taps at the two ends of every weight; `to_state` and `to_costate`, of wires, too, the
    neurons: N + that behind the column, and that before the row.

    Parameters
    ----------
    lines : Lines
    impedance, pole : (P,)
        Impedance of every port, and coefficient of the low-pass at its tap.
    node : (P,) int32
        Neuron of every port, 0 for those of crossbars.
    at_neuron : (P,) bool
    out : (P,) bool
        Whether the port is at the output of its neuron (the tail end of a line).
    mate : (P,) int32
        The other port of the same line end, the port itself where there is none.
    on_x, on_mu, own, other : (P,)
        Coefficients of the answer of neurons' ports, 0 at crossbars.
    to_in, to_out : (P,)
        What a wave at the tap adds to the sums of its neuron.
    series, conductance : (N,)
        `Zs` and `G` of every neuron.
    crossbars : Crossbars
    """

    lines: Lines
    impedance: Floats
    pole: Floats
    node: Ints
    at_neuron: np.ndarray
    out: np.ndarray
    mate: Ints
    on_x: Floats
    on_mu: Floats
    own: Floats
    other: Floats
    to_in: Floats
    to_out: Floats
    series: Floats
    conductance: Floats
    crossbars: Crossbars

    @property
    def ports(self) -> int:
        """Number P of ports."""
        return len(self.tap_port)

    @property
    def partner(self) -> Ints:
        """The port at the other end of each port's line; itself for a termination."""
        return self.tap_port

    @cached_property
    def answered_by(self) -> tuple[Ints, Ints]:
        """Which answer each port sends on (P,): state or costate of a neuron, of a row or a column; and its number (P,)."""
        crossbars = self.crossbars
        kind = np.where(self.at_neuron, np.where(self.out, 0, 1), np.where(crossbars.as_row > 0, 2, 3))
        number = np.choose(kind, [self.node, self.node, crossbars.port_row, crossbars.port_column])
        return kind.astype(np.int32), number.astype(np.int32)

    @cached_property
    def sides(self) -> Ints:
        """Ports that follow each other and differ in nothing but their number, as rows of `SIDES`.

        `shift` is the number of the first one's answer where the answers follow each other, too, else -1.
        """
        port = np.arange(self.ports)
        kind, number = self.answered_by
        alike = np.stack([kind, self.mate - port, self.partner - port])
        first = np.flatnonzero(np.append(True, (alike[:, 1:] != alike[:, :-1]).any(axis=0)))
        count = np.diff(np.append(first, self.ports))
        straight = [bool((np.diff(number[a : a + n]) == 1).all()) for a, n in zip(first, count, strict=True)]
        shift = np.where(straight, number[first], -1)
        return np.stack([first, count, kind[first], shift, *alike[1:, first]], axis=1).astype(np.int32)


def lay_out(graph: ScatteringGraph, lines: Lines | None = None) -> BilateralLayout:
    """Flatten a graph of two-way lines; with `lines` in the place of its own."""
    law = law_of(graph)
    _check_activations(graph)
    lines = lines_of(graph) if lines is None else lines
    ends = ends_of(lines, min(law.bandwidth, graph.hardware.lines.filter_coefficient(graph.step)))
    port, crossbars = np.arange(ends.count), lay_out_crossbars(graph, ends)
    weights, broken = crossbars.weights, lines.mishaps.broken
    cut = np.concatenate([broken, broken, np.zeros(ends.count - 2 * lines.count, bool)])
    longest = int(max(lines.forward.max(), lines.backward.max()))
    made = BilateralLayout(
        **neurons_of(graph),
        tile=True,
        tap_port=np.where(cut, port, ends.partner).astype(np.int32),
        tap_delay=ends.delay.astype(np.int32),
        row=crossbars.row_tap[crossbars.row[weights]],
        column=crossbars.column_tap[crossbars.column[weights]],
        to_state=crossbars.target + np.int32(graph.neurons),
        to_costate=crossbars.source,
        blocks=crossbars.blocks,
        lines_of_port=(port < 2 * lines.count).astype(np.int32),
        longest=np.full(2 * graph.neurons, longest, np.int32),
        decay=np.zeros(len(crossbars.target)),
        lines=lines,
        impedance=ends.impedance,
        pole=ends.pole,
        node=np.maximum(ends.node, 0).astype(np.int32),
        at_neuron=ends.node >= 0,
        out=np.isin(port, np.concatenate([ends.tails, ends.sources])),
        mate=ends.mate.astype(np.int32),
        crossbars=crossbars,
        **answers(ends, graph.neurons),
    )
    return replace(made, decay=spread(made, weight_penalties(graph), 0.0))


def _check_activations(graph: ScatteringGraph) -> None:
    """Refuse activations whose branches cannot be followed, for want of bounds on how they bend."""
    for site in graph.sites:
        if site.role != "source" and site.function not in FOLLOWED:
            raise EngineError(
                f"law {graph.law.name}: the answers of activation {site.function!r} of {site.name} cannot be followed; "
                f"allowed: {', '.join(FOLLOWED)}"
            )
