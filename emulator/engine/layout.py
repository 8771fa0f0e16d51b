"""A scattering graph as flat arrays: neurons, ports, lines and synapses, ready for brian2.

Neuron `i` has two ports: port `i`, from which its state `x` leaves and where costates arrive, and port ``N + i``, from
which the costate `mu` of its pre-activation leaves and where weighted states arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.graph import ScatteringGraph, Site
from emulator.graph.coupling import Coupling
from emulator.graph.penalties import state_penalties, weight_penalties

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Where the synapses of one coupling stand: row by row from `first` on; all of a row's columns for a full crossbar.

    In tile wiring `row_taps` and `column_taps` are its taps per row and per column; in synapse wiring, per synapse.
    A crossbar that has no synapse for some pairs has the positions (row, column) of its `devices`. Where places learn
    together, `kernel` has the number of every synapse, and then of every column's bias; -1 for one on its own.
    """

    layer: str | None
    first: int
    rows: Ints
    columns: Ints
    row_taps: Ints
    column_taps: Ints
    devices: tuple[Ints, Ints] | None = None
    trainable: bool = True
    biased: bool = True
    kernel: Ints | None = None

    @property
    def size(self) -> int:
        """Number of synapses."""
        if self.layer is None:
            return len(self.rows)
        return len(self.rows) * len(self.columns) if self.devices is None else len(self.devices[0])

    def matrix(self, flat: Floats) -> Floats:
        """Numbers of all synapses (S,), those of this crossbar as a matrix (columns, rows): 0 where there is none."""
        own = flat[self.first : self.first + self.size]
        if self.devices is None:
            return own.reshape(len(self.rows), len(self.columns)).T
        row, column = self.devices
        full = np.zeros((len(self.columns), len(self.rows)))
        full[column, row] = own
        return full

    def run(self, matrix: Floats) -> Floats:
        """The entries of a matrix (columns, rows) where this crossbar has synapses, in their order."""
        if self.devices is None:
            return matrix.T.ravel()
        row, column = self.devices
        return matrix[column, row]

    def existing(self, matrix: Floats) -> Floats:
        """A matrix (columns, rows) with 0 where there is no synapse."""
        if self.devices is None:
            return matrix
        row, column = self.devices
        full = np.zeros_like(matrix)
        full[column, row] = matrix[column, row]
        return full

    @property
    def by_column(self) -> Ints:
        """Positions of the synapses of a crossbar with gaps, column by column, as the entries of its weight are ordered."""
        row, column = self.devices or (np.zeros(0, np.int32),) * 2
        return _ints(np.lexsort((row, column)))


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
    tile : bool
        Whether the lines of a crossbar are per neuron rather than per synapse.
    tap_port, tap_delay : (C,) int32
        Port that drives each line direction, and its delay in steps.
    row, column : (S,) int32
        Per synapse: the tap that receives the state, and the tap that receives the costate.
    to_state, to_costate : (S,) int32
        Per synapse: the port to which its weighted state, and its weighted costate, go.
    blocks : tuple of Block
        The synapses of each coupling.
    lines_of_port : (2N,) int32
        How many lines each port drives.
    longest : (2N,) int32
        The longest delay among them, in steps; 0 where there is none.
    shunt : (N,)
        Conductance to ground of every neuron: its penalty.
    decay : (S,)
        What the gradient of every synapse has of its weight: its penalty.
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
    blocks: tuple[Block, ...]
    lines_of_port: Ints
    longest: Ints
    shunt: Floats
    decay: Floats

    @property
    def ports(self) -> int:
        """Number of ports, two per neuron."""
        return 2 * self.neurons

    @property
    def synapses(self) -> int:
        """Number S of synapses, wires included."""
        return len(self.to_state)

    @property
    def ring_depth(self) -> int:
        """Events that one port can have in flight: one a step for the longest delay."""
        return max(1, int(self.longest.max(initial=1)))


