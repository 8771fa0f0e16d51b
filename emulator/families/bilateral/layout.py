"""A graph of two-way lines as flat arrays: ports, junctions and what each does to the waves that reach it.

Ports: the tail end of every line, then the head ends, then the terminations at far ends, then those at source ends. The
wave that leaves port `p` arrives at port ``partner[p]``; tap `p` is where port `p` receives. A neuron's port answers

    u = drive (x or mu) + own a + mate a_mate        a: wave held at its tap, mate: the other port of the same line end

and sums over taps make up `A` and `J` of the neuron (see `emulator.laws.bilateral`); a crossbar's ports answer ``S a``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emulator.engine.layout import Block, Floats, Ints, Layout, block_of, spread
from emulator.errors import EngineError
from emulator.families.bilateral.lines import Lines, law_of, lines_of
from emulator.families.bilateral.plastic_layout import Tiles, lay_out_tiles
from emulator.graph import ScatteringGraph
from emulator.graph.penalties import state_penalties, weight_penalties
from emulator.network.functions import FUNCTIONS


@dataclass(frozen=True)
class BilateralLayout(Layout):
    """Flat arrays of one graph of two-way lines; P ports, one tap each.

    `row` and `to_state` are the tap and the port of every entry of the crossbars' scattering matrices.

    Parameters
    ----------
    lines : Lines
    impedance, pole : (P,)
        Impedance of every port, and coefficient of the low-pass at its tap.
    node : (P,) int32
        Neuron of every port, 0 for those of crossbars.
    at_neuron : (P,) bool
    out : (P,) bool
        Whether the port is at the output of its neuron (the tail end of a line).
    mate : (P,) int32
        The other port of the same line end, the port itself where there is none.
    on_x, on_mu, own, other : (P,)
        Coefficients of the answer of neurons' ports, 0 at crossbars.
    to_in, to_out : (P,)
        What a wave at the tap adds to the sums of its neuron.
    series, conductance : (N,)
        `Zs` and `G` of every neuron.
    scattering : (S,)
        Entries of the crossbars' scattering matrices.
    tiles : Tiles or None
        Crossbars whose weights move. Then `row`, `column`, `to_state`, `to_costate` and `blocks` are those of the
        weights, and there is no scattering matrix.
    """

    lines: Lines
    impedance: Floats
    pole: Floats
    node: Ints
    at_neuron: np.ndarray
    out: np.ndarray
    mate: Ints
    on_x: Floats
    on_mu: Floats
    own: Floats
    other: Floats
    to_in: Floats
    to_out: Floats
    series: Floats
    conductance: Floats
    scattering: Floats
    tiles: Tiles | None = None

    @property
    def ports(self) -> int:
        """Number P of ports."""
        return len(self.tap_port)

    @property
    def partner(self) -> Ints:
        """The port at the other end of each port's line; itself for a termination."""
        return self.tap_port


