"""One engine step for small deviations from rest, as a linear operator: node laws, loads, waves in flight.

A line of d steps is seen by the node update d steps after the wave left, so a port keeps the amplitudes of as
many steps as its longest line has. With deviations written ``d``, a step does at every neuron

    ds = sum W dx(d steps ago)                     dF = phi'(s) ds
    dB = sum W^T dmu(d steps ago) + J dx           J: at the output 1 (mse) or diag(p) - p p^T, elsewhere 0
    dx   <- law's state update of dx, dlam, dF, dB(old x)
    dlam <- law's costate update of dx, dlam, dF, dB(new x)
    dmu  <- phi'(s) dlam + phi''(s) lam ds

A source's `x` is clamped (``dx = 0``), its costate follows `B`. An operator rather than a matrix: a
cross-entropy load would fill the rows of all outputs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from emulator.graph import ScatteringGraph
from emulator.measure.law_slopes import LawSlopes, law_slopes
from emulator.measure.linear_step import LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, slopes
from emulator.measure.synapses import Floats, synapses
from emulator.network.losses import softmax

#: steps with more numbers than this are not assembled by the diagnosis
MOST_NUMBERS = 2_000_000


class Linearisation(LinearStep):
    """The linearised engine step of N neurons, acting on vectors of M amplitudes.

    Such a vector holds, port by port (states of all neurons, then costates of their pre-activations), the
    amplitudes of the last `depth` steps, newest first, and then the N costates.

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
        states, costates = coupled.longest(count)
        self.depth = np.concatenate([np.maximum(states, 1), costates])
        self.first = np.concatenate([[0], np.cumsum(self.depth)])[:-1]
        size = int(self.depth.sum()) + count
        super().__init__(dtype=np.dtype(float), shape=(size, size))

        forward = self.first[coupled.source] + coupled.forward - 1
        backward = self.first[coupled.sink + count] + coupled.backward - 1
        self._arriving = sparse.csr_array((coupled.weight, (coupled.sink, forward)), shape=(count, size))
        self._returning = sparse.csr_array((coupled.weight, (coupled.source, backward)), shape=(count, size))
        self._slope, bend = slopes(graph, point.s)
        self._bend = bend * point.lam
        self._load = _load(graph, point)
        self._law = _with_sources(graph, law_slopes(graph.law, point.x, point.lam))

        self._sends = np.flatnonzero(costates)
        newest = np.zeros(size, bool)
        newest[self.first[self.depth > 0]] = True
        self._older = np.flatnonzero(~newest[: size - count])
        waves = np.concatenate([point.x, self._slope * point.lam])
        self.rest = np.concatenate([np.repeat(waves, self.depth), point.lam])
        self.resting = point.x, point.lam
        self.triangular = _triangular(self._law)

    def newest(self, vector: Floats) -> tuple[Floats, Floats]:
        """State and costate (N,) in a vector (M,)."""
        count = len(self._slope)
        return vector[self.first[:count]], vector[-count:]

    def _matvec(self, vector: Floats) -> Floats:
        vector = vector.ravel()
        x, lam = self.newest(vector)
        s, back = self._arriving @ vector, self._returning @ vector
        proposal, law, count = self._slope * s, self._law, len(x)
        x = _answer(law.state, x, lam, proposal, back + self._load(x))
        lam = _answer(law.costate, x, lam, proposal, back + self._load(x))
        mu = self._slope * lam + self._bend * s
        after = np.empty_like(vector)
        after[self._older] = vector[self._older - 1]
        after[self.first[:count]] = x
        after[self.first[count:][self._sends]] = mu[self._sends]
        after[-count:] = lam
        return after


def numbers(graph: ScatteringGraph) -> int:
    """About how many numbers a linearised step holds: each synapse in both directions, and the amplitudes."""
    sizes = [len(c.rows) if c.layer is None else len(c.rows) * len(c.columns) for c in graph.couplings]
    return 2 * sum(sizes) + (2 * graph.longest_delay + 1) * graph.neurons


def _load(graph: ScatteringGraph, point: OperatingPoint) -> Callable[[Floats], Floats]:
    """The derivative of ``dLoss/dx`` in the state, as a map (N,) -> (N,)."""
    outputs = graph.layer_neurons(graph.network.output)
    p = softmax(point.x[outputs])

    def answer(x: Floats) -> Floats:
        found, out = np.zeros_like(x), x[outputs]
        if point.loaded:
            found[outputs] = out if graph.loss == "mse" else p * (out - p @ out)
        return found

    return answer


def _with_sources(graph: ScatteringGraph, law: LawSlopes) -> LawSlopes:
    """The law's slopes, with the state of every source clamped."""
    free = np.ones(graph.neurons)
    for site in graph.sites:
        if site.role == "source":
            free[site.start : site.stop] = 0.0
    return LawSlopes({operand: free * slope for operand, slope in law.state.items()}, law.costate)


def _triangular(law: LawSlopes) -> float | None:
    if law.state["lam"].any() or law.state["B"].any():
        return None
    return float(max(np.abs(law.state["x"]).max(), np.abs(law.costate["lam"]).max()))


def _answer(slope: dict[str, Floats], x: Floats, lam: Floats, proposal: Floats, back: Floats) -> Floats:
    return slope["x"] * x + slope["lam"] * lam + slope["F"] * proposal + slope["B"] * back
