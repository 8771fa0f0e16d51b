"""The junctions of two-way lines near a rest, linearised."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from emulator.families.bilateral.layout import BilateralLayout, lay_out
from emulator.families.bilateral.lines import law_of
from emulator.families.bilateral.matrices import scattering
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, slopes
from emulator.network.losses import softmax


class Junctions:
    """All junctions of a graph of two-way lines, linearised at a rest.

    Parameters
    ----------
    graph : ScatteringGraph
        Compiled with the bilateral law.
    point : Reference or OperatingPoint
        The rest: of a reference, the first sample.

    Attributes
    ----------
    layout : BilateralLayout
    neurons : sparse (P, P)
        What the waves at all taps make leave the ports of neurons.
    series, parallel : sparse (N, P)
        What they bring to the sums `A` and `J` of the neurons.
    state, costate, current : sparse (N, P)
        What they make of states, costates, and costates of pre-activations.
    """

    def __init__(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> None:
        law, point = law_of(graph), checked_point(graph, point)
        self.layout = layout = lay_out(graph)
        ports, neurons = layout.ports, layout.neurons
        port = np.arange(ports)
        at = layout.at_neuron
        shape = (neurons, ports)
        series = self.series = sparse.csr_array((layout.to_in[at], (layout.node[at], port[at])), shape=shape)
        parallel = self.parallel = sparse.csr_array((layout.to_out[at], (layout.node[at], port[at])), shape=shape)
        source = np.array([name == "source" for name in layout.function])
        slope, bend = slopes(graph, point.s)
        parallel_conductance = layout.conductance + point.loaded * layout.shunt
        stiff = sparse.diags_array(parallel_conductance) + _load(graph, layout, point, law)
        moved = series + sparse.diags_array(layout.series * slope) @ parallel
        tilt = sparse.diags_array(1 + layout.series * bend * point.lam)
        tilt = tilt + sparse.diags_array(layout.series * slope) @ stiff @ sparse.diags_array(slope)
        pre = sparse.csr_array(_solve(tilt, moved))
        clamped = law.source_resistance / (1 + law.source_resistance * parallel_conductance)
        self.state = sparse.diags_array(np.where(source, 0.0, slope)) @ pre
        self.state = self.state + sparse.diags_array(np.where(source, clamped, 0.0)) @ parallel
        inverse = np.divide(1.0, layout.series, out=np.zeros(neurons), where=layout.series > 0)
        self.current = sparse.diags_array(inverse) @ (series - pre)
        self.costate = stiff @ self.state - parallel
        node = sparse.csr_array((np.ones(ports), (port, layout.node)), shape=(ports, neurons))
        scatter = sparse.diags_array(layout.on_x) @ node @ self.state
        scatter = scatter + sparse.diags_array(layout.on_mu) @ node @ self.current + sparse.diags_array(layout.own)
        scatter = scatter + sparse.csr_array((layout.other, (port, layout.mate)), shape=(ports, ports))
        self.graph, self.neurons = graph, sparse.csr_array(scatter)

    @cached_property
    def scatter(self) -> sparse.csr_array:
        """What the waves at all taps make leave all ports, (P, P)."""
        return sparse.csr_array(self.neurons + scattering(self.graph, self.layout))


def _load(graph: ScatteringGraph, layout: BilateralLayout, point: OperatingPoint, law: Bilateral) -> sparse.csr_array:
    """Derivative of the load's costate in the states, (N, N)."""
    out, size = layout.outputs, (layout.neurons, layout.neurons)
    if not point.loaded:
        return sparse.csr_array(size)
    if graph.loss == "mse":
        return sparse.csr_array((np.full(len(out), law.kappa), (out, out)), shape=size)
    p = softmax(point.x[out])
    block = np.diag(p) - np.outer(p, p)
    where = np.repeat(out, len(out)), np.tile(out, len(out))
    return sparse.csr_array((block.ravel(), where), shape=size)


def _solve(matrix: sparse.csr_array, right: sparse.csr_array) -> sparse.csr_array:
    """``matrix^-1 right`` where few rows of the matrix are more than a diagonal."""
    diagonal = matrix.diagonal()
    coupled = np.unique(np.concatenate(sparse.triu(matrix, 1).nonzero()))
    inverse = sparse.lil_array(matrix.shape)
    inverse.setdiag(1 / diagonal)
    if len(coupled):
        dense = np.linalg.inv(matrix[coupled][:, coupled].toarray())
        inverse[np.ix_(coupled, coupled)] = dense
    return sparse.csr_array(inverse) @ right
