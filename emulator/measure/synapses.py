"""Every synapse and wire of a graph, by neuron number: what couples small deviations of neurons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Synapses:
    """Flat arrays, one entry for each of the S synapses and wires of a graph.

    Parameters
    ----------
    source, sink : (S,) int64
        The neuron whose state it weighs, and the neuron whose pre-activation it adds to.
    weight : (S,)
        1 for wires.
    forward, backward : (S,) int64
        Delays of the state, and of the costate that comes back, in steps.
    """

    source: Steps
    sink: Steps
    weight: Floats
    forward: Steps
    backward: Steps

    def longest(self, neurons: int) -> tuple[Steps, Steps]:
        """The longest line that each neuron drives with its state, and with its costate, (N,); 0 if none."""
        state, costate = np.zeros(neurons, np.int64), np.zeros(neurons, np.int64)
        np.maximum.at(state, self.source, self.forward)
        np.maximum.at(costate, self.sink, self.backward)
        return state, costate


def synapses(graph: ScatteringGraph) -> Synapses:
    """List the synapses of a graph, coupling by coupling."""
    source, sink, weight, forward, backward = [], [], [], [], []
    for coupling in graph.couplings:
        row, column = coupling.pairs()
        there, back = coupling.pair_delays()
        source.append(coupling.rows[row])
        sink.append(coupling.columns[column])
        matrix = crossbar(graph, coupling)
        weight.append(np.ones(len(row)) if matrix is None else matrix[column, row])
        forward.append(there)
        backward.append(back)
    return Synapses(
        source=np.concatenate(source),
        sink=np.concatenate(sink),
        weight=np.concatenate(weight),
        forward=np.concatenate(forward),
        backward=np.concatenate(backward),
    )


def crossbar(graph: ScatteringGraph, coupling: Coupling) -> Floats | None:
    """Weight (columns, rows) of a crossbar; None for wires, which carry on what they are given."""
    return None if coupling.layer is None else graph.network.parameters[coupling.layer].weight