def flatten(graph: ScatteringGraph) -> Layout:
    """Flatten a graph of one-way lines, whatever its law."""
    count = graph.neurons
    tap_port, tap_delay = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    row, column, to_state, to_costate, blocks = [], [], [], [], []
    taps = synapses = 0
    for coupling in graph.couplings:
        at_row, at_column = coupling.pairs()
        rows, columns = _ints(coupling.rows), _ints(coupling.columns)
        row_port, column_port = rows, columns + count
        pick_row, pick_column = at_row, at_column
        if coupling.per_synapse:
            row_port, column_port = row_port[at_row], column_port[at_column]
            pick_row = pick_column = np.arange(len(at_row))
        row_taps = _ints(np.arange(len(row_port)) + taps)
        column_taps = _ints(np.arange(len(column_port)) + taps + len(row_port))
        taps += len(row_port) + len(column_port)
        tap_port += [row_port, column_port]
        tap_delay += [_ints(coupling.delay_forward), _ints(coupling.delay_backward)]
        row.append(row_taps[pick_row])
        column.append(column_taps[pick_column])
        to_state.append(columns[at_column] + count)
        to_costate.append(rows[at_row])
        blocks.append(block_of(coupling, synapses, row_taps, column_taps))
        synapses += blocks[-1].size
    port, delay = _ints(np.concatenate(tap_port)), _ints(np.concatenate(tap_delay))
    lines, longest = np.zeros(2 * count, np.int32), np.zeros(2 * count, np.int32)
    np.add.at(lines, port, 1)
    np.maximum.at(longest, port, delay)
    made = Layout(
        **neurons_of(graph),
        tile=graph.wiring == "tile",
        tap_port=port,
        tap_delay=delay,
        row=_ints(np.concatenate(row)),
        column=_ints(np.concatenate(column)),
        to_state=_ints(np.concatenate(to_state)),
        to_costate=_ints(np.concatenate(to_costate)),
        blocks=tuple(blocks),
        lines_of_port=lines,
        longest=longest,
        decay=np.zeros(synapses),
    )
    return replace(made, decay=spread(made, weight_penalties(graph), 0.0))


def neurons_of(graph: ScatteringGraph) -> dict[str, Any]:
    """The fields of a `Layout` that say what its neurons are."""
    return {
        "neurons": graph.neurons,
        "function": tuple(name for site in graph.sites for name in [_function(site)] * site.size),
        "slope": np.concatenate([np.full(site.size, site.slope) for site in graph.sites]),
        "inputs": _ints(np.concatenate([graph.layer_neurons(name) for name in graph.network.inputs])),
        "outputs": _ints(graph.layer_neurons(graph.network.output)),
        "shunt": state_penalties(graph),
    }


def block_of(coupling: Coupling, first: int, row_taps: np.ndarray, column_taps: np.ndarray) -> Block:
    """The synapses of a coupling from number `first` on, with the taps at its rows and columns."""
    devices = None if coupling.devices is None else (_ints(coupling.devices[0]), _ints(coupling.devices[1]))
    ends = _ints(coupling.rows), _ints(coupling.columns), _ints(row_taps), _ints(column_taps)
    return Block(coupling.layer, first, *ends, devices, coupling.trainable, coupling.biased, coupling.kernel)


def spread(layout: Layout, matrices: Mapping[str, Floats | float], wire: float) -> Floats:
    """Matrices (n_out, n_in) per dense layer, or one number, as one number per synapse, in the layout's order."""
    flat = np.full(layout.synapses, wire)
    for block in layout.blocks:
        if block.layer is not None:
            matrix = np.broadcast_to(matrices[block.layer], (len(block.columns), len(block.rows)))
            flat[block.first : block.first + block.size] = block.run(matrix)
    return flat


def weights(graph: ScatteringGraph, layout: Layout) -> Floats:
    """The weight of every synapse, in the layout's order; 1 for wires."""
    return spread(layout, {layer: p.weight for layer, p in graph.network.parameters.items()}, 1.0)


def biases(graph: ScatteringGraph) -> Floats:
    """The bias of every neuron."""
    flat = np.zeros(graph.neurons)
    for layer, parameters in graph.network.parameters.items():
        flat[graph.layer_neurons(layer)] = parameters.bias
    return flat


def _function(site: Site) -> str:
    return "source" if site.role == "source" else site.function


def _ints(values: np.ndarray) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int32)
