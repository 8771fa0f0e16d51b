"""A scattering graph as flat arrays: neurons, ports, lines and synapses, ready for brian2.

Neuron `i` has two ports: port `i`, from which its state `x` leaves and where costates arrive, and port ``N + i``, from
which the costate `mu` of its pre-activation leaves and where weighted states arrive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.graph import ScatteringGraph

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Where the synapses of one coupling stand: ``first + row * columns + column`` for a crossbar."""

    layer: str | None
    first: int
    rows: Ints
    columns: Ints
    row_taps: Ints
    column_taps: Ints

    @property
    def size(self) -> int:
        """Number of synapses."""
        return len(self.rows) * len(self.columns) if self.layer is not None else len(self.rows)


@dataclass(frozen=True)
class Layout:
    """Flat arrays of one graph.

    Parameters
    ----------
    neurons : int
        Number N of neurons.
    function : tuple of str, slope : (N,)
        Activation per neuron; sources have ``source``.
    inputs, outputs : int32
        Neurons that data clamp, and neurons at the load, in the order of the data's columns.
    tap_port, tap_delay : (C,) int32
        Tile wiring: port that drives each line direction, and its delay in steps. Empty in synapse wiring.
    row, column : (S,) int32
        Per synapse: the taps (tile wiring) or ports (synapse wiring) it joins.
    to_state, to_costate : (S,) int32
        Per synapse: the port to which its weighted state, and its weighted costate, go.
    delay_forward, delay_backward : (S,) int32
        Synapse wiring: delays in steps. Empty in tile wiring.
    blocks : tuple of Block
        The synapses of each coupling.
    lines_of_port : (2N,) int32
        How many lines each port drives.
    longest : (2N,) int32
        The longest delay among them, in steps; 0 where there is none.
    """

    neurons: int
    function: tuple[str, ...]
    slope: Floats
    inputs: Ints
    outputs: Ints
    tile: bool
    tap_port: Ints
    tap_delay: Ints
    row: Ints
    column: Ints
    to_state: Ints
    to_costate: Ints
    delay_forward: Ints
    delay_backward: Ints
    blocks: tuple[Block, ...]
    lines_of_port: Ints
    longest: Ints

    @property
    def synapses(self) -> int:
        """Number S of synapses, wires included."""
        return len(self.to_state)

    @property
    def ring_depth(self) -> int:
        """Events that one port can have in flight: one a step for the longest delay."""
        return max(1, int(self.longest.max(initial=1)))


def lay_out(graph: ScatteringGraph) -> Layout:
    """Flatten a graph."""
    count, tile = graph.neurons, graph.wiring == "tile"
    function = [name for site in graph.sites for name in [_function(site)] * site.size]
    slope = np.concatenate([np.full(site.size, site.slope) for site in graph.sites])
    tap_port, tap_delay = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    forward_parts, backward_parts = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    row, column, to_state, to_costate, blocks = [], [], [], [], []
    taps = synapses = 0
    for coupling in graph.couplings:
        at_row, at_column = coupling.pairs()
        rows, columns = _ints(coupling.rows), _ints(coupling.columns)
        row_taps = _ints(np.arange(len(rows)) + taps)
        column_taps = _ints(np.arange(len(columns)) + taps + len(rows))
        if tile:
            tap_port += [rows, columns + count]
            tap_delay += [_ints(coupling.delay_forward), _ints(coupling.delay_backward)]
            taps += len(rows) + len(columns)
            row.append(row_taps[at_row])
            column.append(column_taps[at_column])
        else:
            forward, backward = coupling.pair_delays()
            forward_parts.append(_ints(forward))
            backward_parts.append(_ints(backward))
            row.append(rows[at_row])
            column.append(columns[at_column] + count)
        to_state.append(columns[at_column] + count)
        to_costate.append(rows[at_row])
        blocks.append(Block(coupling.layer, synapses, rows, columns, row_taps, column_taps))
        synapses += blocks[-1].size
    layout = Layout(
        neurons=count,
        function=tuple(function),
        slope=slope,
        inputs=_ints(np.concatenate([graph.layer_neurons(name) for name in graph.network.inputs])),
        outputs=_ints(graph.layer_neurons(graph.network.output)),
        tile=tile,
        tap_port=_ints(np.concatenate(tap_port)),
        tap_delay=_ints(np.concatenate(tap_delay)),
        row=_ints(np.concatenate(row)),
        column=_ints(np.concatenate(column)),
        to_state=_ints(np.concatenate(to_state)),
        to_costate=_ints(np.concatenate(to_costate)),
        delay_forward=np.concatenate(forward_parts),
        delay_backward=np.concatenate(backward_parts),
        blocks=tuple(blocks),
        lines_of_port=np.zeros(0, np.int32),
        longest=np.zeros(0, np.int32),
    )
    return _with_ports(layout)


def _with_ports(layout: Layout) -> Layout:
    from dataclasses import replace

    lines, longest = np.zeros(2 * layout.neurons, np.int32), np.zeros(2 * layout.neurons, np.int32)
    driven = (
        [(layout.tap_port, layout.tap_delay)]
        if layout.tile
        else [(layout.row, layout.delay_forward), (layout.column, layout.delay_backward)]
    )
    for port, delay in driven:
        np.add.at(lines, port, 1)
        np.maximum.at(longest, port, delay)
    return replace(layout, lines_of_port=lines, longest=longest)


def weights(graph: ScatteringGraph, layout: Layout) -> Floats:
    """The weight of every synapse, in the layout's order; 1 for wires."""
    flat = np.ones(layout.synapses)
    offset: dict[str, int] = {}
    for block in layout.blocks:
        if block.layer is None:
            continue
        weight = graph.network.parameters[block.layer].weight
        start = offset.get(block.layer, 0)
        part = weight[:, start : start + len(block.rows)]
        offset[block.layer] = start + len(block.rows)
        flat[block.first : block.first + block.size] = part.T.ravel()
    return flat


def biases(graph: ScatteringGraph) -> Floats:
    """The bias of every neuron."""
    flat = np.zeros(graph.neurons)
    for layer, parameters in graph.network.parameters.items():
        flat[graph.layer_neurons(layer)] = parameters.bias
    return flat


def _function(site) -> str:  # type: ignore[no-untyped-def]
    return "source" if site.role == "source" else site.function


def _ints(values: np.ndarray) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int32)
