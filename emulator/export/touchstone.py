"""The scattering matrix of a crossbar tile, and Touchstone files of it and of a whole network around a rest.

A tile of ideal transformers joins its right ports to its left ones by ``right voltage = W left voltage``,
``left current = W^T right current``. In power waves, voltage over the root of the port's impedance, its scattering
matrix is orthogonal and symmetric: lossless and reciprocal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import ExportError, suggest
from emulator.export.netlist import Nodes
from emulator.export.options import positive
from emulator.export.small_signal import Complex, band, network_scattering
from emulator.graph import ScatteringGraph
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint
from emulator.measure.synapses import Floats

_PER_LINE = 4
_EXACT = 1e-9


def tile_scattering(weight: ArrayLike, left: ArrayLike, right: ArrayLike) -> Floats:
    """Power-wave scattering matrix of a tile, rows (left ports) first.

    Parameters
    ----------
    weight : (C, R)
        State of a right port over states of the left ports.
    left, right : float, or (R,) and (C,)
        Real port impedances, above 0.

    Returns
    -------
    (R + C, R + C)
        ``b = S a``.

    Raises
    ------
    ExportError
        If the weight is no finite matrix, or an impedance is not above 0.
    """
    w = np.asarray(weight, dtype=np.float64)
    if w.ndim != 2 or w.size == 0 or not np.isfinite(w).all():
        raise ExportError(f"tile: weight has shape {w.shape}; allowed: a matrix of finite numbers")
    z1 = np.broadcast_to(np.asarray(left, dtype=np.float64), w.shape[1])
    z2 = np.broadcast_to(np.asarray(right, dtype=np.float64), w.shape[0])
    both = np.concatenate([z1, z2])
    if not (np.isfinite(both) & (both > 0)).all():
        raise ExportError(f"tile: a port impedance is {both[~(both > 0)][:1]}; allowed: finite numbers above 0")
    both_ends = np.vstack([np.eye(len(z1)), w])  # voltages of all ports from those of the left ones
    common = np.linalg.solve(both_ends.T @ (both_ends / both[:, None]), (both_ends / np.sqrt(both)[:, None]).T)
    scattering: Floats = 2 * (both_ends / np.sqrt(both)[:, None]) @ common - np.eye(len(both))
    return scattering


def touchstone(graph: ScatteringGraph, layer: str | None = None, ohms: float = 50.0) -> str:
    """Touchstone 2.0 text of one crossbar: rows are the first ports, columns the others, the same at all frequencies.

    Parameters
    ----------
    graph : ScatteringGraph
    layer : str, optional
        Dense layer; the only one, by default.
    ohms : float
        Impedance of every port.

    Raises
    ------
    ExportError
        If the layer is unknown, or not given although there are several.
    """
    known = graph.network.parameters
    if layer is None and len(known) != 1:
        raise ExportError(f"touchstone: no layer was chosen; allowed: one of {', '.join(known) or 'none'}")
    layer = next(iter(known)) if layer is None else layer
    if layer not in known:
        raise ExportError(f"touchstone: no crossbar {suggest(layer, known)}")
    scattering = tile_scattering(known[layer].weight, positive("ohms", ohms), ohms)
    title = f"crossbar tile of ideal transformers, network {graph.network.digest}"
    both = np.stack([scattering, scattering]).astype(np.complex128)
    return "\n".join(_lines(title, [0.0, 0.5 / graph.transit_seconds], both, ohms, _tile_ports(graph, layer))) + "\n"


def network_touchstone(
    graph: ScatteringGraph, point: Reference | OperatingPoint, ohms: float = 50.0, points: int = 51
) -> str:
    """Touchstone 2.0 text of a network on two-way lines around a rest: ports are its inputs, then its outputs.

    Parameters
    ----------
    graph : ScatteringGraph
    point : Reference or OperatingPoint
    ohms : float
        Of every port, and of a state over costate of 1.
    points : int
        Frequencies, from 0 to half of one over the mean line delay.

    Raises
    ------
    ExportError
        If the network cannot be laid on two-way lines.
    """
    frequencies = band(graph, points)
    found = network_scattering(graph, point, frequencies)
    title = f"network {graph.network.digest} on two-way lines, small signals around a rest"
    return "\n".join(_lines(title, frequencies, found, positive("ohms", ohms), _network_ports(graph))) + "\n"


def character(scattering: Complex) -> str:
    """Whether a multiport is passive and reciprocal at all its frequencies, to 1e-9, in words.

    Parameters
    ----------
    scattering : (F, P, P)
    """
    gain = float(np.linalg.norm(scattering, ord=2, axis=(1, 2)).max())
    passive = "passive" if gain <= 1 + _EXACT else f"not passive: a wave comes out up to {gain:.4g} times as large"
    uneven = float(np.abs(scattering - scattering.transpose(0, 2, 1)).max())
    reciprocal = (
        "reciprocal" if uneven <= _EXACT else f"not reciprocal: S and its transpose differ by up to {uneven:.4g}"
    )
    return f"{passive}; {reciprocal}"


def _tile_ports(graph: ScatteringGraph, layer: str) -> list[str]:
    """Nodes of the netlist at which a crossbar's ports are: states of its rows, pre-activations of its columns."""
    coupling = next(c for c in graph.couplings if c.layer == layer)
    node = Nodes(graph)
    return [node("x", n) for n in coupling.rows] + [node("s", n) for n in coupling.columns]


def _network_ports(graph: ScatteringGraph) -> list[str]:
    inputs = [n for name in graph.network.inputs for n in graph.layer_neurons(name)]
    node = Nodes(graph)
    return [node("x", n) for n in (*inputs, *graph.layer_neurons(graph.network.output))]


def _lines(
    title: str, frequencies: Sequence[float], scattering: Complex, ohms: float, names: Sequence[str]
) -> Iterator[str]:
    ports = scattering.shape[1]
    yield f"! {title}"
    yield f"! {character(scattering)}"
    yield from (f"! Port[{k}] = {name}" for k, name in enumerate(names, 1))
    yield "[Version] 2.0"
    yield f"# Hz S RI R {ohms!r}"
    yield f"[Number of Ports] {ports}"
    if ports == 2:
        yield "[Two-Port Data Order] 12_21"
    yield f"[Number of Frequencies] {len(frequencies)}"
    yield "[Reference]"
    yield " ".join([repr(ohms)] * ports)
    yield "[Network Data]"
    for frequency, matrix in zip(frequencies, scattering.tolist(), strict=True):
        start = repr(frequency)
        for row in matrix:
            for k in range(0, ports, _PER_LINE):
                yield " ".join([start, *(f"{v.real!r} {v.imag!r}" for v in row[k : k + _PER_LINE])]).strip()
                start = ""
    yield "[End]"