def lay_out(graph: ScatteringGraph, learns: bool = False) -> BilateralLayout:
    """Flatten a graph of two-way lines; if it `learns`, with the weights in the place of the scattering matrices."""
    law = law_of(graph)
    _check_activations(graph)
    lines = lines_of(graph)
    number, neurons = np.arange(lines.count), graph.neurons
    narrow = min(law.bandwidth, graph.hardware.lines.filter_coefficient(graph.step))
    tails, heads, fars, sources = number, number + lines.count, number[:0], number[:0]
    z, pole, nodes, partner = [lines.impedance] * 2, [np.full(lines.count, narrow)] * 2, [lines.tail], [heads]
    nodes.append(lines.head)
    partner.append(tails)
    delay = [lines.backward, lines.forward]
    total = 2 * lines.count
    if lines.far_impedance is not None and lines.far_pole is not None:
        fars = number + total
        total += lines.count
        z, pole, nodes = [*z, lines.far_impedance], [*pole, lines.far_pole], [*nodes, lines.head]
    if lines.source_impedance is not None and lines.source_pole is not None:
        sources = number + total
        z, pole, nodes = [*z, lines.source_impedance], [*pole, lines.source_pole], [*nodes, lines.tail]
    stubs = np.concatenate([fars, sources])
    node, impedance = np.concatenate(nodes), np.concatenate(z)
    ports = len(node)
    mate = np.arange(ports)
    for ends, stub in ((heads, fars), (tails, sources)):
        if len(stub):
            mate[ends], mate[stub] = stub, ends
    sign = np.ones(ports)
    sign[sources] = -1.0
    share, total_z = _ends(lines)
    on_x, on_mu, own, other, to_in, to_out = (np.zeros(ports) for _ in range(6))
    series, conductance = np.zeros(neurons), np.zeros(neurons)

    at = lines.head >= 0  # inputs of neurons: line and far end in parallel, all inputs in series
    np.add.at(series, lines.head[at], total_z[0][at])
    for p, weight in ((heads, share), (fars, 1 - share)):
        if len(p):
            on_mu[p[at]], to_in[p[at]] = -total_z[0][at], 2 * weight[at]
            own[p[at]], other[p[at]] = 2 * weight[at] - 1, 2 * (1 - weight[at])
    at = lines.tail >= 0  # outputs of neurons: line and source end in series, all outputs in parallel
    np.add.at(conductance, lines.tail[at], 1 / total_z[1][at])
    for p in (tails, sources):
        if len(p):
            part = impedance[p[at]] / total_z[1][at]
            on_x[p[at]], to_out[p[at]] = part, 2 * sign[p[at]] / total_z[1][at]
            own[p[at]] = sign[p[at]] - 2 * part * sign[p[at]]
            other[p[at]] = -2 * part * sign[mate[p[at]]] * (mate[p[at]] != p[at])
    tiles, column, to_costate = None, np.zeros(0, np.int32), np.zeros(0, np.int32)
    if learns:
        tiles = lay_out_tiles(graph, lines, share, total_z, impedance, fars, sources)
        to_port, from_tap, entries, blocks = tiles.target + neurons, tiles.row, np.zeros(0), tiles.blocks
        column, to_costate = tiles.column, tiles.source
    else:
        to_port, from_tap, entries, blocks = _crossbars(graph, lines, share, total_z, impedance, sign, fars, sources)
    longest = int(max(lines.forward.max(), lines.backward.max()))
    made = BilateralLayout(
        neurons=neurons,
        function=tuple(
            name for site in graph.sites for name in ["source" if site.role == "source" else site.function] * site.size
        ),
        slope=np.concatenate([np.full(site.size, site.slope) for site in graph.sites]),
        inputs=np.concatenate([graph.layer_neurons(name) for name in graph.network.inputs]).astype(np.int32),
        outputs=graph.layer_neurons(graph.network.output).astype(np.int32),
        tile=True,
        tap_port=np.concatenate([*partner, stubs]).astype(np.int32),
        tap_delay=np.concatenate([*delay, np.ones(len(stubs))]).astype(np.int32),
        row=from_tap,
        column=column,
        to_state=to_port.astype(np.int32),
        to_costate=to_costate,
        blocks=blocks,
        lines_of_port=(np.arange(ports) < 2 * lines.count).astype(np.int32),
        longest=np.full(2 * neurons, longest, np.int32),
        shunt=state_penalties(graph),
        decay=np.zeros(len(to_port)),
        lines=lines,
        impedance=impedance,
        pole=np.concatenate(pole),
        node=np.maximum(node, 0).astype(np.int32),
        at_neuron=node >= 0,
        out=np.isin(np.arange(ports), np.concatenate([tails, sources])),
        mate=mate.astype(np.int32),
        on_x=on_x,
        on_mu=on_mu,
        own=own,
        other=other,
        to_in=to_in,
        to_out=to_out,
        series=series,
        conductance=conductance,
        scattering=entries,
        tiles=tiles,
    )
    return replace(made, decay=spread(made, weight_penalties(graph), 0.0)) if learns else made


