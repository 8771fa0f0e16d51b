"""The network on two-way lines as a linear multiport: small signals around a rest, seen at its inputs and outputs.

At angular frequency `w` every wave carries ``exp(i w t)``; with ``q = exp(-i w step)`` a line of impedance `Z` and delays
`f` and `b` steps obeys ``v2 + Z i2 = h q^f (v1 + Z i1)`` and ``v1 - Z i1 = h q^b (v2 - Z i2)``, where `h` is its
low-pass, but for what `emulator.families.bilateral.carriage` has of its waves: what gets lost, comes back, or leaks to
neighbours; the terminations are the stubs of `emulator.export.two_way`. Crossbars are ideal transformers, and a neuron is
its linearisation ``dx = phi' ds``, ``dmu = phi' dlam + phi'' lam ds``. An input port is the source of a neuron, opened; an
output port is its state against ground, beside the load. One sparse system per frequency is solved for all ports.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from emulator.errors import ExportError
from emulator.export.two_way import bilateral_law, low_pass, with_two_way_lines
from emulator.families.bilateral.carriage import carriage_of
from emulator.families.bilateral.layout import lay_out
from emulator.families.bilateral.lines import Lines
from emulator.graph import ScatteringGraph
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, slopes
from emulator.measure.synapses import crossbar
from emulator.network import softmax

Complex = NDArray[np.complex128]


def network_scattering(graph: ScatteringGraph, point: Reference | OperatingPoint, frequencies: ArrayLike) -> Complex:
    """Scattering matrices between the inputs and outputs of a network; F frequencies, P ports.

    Parameters
    ----------
    graph : ScatteringGraph
        Of the bilateral law, or laid with the recommended two-way lines.
    point : Reference or OperatingPoint
        The rest: of a reference, the first sample.
    frequencies : (F,)
        In hertz, from 0 to half of one over the step.

    Returns
    -------
    (F, P, P)
        ``b = S a`` for ports of impedance 1 (state over costate): inputs in the order of ``network.inputs``, then outputs.

    Raises
    ------
    ExportError
        In synapse wiring, or for a frequency outside the range.
    """
    graph = with_two_way_lines(graph)
    rest = checked_point(graph, point)
    hertz = np.atleast_1d(np.asarray(frequencies, dtype=np.float64))
    if not ((hertz >= 0) & (hertz <= 0.5 / graph.step * (1 + 1e-9))).all():
        raise ExportError(f"frequencies are {hertz.min():g} to {hertz.max():g}; allowed: 0 to {0.5 / graph.step:g} Hz")
    system = _System(graph, rest)
    inputs = len(system.inputs)
    sign = np.where(np.arange(inputs + len(system.outputs)) < inputs, 1.0, -1.0)[:, None]
    found = []
    for q in np.exp(-2j * np.pi * hertz * graph.step):
        hybrid = system.answer(q)  # (costates in, states out) from (states in, costates out)
        one = np.eye(len(hybrid))
        found.append(sign * np.linalg.solve((one + hybrid).T, (one - hybrid).T).T)
    return np.stack(found)


class _System:
    """Unknowns: x, s, lam and mu of neurons, then at every line current in, current out and voltage at its far end."""

    def __init__(self, graph: ScatteringGraph, rest: OperatingPoint) -> None:
        self.graph, self.law = graph, bilateral_law(graph)
        layout = lay_out(graph)
        self.lines: Lines = layout.lines
        ends, carriage = 2 * self.lines.count, carriage_of(layout)
        alive = np.where(carriage.stuck, 0.0, 1.0)
        #: from what comes to the ends of lines to what is taken in, and from what they make to what is on its way to each
        self.mix = carriage.mix[:ends, :ends]
        self.sent = sparse.csr_array(sparse.diags_array(alive).tocsr()[carriage.partner[:ends], :ends])
        self.pole = low_pass(graph)
        self.inputs = np.concatenate([graph.layer_neurons(name) for name in graph.network.inputs])
        self.outputs = graph.layer_neurons(graph.network.output)
        count, lines = graph.neurons, self.lines.count
        self.size = 4 * count + 3 * lines
        self.x, self.s, self.lam, self.mu = (np.arange(count) + k * count for k in range(4))
        self.into, self.out, self.far = (np.arange(lines) + 4 * count + k * lines for k in range(3))
        self._entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        near = sparse.lil_array((lines, self.size))  # the voltage at the near end of every line
        self._neurons(rest, near)
        self._crossbars(near)
        self.near = sparse.csr_array(near)
        row, column, value = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        self.fixed = sparse.csr_array((value, (row, column)), shape=(self.size, self.size))

    def _neurons(self, rest: OperatingPoint, near: sparse.lil_array) -> None:
        """Inputs in series and outputs in parallel, the activation between them; the load beside the outputs."""
        slope, bend = slopes(self.graph, rest.s)
        inner = np.flatnonzero(~np.isin(np.arange(len(slope)), self.inputs))  # the state of a source is driven
        for unknown in (self.x, self.s, self.lam, self.mu):
            self._put(unknown, unknown, 1.0)
        self._put(self.x[inner], self.s[inner], -slope[inner])
        self._put(self.mu[inner], self.lam[inner], -slope[inner])
        self._put(self.mu[inner], self.s[inner], -(bend * rest.lam)[inner])
        out = self.outputs
        stiff = np.eye(len(out)) * self.law.kappa
        if self.graph.loss == "softmax_cross_entropy":
            share = softmax(rest.x[out])
            stiff = np.diag(share) - np.outer(share, share)
        self._put(np.repeat(self.lam[out], len(out)), np.tile(self.x[out], len(out)), -stiff.ravel())
        tails, heads = np.flatnonzero(self.lines.tail >= 0), np.flatnonzero(self.lines.head >= 0)
        near[tails, self.x[self.lines.tail[tails]]] = 1.0
        self._put(self.lam[self.lines.tail[tails]], self.into[tails], -1.0)
        self._put(self.s[self.lines.head[heads]], self.far[heads], -1.0)
        self._put(self.out[heads], self.out[heads], 1.0)
        self._put(self.out[heads], self.mu[self.lines.head[heads]], -1.0)

    def _crossbars(self, near: sparse.lil_array) -> None:
        """Voltages of columns from those of rows, currents out of rows from those into columns."""
        for number, coupling in enumerate(c for c in self.graph.couplings if c.layer is not None):
            weight = np.asarray(crossbar(self.graph, coupling))
            rows = np.flatnonzero((self.lines.crossbar == number) & (self.lines.head < 0))
            columns = np.flatnonzero((self.lines.crossbar == number) & (self.lines.tail < 0))
            near[np.ix_(columns, self.far[rows])] = weight
            self._put(self.out[rows], self.out[rows], 1.0)
            at = np.repeat(self.out[rows], len(columns))
            self._put(at, np.tile(self.into[columns], len(rows)), -weight.T.ravel())

    def _put(self, row: np.ndarray, column: np.ndarray, value: float | np.ndarray) -> None:
        self._entries.append((row, column, np.broadcast_to(value, row.shape)))

    def answer(self, q: complex) -> Complex:
        """Costates of the inputs and states of the outputs, for unit states of inputs and unit currents into outputs."""
        lines, size = self.lines, self.size
        z, count = lines.impedance, lines.count
        series, shunt = self._terminations(q)
        row, scale = np.arange(count), sparse.diags_array
        far = sparse.csr_array((np.ones(count), (row, self.far)), shape=(count, size))
        into = sparse.csr_array((np.ones(count), (row, self.into)), shape=(count, size))
        out = sparse.csr_array((np.ones(count), (row, self.out)), shape=(count, size))
        # twice the waves at the near ends, then at the far ones: what arrives, and what leaves
        leaving = sparse.vstack([self.near + scale(z - series) @ into, scale(1 - z * shunt) @ far - scale(z) @ out])
        arriving = sparse.vstack([self.near - scale(z + series) @ into, scale(1 + z * shunt) @ far + scale(z) @ out])
        low_pass = self.pole / (1 - (1 - self.pole) * q)
        carried = self.mix @ scale(q ** np.concatenate([lines.backward, lines.forward])) @ self.sent
        equations = sparse.csr_array(arriving - low_pass * carried @ leaving)
        matrix = self.fixed.astype(np.complex128)
        matrix = matrix + self._rows(self.far, equations[:count]) + self._rows(self.into, equations[count:])
        right = np.zeros((size, len(self.inputs) + len(self.outputs)), dtype=np.complex128)
        right[self.x[self.inputs], np.arange(len(self.inputs))] = 1.0
        right[self.lam[self.outputs], len(self.inputs) + np.arange(len(self.outputs))] = -1.0
        solved = splu(sparse.csc_array(matrix)).solve(right)
        found: Complex = solved[np.concatenate([self.lam[self.inputs], self.x[self.outputs]])]
        return found

    def _rows(self, at: np.ndarray, block: sparse.csr_array) -> sparse.csr_array:
        """A block of equations in the rows `at`."""
        place = sparse.csr_array((np.ones(len(at)), (at, np.arange(len(at)))), shape=(self.size, len(at)))
        return place @ block

    def _terminations(self, q: complex) -> tuple[Complex, Complex]:
        """Impedance in series with the near ends and admittance at the far ends of all lines."""
        z, transit, law = self.lines.impedance, self.graph.transit, self.law
        series = shunt = np.zeros(len(z), dtype=np.complex128)
        if law.far_end is not None:
            stub = z / (2 * law.far_end.capacitance * transit)
            shunt = (1 - q) / (law.far_end.resistance * z * (1 - q) + stub * (1 + q))
        if law.source_end is not None:
            resistance, stub = law.source_end.resistance * z, 2 * law.source_end.inductance * transit * z
            series = resistance * stub * (1 - q) / (stub * (1 - q) + resistance * (1 + q))
        return series, shunt


def band(graph: ScatteringGraph, points: int) -> Sequence[float]:
    """Frequencies from 0 to half of one over the mean line delay, in hertz."""
    found: list[float] = np.linspace(0.0, 0.5 / graph.transit_seconds, points).tolist()
    return found
