"""Whether cells of one's own keep their contract: each with its own equation, at its own pins, of its full scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emulator.export.cells import activation_key, activations
from emulator.export.contract import TOLERANCE
from emulator.export.locate import equations
from emulator.export.netlist import Nodes
from emulator.graph import ScatteringGraph
from emulator.measure.synapses import Floats, crossbar

#: cells -> the nodes at which they show, neurons' own apart
_SHOWN = {
    "synapse": ("s", "lam"), "bias": ("s",), "sum": ("lam",), "load": ("lam",), "line": ("s", "lam"),
    "gyrator": ("s", "lam"), "source": ("x",),
}  # fmt: skip


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
    allowed : float
    """

    cell: str
    nodes: int
    worst: str
    deviation: float
    allowed: float = TOLERANCE

    @property
    def keeps(self) -> bool:
        """Whether it does."""
        return self.deviation <= self.allowed


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


def affected(graph: ScatteringGraph, cell: str) -> dict[str, np.ndarray]:
    """Neurons at whose nodes a cell of the library shows, by signal."""
    inner = np.array([site.role != "source" for site in graph.sites for _ in range(site.size)])
    outputs = np.zeros(graph.neurons, dtype=bool)
    outputs[graph.layer_neurons(graph.network.output)] = True
    if cell in _SHOWN:
        at = {
            "s": inner,
            "lam": outputs if cell == "load" else ~outputs if cell == "synapse" else outputs | True,
            "x": ~inner,
        }
        return {signal: at[signal] for signal in _SHOWN[cell]}
    mine = {key for name, *_ in activations(graph) for key in [name] if name == cell}
    names = {(function, slope): name for name, function, slope in activations(graph)}
    own = [
        site.role != "source" and names[activation_key(site)] in mine for site in graph.sites for _ in range(site.size)
    ]
    return {"x": np.array(own), "mu": np.array(own)}


def held(
    graph: ScatteringGraph,
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
        worst, place, count = 0.0, "", 0
        for signal, where in affected(graph, cell).items():
            at = np.flatnonzero(where & ~(source & (signal in ("s", "mu"))))
            off = np.abs(found[signal][at] - wanted[signal][at]) / scales[signal][at]
            off[~np.isfinite(off)] = np.inf
            count += len(at)
            if len(at) and (not place or off.max() > worst):
                worst, place = float(off.max()), node(signal, int(at[off.argmax()]))
        kept.append(Held(cell, count, place, worst))
    return tuple(kept)