def _ends(lines: Lines) -> tuple[Floats, tuple[Floats, Floats]]:
    """Share of the line's own wave at its far end, and impedance of both its ends with their terminations."""
    z = lines.impedance
    far: Floats = z if lines.far_impedance is None else 1 / (1 / z + 1 / lines.far_impedance)
    source: Floats = z if lines.source_impedance is None else z + lines.source_impedance
    return np.asarray(far / z, dtype=np.float64), (far, source)


def scattering_matrix(weight: Floats, left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """What the waves at a crossbar's sides make of its states and of the costates of its columns.

    Parameters
    ----------
    weight : (C, R)
    left, right : (R,), (C,)
        Impedances of both sides.

    Returns
    -------
    state, costate : (R, R + C), (C, R + C)
        ``x`` and ``lam_right = (W x - 2 i_right)/Z2`` as linear maps of ``(i_left, i_right)``.
    """
    rows, columns = len(left), len(right)
    inner = np.diag(1 / left) + weight.T @ (weight / right[:, None])
    given = np.hstack([np.diag(1 / left), (weight / right[:, None]).T])
    state = np.asarray(np.linalg.solve(inner, 2 * given), dtype=np.float64)
    costate = (weight @ state - 2 * np.hstack([np.zeros((columns, rows)), np.eye(columns)])) / right[:, None]
    return state, costate


def _crossbars(
    graph: ScatteringGraph,
    lines: Lines,
    share: Floats,
    total_z: tuple[Floats, Floats],
    impedance: Floats,
    sign: Floats,
    fars: np.ndarray,
    sources: np.ndarray,
) -> tuple[Ints, Ints, Floats, tuple[Block, ...]]:
    """Every crossbar's scattering matrix, entry by entry: port, tap, value; and its lines."""
    ports, taps, values, blocks, first = [], [], [], [], 0
    number = np.arange(lines.count)
    for tile, coupling in enumerate(c for c in graph.couplings if c.layer is not None):
        layer = str(coupling.layer)
        weight = graph.network.parameters[layer].weight
        rows = number[(lines.tile == tile) & (lines.head < 0)]
        columns = number[(lines.tile == tile) & (lines.tail < 0)]
        state, costate = scattering_matrix(weight, total_z[0][rows], total_z[1][columns])
        left, right, tap = [rows + lines.count], [columns], [np.diag(share[rows])]
        if len(fars):
            left.append(fars[rows])
            tap.append(np.diag(1 - share[rows]))
        tap_right = [np.eye(len(columns))]
        if len(sources):
            right.append(sources[columns])
            tap_right.append(-np.eye(len(columns)))
        port = np.concatenate([*left, *right])
        width = sum(len(part) for part in left)
        collect = np.zeros((len(rows) + len(columns), len(port)))
        collect[: len(rows), :width] = np.hstack(tap)
        collect[len(rows) :, width:] = np.hstack(tap_right)
        answer = [np.tile(state @ collect, (len(left), 1))]
        answer += [impedance[side][:, None] * (costate @ collect) for side in right]
        matrix = np.vstack(answer)
        matrix[:width] -= np.eye(len(port))[:width]
        matrix[width:] += np.diag(sign[port])[width:]
        ports.append(np.tile(port, len(port)))  # tap by tap: sums that follow each other do not wait for each other
        taps.append(np.repeat(port, len(port)))
        values.append(matrix.T.ravel())
        blocks.append(block_of(coupling, first, left[0], columns))
        first += matrix.size
    empty = np.zeros(0)
    return (
        np.concatenate([empty, *ports]).astype(np.int32),
        np.concatenate([empty, *taps]).astype(np.int32),
        np.concatenate([empty, *values]),
        tuple(blocks),
    )


def _check_activations(graph: ScatteringGraph) -> None:
    """Refuse activations whose branches cannot be followed: how they bend is known of the built-in ones only."""
    for site in graph.sites:
        if site.role != "source" and site.function not in FUNCTIONS:
            raise EngineError(
                f"law {graph.law.name}: activation {site.function!r} of {site.name} is not built in; allowed: {', '.join(FUNCTIONS)}"
            )
