"""What Wave-PMP does between rows of neurons, as sparse maps of N neurons: crossbars, transports, metrics.

In units of the state, with ``a = Theta^-1 w+/sqrt 2`` and ``c = Theta^-1 w-/sqrt 2``, the algorithm needs ``Z`` and
``M = Z^-1`` of every row alone, and where the identity transports the change of units ``Theta_j^-1 Theta_i``:

    A  a_j <- (1-nu) a_j + nu J a_i          c_i <- (1-nu) c_i + nu Z_i J^T M_j c_j
    B  x = a + c                             lam = M (a - c)
    C  a <- a - alpha (r_x + Z r_lam)/2      c <- c - alpha (r_x - Z r_lam)/2
    E  a_0 <- x_in - c_0                     c_N <- a_N - Z grad l(x_N)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from emulator.families.wave_pmp.metric import Metric, metric_of
from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.graph.penalties import state_penalties
from emulator.laws.wave_pmp import WavePMP
from emulator.measure.synapses import crossbar

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """Entries of a map of neurons: what arrives at `to` from `of`, times `value`, `delay` steps later."""

    to: Ints
    of: Ints
    value: Floats
    delay: Ints

    def map(self, count: int) -> sparse.csr_array:
        """The map (N, N), whatever the delays."""
        return sparse.csr_array((self.value, (self.to, self.of)), shape=(count, count))

    def late(self, count: int, depth: int) -> sparse.csr_array:
        """The map (N, N depth) from the numbers of the last `depth` steps, newest first."""
        return sparse.csr_array(
            (self.value, (self.to, self.of + (self.delay - 1) * count)), shape=(count, count * depth)
        )


@dataclass(frozen=True)
class Links:
    """The links of a graph under Wave-PMP.

    Parameters
    ----------
    count : int
        Number N of neurons.
    metric : Metric
    up, down : Entries
        Crossbars and wires: states forward, costates back.
    moved_up, moved_down : Entries
        The same of links that the Jacobian transports.
    passed_up, passed_down : Entries
        Of links that the identity transports, in units of the state.
    impedance, mass : sparse (N, N)
        ``Z`` and ``M``.
    source, output : (N,) bool
    shunt : (N,)
        Penalties of states.
    """

    count: int
    metric: Metric
    up: Entries
    down: Entries
    moved_up: Entries
    moved_down: Entries
    passed_up: Entries
    passed_down: Entries
    impedance: sparse.csr_array
    mass: sparse.csr_array
    source: NDArray[np.bool_]
    output: NDArray[np.bool_]
    shunt: Floats

    @cached_property
    def depth(self) -> int:
        """The longest delay, in steps."""
        return int(
            max((e.delay.max(initial=1) for e in (self.up, self.down, self.passed_up, self.passed_down)), default=1)
        )


def passes(coupling: Coupling, law: WavePMP) -> bool:
    """Whether the identity transports the waves of a link."""
    return law.transport == "identity" and len(coupling.rows) == len(coupling.columns)


def links_of(graph: ScatteringGraph, law: WavePMP) -> Links:
    """Tabulate a graph."""
    metric, count = metric_of(graph, law), graph.neurons
    theta, inverse = _blocks(graph, metric, 1), _blocks(graph, metric, -1)
    found: dict[str, list[tuple[Ints, Ints, Floats, Ints]]] = {name: [] for name in _KINDS}
    for link in graph.couplings:
        row, column = link.pairs()
        weight = crossbar(graph, link)
        value = np.ones(len(row)) if weight is None else weight[column, row]
        ahead, back = link.pair_delays()
        forward = link.columns[column], link.rows[row], value, ahead
        backward = link.rows[row], link.columns[column], value, back
        found["up"].append(forward)
        found["down"].append(backward)
        if not passes(link, law):
            found["moved_up"].append(forward)
            found["moved_down"].append(backward)
            continue
        for kind, to, of, delay in (
            ("passed_up", link.columns, link.rows, link.delay_forward),
            ("passed_down", link.rows, link.columns, link.delay_backward),
        ):
            change = sparse.coo_array(inverse[to][:, to] @ theta[of][:, of])
            at, since = change.coords
            found[kind].append((to[at], of[since], change.data, delay[since]))
    entries = {name: Entries(*_joined(parts)) for name, parts in found.items()}
    source, output = np.zeros(count, bool), np.zeros(count, bool)
    for site in graph.sites:
        source[site.start : site.stop] = site.role == "source"
    output[graph.layer_neurons(graph.network.output)] = True
    impedance, mass = (
        _of_rows(graph, [part(k) for k in range(len(graph.sites))]) for part in (metric.impedance, metric.mass)
    )
    shunt = state_penalties(graph)
    return Links(count, metric, **entries, impedance=impedance, mass=mass, source=source, output=output, shunt=shunt)


_KINDS = ("up", "down", "moved_up", "moved_down", "passed_up", "passed_down")


def _joined(parts: list[tuple[Ints, Ints, Floats, Ints]]) -> tuple[Ints, Ints, Floats, Ints]:
    none = np.zeros(0, np.int64)
    to, of, value, delay = zip((none, none, np.zeros(0), none), *parts, strict=True)
    return np.concatenate(to), np.concatenate(of), np.concatenate(value), np.concatenate(delay)


def _blocks(graph: ScatteringGraph, metric: Metric, power: int) -> sparse.csr_array:
    """``Theta`` or its inverse, (N, N)."""
    return _of_rows(graph, [t**power if t.ndim == 1 else np.linalg.matrix_power(t, power) for t in metric.theta])


def _of_rows(graph: ScatteringGraph, parts: list[Floats]) -> sparse.csr_array:
    """A map of each row, side by side; (n,) is a diagonal. Off the diagonal only what is not 0 counts."""
    blocks = [sparse.diags_array(part) if part.ndim == 1 else sparse.csr_array(part) for part in parts]
    return sparse.csr_array(sparse.block_diag(blocks))
