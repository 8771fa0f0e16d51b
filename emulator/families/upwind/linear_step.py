"""The upwind law near a rest: waves that step from station to station, and branches evaluated in between.

With deviations written ``d`` and a branch of levels 1 to K between the stations k and k + 1, a step does

    ds_1 = W_1 dx_k, ds_l = W_l dx_(l-1)          dx_l = phi' ds_l
    dlam_K = dlam_(k+1), dlam_l = W^T dmu_(l+1)   dmu_l = phi' dlam_l + phi'' lam ds_l
    da_(k+1) <- (1-nu) da_(k+1) + nu [da_k     + (dx_K - Z W_1^T dmu_1)/2]
    db_k     <- (1-nu) db_k     + nu [db_(k+1) - (dx_K + Z W_1^T dmu_1)/2]

and then ``da = -db`` at the source, ``db = (1 - Z kappa)/(1 + Z kappa) da`` at the load. Since every branch is a map of
its own stations, all of it is one sparse matrix.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from emulator.engine import weights
from emulator.families.upwind.stack import law_of, lay_out_stack
from emulator.graph import ScatteringGraph
from emulator.laws import Upwind
from emulator.measure.linear_step import Floats, LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, slopes


class UpwindStep(LinearStep):
    """The linearised step of a residual stack of N neurons; it acts on their states, then their costates (2N).

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
        If the point does not suit the graph, or the graph is no residual stack.
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
    count, z = graph.neurons, law.impedance
    weight, none = weights(graph, layout), sparse.csr_array((count, count))
    station = stack.level == 0
    own = np.arange(count)

    def chosen(at: np.ndarray) -> sparse.csr_array:
        return sparse.diags_array(at.astype(float), format="csr")

    def moved(source: np.ndarray, at: np.ndarray) -> sparse.csr_array:
        """What is at `source` of every neuron where `at` is true."""
        return sparse.csr_array((np.ones(at.sum()), (own[at], source[at])), shape=(count, count))

    slope, bend = (sparse.diags_array(part, format="csr") for part in slopes(graph, point.s))
    bend = bend @ sparse.diags_array(point.lam)
    # all as maps of (x, lam) of the stations, (N, 2N) each
    x = sparse.hstack([chosen(station), none], format="csr")
    lam = sparse.hstack([none, chosen(station)], format="csr")
    s, crossings = sparse.csr_array((count, 2 * count)), []
    for level, part in enumerate(stack.synapses, 1):
        where = layout.to_state[part] - count, layout.to_costate[part]
        crossings.append(sparse.csr_array((weight[part], where), shape=(count, count)))
        fresh = crossings[-1] @ chosen(stack.level == level - 1) @ x
        s, x = s + fresh, x + slope @ fresh
    back = moved(stack.above, stack.above != own) @ lam
    for level in range(len(stack.synapses), 0, -1):
        lam = lam + chosen(stack.level == level) @ back
        mu = chosen(stack.level == level) @ (slope @ lam + bend @ s)
        back = back + crossings[level - 1].T @ mu
    pulled = chosen(station) @ back
    value = moved(stack.tip, stack.tip != own) @ x
    up, down = (x + z * lam) / 2, (x - z * lam) / 2
    inner, outer = chosen(station & (stack.before != own)), chosen(station & (stack.after != own))
    risen = moved(stack.before, stack.before != own) @ (up + (value - z * pulled) / 2)
    fallen = moved(stack.after, stack.after != own) @ down - (value + z * pulled) / 2
    a = inner @ ((1 - law.nu) * up + law.nu * risen)
    b = outer @ ((1 - law.nu) * down + law.nu * fallen)
    reflected = (1 - z * law.kappa) / (1 + z * law.kappa) if point.loaded else 1.0
    a = a - chosen(station & (stack.before == own)) @ b
    b = b + reflected * (chosen(station & (stack.after == own)) @ a)
    branch = chosen(~station)
    return sparse.csr_array(sparse.vstack([a + b + branch @ x, (a - b) / z + branch @ lam]))
