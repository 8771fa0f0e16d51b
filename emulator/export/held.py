"""Whether cells of one's own keep their contract: each with its own equation, at its own pins, of its full scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emulator.export.cells import activations, neurons_of
from emulator.export.contract import ACTIVATION, CONTRACTS, TOLERANCE
from emulator.export.locate import equations
from emulator.export.netlist import Nodes
from emulator.graph import ScatteringGraph
from emulator.measure.synapses import Floats, crossbar

#: cells -> the nodes at which they show, neurons' own apart
_SHOWN = {
    "synapse": ("s", "lam"), "bias": ("s",), "sum": ("lam",), "load": ("lam",), "line": ("s", "lam"),
    "gyrator": ("s", "lam"), "source": ("x",),
}  # fmt: skip
#: standard errors from which on a mean gain is told from what single nodes are off
_CLEAR = 3.0


@dataclass(frozen=True)
class Held:
    """How a cell keeps its contract.

    Parameters
    ----------
    cell : str
    nodes : int
        At which it shows.
    worst : str
        The node with the largest deviation.
    deviation : float
        Of full scale: of a state of 1 at a neuron, of the sum of the weights where they add up.
    gain : float
        The mean gain at one signal's nodes that is furthest from 1: what is found, regressed on what its equation makes of
        the other pins; 1 where it is not further than three standard errors.
    allowed : float
        Of the deviation, and of the gain's from 1.
    """

    cell: str
    nodes: int
    worst: str
    deviation: float
    gain: float = 1.0
    allowed: float = TOLERANCE

    @property
    def keeps(self) -> bool:
        """Whether it does; a cell that shows nowhere does not."""
        return self.nodes > 0 and self.deviation <= self.allowed and abs(self.gain - 1) <= self.allowed


def replaceable(graph: ScatteringGraph, circuit: str, synapse: str) -> frozenset[str]:
    """Cells of a graph's circuit that have a contract, so that others may take their place."""
    found = {
        one.cell
        for one in CONTRACTS
        if one.circuit == circuit and synapse in one.synapses and one.loss in ("", graph.loss)
    }
    return frozenset(found - {ACTIVATION} | {name for name, *_ in activations(graph)})


def full_scales(graph: ScatteringGraph) -> dict[str, Floats]:
    """What a deviation of every node is a share of, (N,) by signal: the sum of the weights behind it, or 1."""
    found = {name: np.zeros(graph.neurons) for name in ("s", "lam")}
    for coupling in graph.couplings:
        weight = crossbar(graph, coupling)
        magnitude = np.ones(len(coupling.rows)) if weight is None else np.abs(weight)
        found["s"][coupling.columns] += magnitude if weight is None else magnitude.sum(axis=1)
        np.add.at(found["lam"], coupling.rows, magnitude if weight is None else magnitude.sum(axis=0))
    ones = np.ones(graph.neurons)
    return {"x": ones, "mu": ones, **{name: np.where(values > 0, values, 1.0) for name, values in found.items()}}


def affected(graph: ScatteringGraph, circuit: str, cell: str) -> dict[str, np.ndarray]:
    """Neurons at whose nodes a cell shows, by signal."""
    inner = np.array([site.role != "source" for site in graph.sites for _ in range(site.size)])
    outputs = np.zeros(graph.neurons, dtype=bool)
    outputs[graph.layer_neurons(graph.network.output)] = True
    everywhere, two_way = np.ones(graph.neurons, dtype=bool), circuit == "bilateral"
    if cell in _SHOWN:
        back = {"load": outputs, "synapse": ~outputs}.get(cell, everywhere)
        at = {signal: {"s": inner, "lam": back, "x": ~inner}[signal] for signal in _SHOWN[cell]}
        return {**at, "lam": ~inner} if cell == "source" and two_way else at
    own = neurons_of(graph, (cell,))
    if not two_way:
        return {"x": own, "mu": own}
    # there a neuron's costate is a current that it measures, and what it passes on is one that it draws from those before
    return {"x": own, "mu": own, "lam": everywhere if own.any() else own}


def held(
    graph: ScatteringGraph,
    circuit: str,
    cells: Sequence[str],
    found: Mapping[str, Floats],
    inputs: Floats,
    targets: Floats,
    kappa: float,
) -> tuple[Held, ...]:
    """How each of the replaced cells keeps its contract; arguments as for `emulator.export.locate.equations`."""
    wanted, source = equations(graph, found, inputs, targets, kappa)
    scales, node, kept = full_scales(graph), Nodes(graph), []
    for cell in cells:
        worst, place, count, gain = 0.0, "", 0, 1.0
        for signal, where in affected(graph, circuit, cell).items():
            at = np.flatnonzero(where & ~(source & (signal in ("s", "mu"))))
            off = np.abs(found[signal][at] - wanted[signal][at]) / scales[signal][at]
            off[~np.isfinite(off)] = np.inf
            count += len(at)
            gain = max(gain, mean_gain(found[signal][at], wanted[signal][at]), key=lambda value: abs(value - 1))
            if len(at) and (not place or off.max() > worst):
                worst, place = float(off.max()), node(signal, int(at[off.argmax()]))
        kept.append(Held(cell, count, place, worst, gain))
    return tuple(kept)


def mean_gain(found: Floats, wanted: Floats) -> float:
    """Gain of what is found over what is wanted, (n,) each, by least squares; 1 where it does not differ clearly."""
    size = float(wanted @ wanted)
    if len(wanted) < 3 or not 0 < size < np.inf or not np.isfinite(found).all():
        return 1.0
    gain = float(found @ wanted) / size
    error = float(np.sqrt(np.square(found - gain * wanted).sum() / (len(wanted) - 1) / size))
    return gain if abs(gain - 1) > _CLEAR * error else 1.0
