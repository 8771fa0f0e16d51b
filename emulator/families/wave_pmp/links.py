"""What Wave-PMP does between rows of neurons, as sparse maps of N neurons: crossbars, transports, metrics.

In units of the state, with ``a = Theta^-1 w+/sqrt 2`` and ``c = Theta^-1 w-/sqrt 2``, the algorithm needs ``Z`` and
``M = Z^-1`` of every row alone, and where the identity transports the change of units ``Theta_j^-1 Theta_i``:

    A  a_j <- (1-nu) a_j + nu J a_i          c_i <- (1-nu) c_i + nu Z_i J^T M_j c_j
    B  x = a + c                             lam = M (a - c)
    C  a <- a - alpha (r_x + Z r_lam)/2      c <- c - alpha (r_x - Z r_lam)/2
    E  a_0 <- x_in - c_0                     c_N <- a_N - Z grad l(x_N)

What a line delivers is what was sent, times its gain, with its offset and its neighbours' leaks (`emulator.measure.passage`);
weights are those that were programmed, and the spread of impedances is one of metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from emulator.engine.effects import Effects, effects_of
from emulator.engine.layout import Block, Ints, Layout, flatten
from emulator.engine.places import per_node
from emulator.engine.programming import programmed
from emulator.errors import EngineError
from emulator.families.wave_pmp.metric import Metric, metric_of, spread
from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.graph.penalties import state_penalties
from emulator.laws.wave_pmp import WavePMP
from emulator.measure.passage import Heard, heard_at

Floats = NDArray[np.float64]
#: maps from taps to neurons: states forward, costates back; waves where the Jacobian transports; where the identity does
FORWARD, BACKWARD = ("up", "moved_up", "passed_up"), ("down", "moved_down", "passed_down")
MAPS = FORWARD + BACKWARD


@dataclass(frozen=True)
class Passing:
    """Waves that the identity transports: P numbers from taps to neurons, in units of the state.

    Parameters
    ----------
    tap, neuron : (P,) int32
    up, down : (P,)
        What a neuron gets of the tap's wave, from below and from above; one of them is 0.
    taps : (C,) bool
        Taps of links that the identity transports.
    """

    tap: Ints
    neuron: Ints
    up: Floats
    down: Floats
    taps: NDArray[np.bool_]


@dataclass(frozen=True)
class Links:
    """The links of a graph under Wave-PMP.

    Parameters
    ----------
    layout : Layout
    metric : Metric
    passing : Passing
    heard : Heard
        What each of C taps has of what ports send.
    at : dict of sparse (N, C)
        What neurons get of what taps hold, by the names in `MAPS`.
    impedance, mass : sparse (N, N)
        ``Z`` and ``M``.
    source, output : (N,) bool
    shunt : (N,)
        Penalties of states.
    """

    layout: Layout
    metric: Metric
    passing: Passing
    heard: Heard
    at: dict[str, sparse.csr_array]
    impedance: sparse.csr_array
    mass: sparse.csr_array
    source: NDArray[np.bool_]
    output: NDArray[np.bool_]
    shunt: Floats

    @property
    def count(self) -> int:
        """Number N of neurons."""
        return self.layout.neurons

    @cached_property
    def depth(self) -> int:
        """The longest delay, in steps."""
        return self.layout.ring_depth

    @cached_property
    def maps(self) -> dict[str, sparse.csr_array]:
        """What neurons get of what neurons send, (N, N), whatever the delays."""
        return {name: sparse.csr_array(at @ self.sent(name, 1)) for name, at in self.at.items()}

    @cached_property
    def offsets(self) -> dict[str, Floats]:
        """What they get when nothing is sent, (N,)."""
        return {name: at @ self.heard.offset for name, at in self.at.items()}

    def sent(self, name: str, depth: int) -> sparse.csr_array:
        """What taps have of the numbers that neurons sent in the last `depth` steps, newest first, (C, N depth)."""
        heard, count = self.heard, self.count
        mine = (heard.port < count) == (name in FORWARD)
        when = (self.layout.tap_delay[heard.of][mine] - 1) * count if depth > 1 else 0
        place = heard.tap[mine], heard.port[mine] % count + when
        return sparse.csr_array((heard.gain[mine], place), shape=(len(heard.offset), count * depth))


def exact_maps(links: Links) -> dict[str, sparse.csr_array]:
    """The maps (N, N) of the same weights between lines that hand on what they are given."""
    layout = links.layout
    taps = np.arange(len(layout.tap_port))
    plain = sparse.csr_array(
        (np.ones(len(taps)), (taps, layout.tap_port % layout.neurons)), shape=(len(taps), layout.neurons)
    )
    return {name: sparse.csr_array(at @ plain) for name, at in links.at.items()}


def passes(coupling: Coupling, law: WavePMP) -> bool:
    """Whether the identity transports the waves of a link."""
    return law.transport == "identity" and len(coupling.rows) == len(coupling.columns)


def links_of(
    graph: ScatteringGraph,
    law: WavePMP,
    layout: Layout | None = None,
    effects: Effects | None = None,
    weight: Floats | None = None,
) -> Links:
    """Tabulate a graph; by default with the effects and the weights of its chip when it was just programmed.

    Raises
    ------
    EngineError
        If the identity is to transport a wave along a line that is not there.
    """
    layout = flatten(graph) if layout is None else layout
    effects = effects_of(graph, layout, 0) if effects is None else effects
    weight = programmed(graph, layout).weight if weight is None else weight
    metric, count, taps = spread(graph, metric_of(graph, law), per_node(graph)), graph.neurons, len(layout.tap_port)
    passing = _passing(graph, law, layout, metric)
    forward = layout.to_state - count, layout.row
    backward = layout.to_costate, layout.column
    at = {}
    for name, (to, of), moved in (
        ("up", forward, False), ("down", backward, False), ("moved_up", forward, True), ("moved_down", backward, True),
    ):  # fmt: skip
        value = np.where(passing.taps[of], 0.0, weight) if moved else weight
        at[name] = sparse.csr_array((value, (to, of)), shape=(count, taps))
        at[name].eliminate_zeros()
    for name, value in (("passed_up", passing.up), ("passed_down", passing.down)):
        at[name] = sparse.csr_array((value, (passing.neuron, passing.tap)), shape=(count, taps))
        at[name].eliminate_zeros()
    source, output = np.zeros(count, bool), np.zeros(count, bool)
    for site in graph.sites:
        source[site.start : site.stop] = site.role == "source"
    output[graph.layer_neurons(graph.network.output)] = True
    rows = range(len(graph.sites))
    impedance, mass = (of_rows([part(k) for k in rows]) for part in (metric.impedance, metric.mass))
    return Links(
        layout, metric, passing, heard_at(layout, effects), at, impedance=impedance, mass=mass, source=source,
        output=output, shunt=state_penalties(graph),
    )  # fmt: skip


def _passing(graph: ScatteringGraph, law: WavePMP, layout: Layout, metric: Metric) -> Passing:
    """Which taps hand waves on as they are, to which neurons, in units of the state."""
    theta, inverse = (
        of_rows([t**power if t.ndim == 1 else np.linalg.matrix_power(t, power) for t in metric.theta])
        for power in (1, -1)
    )
    taps, rows = np.zeros(len(layout.tap_port), bool), [np.zeros((4, 0))]
    for link, block in zip(graph.couplings, layout.blocks, strict=True):
        if not passes(link, law):
            continue
        for to, of, at, way in (
            (link.columns, link.rows, block.row_taps, 2),
            (link.rows, link.columns, block.column_taps, 3),
        ):
            taps[at] = True
            change = sparse.coo_array(inverse[to][:, to] @ theta[of][:, of])
            place, since = change.coords
            found = np.zeros((4, len(place)))
            found[0] = _line(graph, link, block, place, since, way == 2)
            found[1], found[way] = to[place], change.data
            rows.append(found)
    found = np.concatenate(rows, axis=1)
    return Passing(found[0].astype(np.int32), found[1].astype(np.int32), found[2], found[3], taps)


def _line(
    graph: ScatteringGraph, link: Coupling, block: Block, to: NDArray[np.int64], of: NDArray[np.int64], ahead: bool
) -> Ints:
    """The tap at which a neuron of a link hears another: the line of that neuron, or of the synapse between the two."""
    taps = block.row_taps if ahead else block.column_taps
    if not link.per_synapse:
        return taps[of]
    row, column = link.pairs()
    number = np.full((len(link.columns), len(link.rows)), -1)
    number[column, row] = np.arange(len(row))
    found = number[to, of] if ahead else number[of, to]
    if (found < 0).any():
        raise EngineError(
            f"law wave-pmp: wiring is {graph.wiring!r}, and {link.name!r} lacks devices on whose lines the identity could "
            "transport its waves; allowed: wiring tile, or transport jacobian"
        )
    return taps[found]


def of_rows(parts: list[Floats]) -> sparse.csr_array:
    """A map of each row, side by side; (n,) is a diagonal. Off the diagonal only what is not 0 counts."""
    blocks = [sparse.diags_array(part) if part.ndim == 1 else sparse.csr_array(part) for part in parts]
    return sparse.csr_array(sparse.block_diag(blocks))
