"""The upwind law near a rest: waves that step from station to station, and cells evaluated in between.

With deviations written ``d``, a cell from station k to k + 1 of ``F = f(x_k)`` and ``B = J^T lam_(k+1)`` (a wire and a shunt
included), evaluated level by level, has

    ds = W dx, dx = phi' ds                       dmu = phi' dlam + phi'' lam ds, dlam = W^T dmu
    da_(k+1) <- (1-nu) da_(k+1) + nu [dF + Z dlam_(k+1) + Z T (dlam_k - dB)]/2          T = 1 on a wire, else 0
    db_k     <- (1-nu) db_k     + nu [dx_k - Z dB + T (dx_(k+1) - dF)]/2

and then ``da = -db`` at the inputs, ``dx + Z H dx = 2 da`` at the load, whose second derivative is `H`. Since every cell is a map
of its own stations, all of it is one sparse matrix.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from emulator.engine import Layout, weights
from emulator.families.upwind.stack import impedances, law_of, lay_out_stack
from emulator.graph import ScatteringGraph
from emulator.graph.penalties import state_penalties
from emulator.laws import Upwind
from emulator.measure.linear_step import Floats, LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, load_conductance, slopes
from emulator.network import softmax


class UpwindStep(LinearStep):
    """The linearised step of a network of N neurons; it acts on their states, then their costates (2N).

    Parameters
    ----------
    graph : ScatteringGraph
        Compiled with the upwind law.
    point : Reference or OperatingPoint
        The rest: of a reference, the first sample.

    Attributes
    ----------
    matrix : sparse (2N, 2N)

    Raises
    ------
    EngineError
        If the point does not suit the graph, or its hardware is not ideal with lines of one step.
    """

    def __init__(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> None:
        law, point, count = law_of(graph), checked_point(graph, point), graph.neurons
        super().__init__(dtype=np.dtype(float), shape=(2 * count, 2 * count))
        self.matrix = _step(graph, law, point)
        self.rest = np.concatenate([point.x, point.lam])
        self.resting = point.x, point.lam

    def newest(self, vector: Floats) -> tuple[Floats, Floats]:
        """State and costate (N,) in a vector (2N,)."""
        return vector[: len(vector) // 2], vector[len(vector) // 2 :]

    def _matvec(self, vector: Floats) -> Floats:
        return np.asarray(self.matrix @ vector.ravel())


def _step(graph: ScatteringGraph, law: Upwind, point: OperatingPoint) -> sparse.csr_array:
    layout, stack = lay_out_stack(graph)
    count, own = graph.neurons, np.arange(graph.neurons)
    weight, none = weights(graph, layout), sparse.csr_array((count, count))
    source, station = stack.rank == 0, stack.level == 0
    output = np.zeros(count, bool)
    output[layout.outputs] = True
    shunt = state_penalties(graph) if point.loaded else np.zeros(count)
    z = diagonal(impedances(law, stack))

    def chosen(at: np.ndarray) -> sparse.csr_array:
        return diagonal(at.astype(float))

    def moved(partner: np.ndarray) -> sparse.csr_array:
        """What is at the other end of every neuron's wire; nothing where it has none."""
        at = partner != own
        return sparse.csr_array((np.ones(at.sum()), (own[at], partner[at])), shape=(count, count))

    slope, bend = (diagonal(part) for part in slopes(graph, point.s))
    bend = bend @ diagonal(point.lam)
    # all as maps of (x, lam) of the stations, (N, 2N) each
    x = sparse.hstack([chosen(station), none], format="csr")
    lam = sparse.hstack([none, chosen(station)], format="csr")
    s, brought, back, crossings = 0 * x, 0 * x, 0 * x, []
    for rank, part in enumerate(stack.synapses, 1):
        where = layout.to_state[part] - count, layout.to_costate[part]
        crossings.append(sparse.csr_array((weight[part], where), shape=(count, count)))
        fresh = crossings[-1] @ x
        s, brought = s + fresh, brought + slope @ fresh
        x = x + chosen((stack.rank == rank) & ~station) @ brought
    for rank in range(len(stack.synapses), 0, -1):
        inner = chosen((stack.rank == rank) & ~station)
        lam = lam + inner @ (back + diagonal(shunt) @ x)
        back = back + crossings[rank - 1].T @ chosen(stack.rank == rank) @ (slope @ lam + bend @ s)
    back = back + diagonal(shunt) @ x
    up, down = (x + z @ lam) / 2, (x - z @ lam) / 2
    below, above = moved(stack.before), moved(stack.after)
    wired, wire = chosen(stack.before != own), chosen(stack.after != own)
    plain = sparse.eye_array(count) - wired, sparse.eye_array(count) - wire
    rise = diagonal((z @ wired).diagonal() - below @ z.diagonal())
    kept = wire - diagonal(above @ (1 / z.diagonal())) @ z
    risen = below @ (up - z @ back / 2) + (wired @ brought + rise @ lam) / 2 + plain[0] @ (brought + z @ lam) / 2
    fallen = (
        (wire - kept) @ above @ (down - brought / 2) + (kept @ x - wire @ z @ back) / 2 + plain[1] @ (x - z @ back) / 2
    )
    a = chosen(station & ~source) @ ((1 - law.nu) * up + law.nu * risen)
    b = chosen(station & ~output) @ ((1 - law.nu) * down + law.nu * fallen)
    a = a - chosen(source) @ b
    held = 2 * _ended(graph, layout, z, shunt, point) @ a
    b = b + chosen(output) @ (held - a)
    inverse = diagonal(1 / z.diagonal())
    branch = chosen(~station)
    return sparse.csr_array(sparse.vstack([a + b + branch @ x, inverse @ (a - b) + branch @ lam]))


def diagonal(values: Floats) -> sparse.csr_array:
    """A diagonal matrix."""
    return sparse.csr_array(sparse.diags_array(values, format="csr"))


def _ended(
    graph: ScatteringGraph, layout: Layout, z: sparse.csr_array, shunt: Floats, point: OperatingPoint
) -> sparse.csr_array:
    """``(1 + Z H)^-1`` at the outputs, with the second derivative `H` of the load and of the outputs' shunts."""
    out, stiff = layout.outputs, np.diag(shunt[layout.outputs])
    if point.loaded and graph.loss == "mse":
        stiff = stiff + load_conductance(graph) * np.eye(len(out))
    elif point.loaded:
        p = softmax(point.x[out])
        stiff = stiff + np.diag(p) - np.outer(p, p)
    inner = np.linalg.inv(np.eye(len(out)) + z.diagonal()[out][:, None] * stiff)
    where = np.repeat(out, len(out)), np.tile(out, len(out))
    return sparse.csr_array((inner.ravel(), where), shape=z.shape)
