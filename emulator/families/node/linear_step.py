"""One engine step for small deviations from rest, as a linear operator: node laws, loads, waves in flight.

A line of d steps is seen by the node update d steps after the wave left, so a port keeps the amplitudes of as
many steps as its longest line has. With deviations written ``d``, a step does at every neuron

    ds = sum W dx(d steps ago)                     dF = phi'(s) ds
    dB = sum W^T dmu(d steps ago) + J dx           J: at the output 1 (mse) or diag(p) - p p^T, elsewhere 0;
                                                   and the penalty of every state
    dx   <- law's state update of dx, dlam, dF, dB(old x)
    dlam <- law's costate update of dx, dlam, dF, dB(new x)
    dmu  <- phi'(s) dlam + phi''(s) lam ds

and whatever else the law keeps in memory is moved likewise by either update.

A source's `x` is clamped (``dx = 0``), its costate follows `B`. An operator rather than a matrix: a
cross-entropy load would fill the rows of all outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse

from emulator.families.node.law_slopes import LawSlopes, law_slopes
from emulator.graph import ScatteringGraph
from emulator.graph.penalties import state_penalties
from emulator.measure.linear_step import LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, slopes
from emulator.measure.synapses import Floats, synapses
from emulator.network.losses import softmax


class NodeStep(LinearStep):
    """The linearised engine step of N neurons, acting on vectors of M amplitudes.

    Such a vector holds, port by port (states of all neurons, then costates of their pre-activations), the
    amplitudes of the last `depth` steps, newest first, then the N costates, then what the law keeps in memory.

    Parameters
    ----------
    graph : ScatteringGraph
        With its law and delays.
    point : Reference or OperatingPoint
        The rest: of a reference, the first sample.

    Attributes
    ----------
    first, depth : (2N,) int64
        Position of the newest amplitude of each port, and how many it keeps (0: `first` means nothing).

    Raises
    ------
    EngineError
        If the point does not suit the graph, or the law cannot be linearised.
    """

    def __init__(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> None:
        point = checked_point(graph, point)
        count, coupled = graph.neurons, synapses(graph)
        self._slope, bend = slopes(graph, point.s)
        self._bend = bend * point.lam
        self._load = _load(graph, point)
        self._law = _with_sources(graph, law_slopes(graph.law, point.x, point.lam))
        states, costates = coupled.longest(count)
        self.depth = np.concatenate([np.maximum(states, 1), costates])
        self.first = np.concatenate([[0], np.cumsum(self.depth)])[:-1]
        waves = int(self.depth.sum())
        kept = ("lam", *self._law.memory)
        self._kept = {name: slice(waves + k * count, waves + (k + 1) * count) for k, name in enumerate(kept)}
        size = waves + len(kept) * count
        super().__init__(dtype=np.dtype(float), shape=(size, size))

        forward = self.first[coupled.source] + coupled.forward - 1
        backward = self.first[coupled.sink + count] + coupled.backward - 1
        self._arriving = sparse.csr_array((coupled.weight, (coupled.sink, forward)), shape=(count, size))
        self._returning = sparse.csr_array((coupled.weight, (coupled.source, backward)), shape=(count, size))

        self._sends = np.flatnonzero(costates)
        newest = np.zeros(size, bool)
        newest[self.first[self.depth > 0]] = True
        self._older = np.flatnonzero(~newest[:waves])
        sent = np.concatenate([point.x, self._slope * point.lam])
        self.rest = np.concatenate([np.repeat(sent, self.depth), point.lam, *self._law.memory.values()])
        self.resting = point.x, point.lam
        self.triangular = _triangular(self._law)

    def newest(self, vector: Floats) -> tuple[Floats, Floats]:
        """State and costate (N,) in a vector (M,)."""
        return vector[self.first[: len(self._slope)]], vector[self._kept["lam"]]

    def _matvec(self, vector: Floats) -> Floats:
        vector, count = vector.ravel(), len(self._slope)
        s, back = self._arriving @ vector, self._returning @ vector
        node = {"x": vector[self.first[:count]], **{name: vector[part] for name, part in self._kept.items()}}
        for updates in (self._law.first, self._law.second):
            seen = node | {"F": self._slope * s, "B": back + self._load(node["x"])}
            node = node | {name: _answer(slope, seen) for name, slope in updates.items()}
        mu = self._slope * node["lam"] + self._bend * s
        after = np.empty_like(vector)
        after[self._older] = vector[self._older - 1]
        after[self.first[:count]] = node["x"]
        after[self.first[count:][self._sends]] = mu[self._sends]
        for name, part in self._kept.items():
            after[part] = node[name]
        return after


def _load(graph: ScatteringGraph, point: OperatingPoint) -> Callable[[Floats], Floats]:
    """The derivative of the objective's ``d/dx`` in the state itself, as a map (N,) -> (N,)."""
    outputs = graph.layer_neurons(graph.network.output)
    p, shunt = softmax(point.x[outputs]), state_penalties(graph)

    def answer(x: Floats) -> Floats:
        found, out = np.zeros_like(x), x[outputs]
        if point.loaded:
            found = shunt * x
            found[outputs] += out if graph.loss == "mse" else p * (out - p @ out)
        return found

    return answer


def _with_sources(graph: ScatteringGraph, law: LawSlopes) -> LawSlopes:
    """The law's slopes, with the state of every source clamped."""
    free = np.ones(graph.neurons)
    for site in graph.sites:
        if site.role == "source":
            free[site.start : site.stop] = 0.0
    state = {operand: free * slope for operand, slope in law.state.items()}
    return replace(law, first={**law.first, "x": state})


def _triangular(law: LawSlopes) -> float | None:
    """The radius of the nodes alone, if nothing that the state depends on listens to costates."""
    names = ("x", "lam", *law.memory)
    updates = [(name, slope) for phase in (law.first, law.second) for name, slope in phase.items()]
    states = {"x"}
    for _ in names:
        states |= {o for name, slope in updates if name in states for o in names if slope[o].any()}
    if "lam" in states or any(slope["B"].any() for name, slope in updates if name in states):
        return None
    if not law.memory:
        return float(max(np.abs(law.state["x"]).max(), np.abs(law.costate["lam"]).max()))
    step = np.broadcast_to(np.eye(len(names)), (len(law.state["x"]), len(names), len(names)))
    for phase in (law.first, law.second):
        once = np.array(step)
        for name, slope in phase.items():
            once[:, names.index(name)] = sum(slope[o][:, None] * step[:, k] for k, o in enumerate(names))
        step = once
    return float(np.abs(np.linalg.eigvals(step)).max())


def _answer(slope: dict[str, Floats], seen: dict[str, Floats]) -> Floats:
    total: Floats = sum((slope[name] * value for name, value in seen.items()), np.zeros_like(seen["x"]))
    return total
