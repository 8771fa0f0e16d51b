"""Two-way lines near a rest: every junction linearised, the swap of line ends, and the whole step with delays.

Small deviations of the waves at a step are answered by ``du = M da``; each line carries them to its other end and
low-passes them there, ``a <- (1 - c) a + c u``. With `P` the swap of the two ends of every line and ``mu = eig(P M)``,
lines of one step without terminations settle (locally) with some coefficient iff ``max Re mu < 1``, and with `c` iff
``c < min 2 (1 - Re mu)/|1 - mu|^2``. Delays and terminations need the whole step, `BilateralStep`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from emulator.errors import EngineError
from emulator.families.bilateral.bending import Bent
from emulator.families.bilateral.carriage import carriage_of
from emulator.families.bilateral.effects import lost_share
from emulator.families.bilateral.layout import BilateralLayout
from emulator.families.bilateral.matrices import Crossed, entries
from emulator.families.bilateral.near_rest import Junctions
from emulator.families.bilateral.rest import OwnRest
from emulator.graph import ScatteringGraph
from emulator.measure.linear_step import LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, first_slopes
from emulator.measure.synapses import Floats

#: ports up to which the swap spectrum is computed
_MOST_PORTS = 3000
#: numbers of scattering matrices up to which they are made
_MOST_ENTRIES = 1 << 20


class BilateralStep(LinearStep):
    """The linearised engine step of a substrate of two-way lines, with delays, low-passes and terminations.

    It acts on vectors of the waves held at the P taps, followed by those on their way, tap by tap, newest first.

    Attributes
    ----------
    junctions : Junctions
    """

    lead = 0

    def __init__(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> None:
        self._point = point = checked_point(graph, point)
        self.junctions = Junctions(graph, point)
        layout = self.junctions.layout
        carriage = carriage_of(layout)
        alive = sparse.diags_array(np.where(carriage.stuck, 0.0, 1.0))
        neurons = self.junctions.neurons
        self._crossed = Crossed(graph, layout) if entries(layout) > _MOST_ENTRIES else None
        self._sent = sparse.csr_array(
            (alive @ (self.junctions.scatter if self._crossed is None else neurons))[layout.partner]
        )
        self._arrives = sparse.csr_array(alive.tocsr()[layout.partner])
        self._mix = None if carriage.ideal else carriage.mix
        self._pole = layout.pole * (1 - lost_share(graph, layout))
        ports, waiting = layout.ports, layout.tap_delay.astype(np.int64) - 1
        size = ports + int(waiting.sum())
        super().__init__(dtype=np.dtype(float), shape=(size, size))
        self._first = ports + np.concatenate([[0], np.cumsum(waiting)])[:-1]
        self._waits = np.flatnonzero(waiting)
        self._last = self._first[self._waits] + waiting[self._waits] - 1
        newest = np.zeros(size, bool)
        newest[:ports] = True
        newest[self._first[self._waits]] = True
        self._older = np.flatnonzero(~newest)
        leaving, arriving = rest_waves(graph, layout, point)
        self.rest = np.concatenate([arriving, np.repeat(leaving[layout.partner], waiting)])
        self.resting = point.x, point.lam

    def newest(self, vector: Floats) -> tuple[Floats, Floats]:
        """Deviation of state and costate (N,) in a vector (M,)."""
        held = vector[: self.junctions.layout.ports]
        return self.junctions.state @ held, self.junctions.costate @ held

    def swept(self, deviation: Floats) -> Iterator[tuple[Floats, tuple[Floats, Floats]]]:
        """For as long as waves take to the output and back, through junctions that bend."""
        bent, ports = Bent(self.junctions, self._point), self.junctions.layout.ports
        answer = bent.answer(deviation[:ports])
        for _ in range(self.junctions.graph.longest_round_trip if bent.bends else 0):
            deviation = self.carried(deviation, self._arrives @ answer.more)
            answer = bent.answer(deviation[:ports])
            yield deviation, (answer.x, answer.lam)

    def carried(self, vectors: Floats, more: Floats | None = None) -> Floats:
        """The vectors, the columns of (M, ...), after a step; `more` comes to taps besides."""
        layout = self.junctions.layout
        held = vectors[: layout.ports]
        sent = self._sent @ held
        if more is not None:
            sent += more
        if self._crossed is not None:
            sent += self._arrives @ (self._crossed @ held)
        came = sent.copy()
        came[self._waits] = vectors[self._last]
        came = came if self._mix is None else self._mix @ came
        after = np.empty_like(vectors)
        after[self._older] = vectors[self._older - 1]
        after[self._first[self._waits]] = sent[self._waits]
        after[: layout.ports] = held + (self._pole * (came - held).T).T
        return after

    def _matvec(self, vector: Floats) -> Floats:
        return self.carried(vector.ravel())


def rest_waves(graph: ScatteringGraph, layout: BilateralLayout, point: OperatingPoint) -> tuple[Floats, Floats]:
    """Waves that leave and arrive at every port at rest, (P,) each; of a point without waves, those of lossless lines."""
    if isinstance(point, OwnRest) and point.leaving is not None and point.arriving is not None:
        return point.leaving, point.arriving
    lines, z = layout.lines, layout.lines.impedance
    x, lam = np.zeros(lines.count), np.zeros(lines.count)
    first = first_slopes(graph, point.s)
    mu, start = first * point.lam, 0
    for coupling in graph.couplings:
        rows = slice(start, start + len(coupling.rows))
        x[rows] = point.x[coupling.rows]
        if coupling.layer is None:
            lam[rows] = mu[coupling.columns]
            start = rows.stop
            continue
        columns = slice(rows.stop, rows.stop + len(coupling.columns))
        weight = graph.network.parameters[coupling.layer].weight
        lam[rows] = weight.T @ mu[coupling.columns]
        x[columns], lam[columns] = weight @ x[rows], mu[coupling.columns]
        start = columns.stop
    leaving, arriving = [(x + z * lam) / 2, (x - z * lam) / 2], [(x - z * lam) / 2, (x + z * lam) / 2]
    if lines.far_impedance is not None:
        leaving.append(x / 2)
        arriving.append(x / 2)
    if lines.source_impedance is not None:
        leaving.append(lines.source_impedance * lam / 2)
        arriving.append(lines.source_impedance * lam / 2)
    return np.concatenate(leaving), np.concatenate(arriving)


@dataclass(frozen=True)
class SwapTest:
    """The spectral test of one-step lines without terminations.

    Parameters
    ----------
    eigenvalues : (P,) complex
        Of the line swap times the linearised scattering.
    """

    eigenvalues: np.ndarray

    @property
    def most(self) -> float:
        """``max Re mu``: some bandwidth settles the substrate iff this is below 1."""
        return float(self.eigenvalues.real.max())

    @property
    def bound(self) -> float:
        """Coefficients below this settle it; 0 if none does."""
        if self.most >= 1:
            return 0.0
        distance = 1 - self.eigenvalues
        return float((2 * distance.real / np.abs(distance) ** 2).min())


def swap_test(graph: ScatteringGraph, point: Reference | OperatingPoint) -> SwapTest:
    """Eigenvalues that decide which bandwidths settle one-step lines.

    Raises
    ------
    EngineError
        If the lines are terminated or longer than a step, or too many.
    """
    junctions = Junctions(graph, point)
    layout = junctions.layout
    if layout.ports != 2 * layout.lines.count or layout.tap_delay.max() > 1:
        raise EngineError(
            f"swap test: lines of up to {layout.tap_delay.max()} steps, {layout.ports - 2 * layout.lines.count} "
            "terminations; allowed: lines of one step without terminations (others: spectral_radius)"
        )
    if layout.ports > _MOST_PORTS:
        raise EngineError(f"swap test: {layout.ports} ports; allowed: at most {_MOST_PORTS}")
    return SwapTest(linalg.eigvals((carriage_of(layout).through @ junctions.scatter).toarray()))
