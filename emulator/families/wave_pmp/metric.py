"""The metric ``Theta`` of every row of neurons, and the impedance ``Z = Theta^-1 Theta^-T`` that is carried through layers.

Only ``M = Theta^T Theta = Z^-1`` matters where the Jacobian transports; where the identity does, ``Theta`` itself does. A
carried metric takes ``Theta_{k+1} = Theta_k J_k^-1`` where the Jacobian of a single link has an inverse: then both
transports are the same. Elsewhere it is a symmetric root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import CompileError, suggest
from emulator.graph import ScatteringGraph
from emulator.graph.elements import Site
from emulator.laws.wave_pmp import CARRIED, Calibrated, WavePMP
from emulator.measure.reference import reference
from emulator.measure.rest import first_slopes, neuron_values
from emulator.measure.synapses import crossbar

Floats = NDArray[np.float64]
#: condition beyond which a Jacobian counts as without inverse
_STIFF = 1e8


@dataclass(frozen=True)
class Metric:
    """Metrics of all rows.

    Parameters
    ----------
    theta : tuple of (n,) or (n, n)
        By row; of a diagonal metric its diagonal.
    """

    theta: tuple[Floats, ...]

    @property
    def full(self) -> bool:
        """Whether any of them is a matrix."""
        return any(part.ndim == 2 for part in self.theta)

    def impedance(self, row: int) -> Floats:
        """``Z`` of a row, in the form of its metric."""
        theta = self.theta[row]
        if theta.ndim == 1:
            return theta**-2.0
        inverse = np.linalg.inv(theta)
        return np.asarray(inverse @ inverse.T)

    def mass(self, row: int) -> Floats:
        """``M = Z^-1`` of a row."""
        theta = self.theta[row]
        return theta**2 if theta.ndim == 1 else np.asarray(theta.T @ theta)


def metric_of(graph: ScatteringGraph, law: WavePMP) -> Metric:
    """The metric that a law asks for on a graph.

    Raises
    ------
    CompileError
        If there are not as many entries as rows, one names no row, or has another size.
    """
    given = law.metric
    names = [site.name for site in graph.sites]
    if law.at_batch:
        raise CompileError(
            "law wave-pmp: metric is carried at a batch, and there is none; allowed: at = 'weights', a scenario or a training, "
            "whose first samples are taken, or metric = emulator.families.wave_pmp.carried(graph, inputs)"
        )
    if isinstance(given, Calibrated):
        return Metric(tuple(given.entries[name] for name in names))
    if given == CARRIED:
        return Metric(carry(graph, np.ones((1, graph.neurons)), law.form, law.floor))
    if isinstance(given, float):
        return Metric(tuple(np.full(site.size, given) for site in graph.sites))
    if any(isinstance(one, tuple) and one and isinstance(one[0], str) for one in given):
        entries = dict(given)
        for name in entries:
            if name not in names:
                raise CompileError(f"law wave-pmp: metric: no row of neurons {suggest(name, names)}")
        return Metric(tuple(_sized(site, entries.get(site.name, 1.0)) for site in graph.sites))
    if len(given) != len(names):
        raise CompileError(
            f"law wave-pmp: metric has {len(given)} entries; allowed: {len(names)}, one for each of {', '.join(names)}"
        )
    return Metric(tuple(_sized(site, entry) for site, entry in zip(graph.sites, given, strict=True)))


def spread(graph: ScatteringGraph, metric: Metric, ratio: Floats) -> Metric:
    """The metric of a chip whose neurons have impedances of these ratios (N,) to the nominal: ``Theta ratio^-1/2``."""
    parts = [ratio[site.start : site.stop] ** -0.5 for site in graph.sites]
    return (
        metric if (ratio == 1).all() else Metric(tuple(t * part for t, part in zip(metric.theta, parts, strict=True)))
    )


def _sized(site: Site, entry: Any) -> Floats:
    array = np.array(entry, dtype=np.float64)
    if array.ndim and array.shape[0] != site.size:
        raise CompileError(
            f"law wave-pmp: metric of {site.name!r} has shape {array.shape}; allowed: a number, ({site.size},) or "
            f"({site.size}, {site.size})"
        )
    return np.full(site.size, float(array)) if array.ndim == 0 else array


def carried(
    graph: ScatteringGraph, inputs: Any = None, form: str = "full", floor: float = 1e-6
) -> Mapping[str, Floats]:
    """The metric that carries the impedance through the layers, by row: what `WavePMP.metric` takes.

    Parameters
    ----------
    graph : ScatteringGraph
    inputs : (B, n) or mapping, optional
        A calibration batch, at whose rest the slopes are taken: ``Z_{k+1}`` is the mean of ``J_k Z_k J_k^T`` over it.
        Without, slopes are 1: from the weights alone.
    form, floor
        See `emulator.laws.wave_pmp.WavePMP`.
    """
    slope = np.ones((1, graph.neurons))
    if inputs is not None:
        slope = first_slopes(graph, neuron_values(graph, reference(graph.network, inputs))[1])
    theta = carry(graph, slope, form, floor)
    return {site.name: part for site, part in zip(graph.sites, theta, strict=True)}


def carry(graph: ScatteringGraph, slope: Floats, form: str, floor: float) -> tuple[Floats, ...]:
    """``Theta`` of every row, with slopes (B, N)."""
    count = graph.neurons
    whole = np.zeros((count, count))
    theta: list[Floats] = []
    for site in graph.sites:
        part = slice(site.start, site.stop)
        links = [c for c in graph.couplings if site.start <= c.columns[0] < site.stop]
        if not links:
            whole[part, part] = np.eye(site.size)
            theta.append(np.ones(site.size) if form != "full" else np.eye(site.size))
            continue
        jacobians = np.zeros((len(slope), site.size, count))
        for link in links:
            weight = crossbar(graph, link)
            weight = np.eye(len(link.rows)) if weight is None else weight
            at = link.columns - site.start
            for sample in range(len(slope)):
                moved = slope[sample, link.columns][:, None] * weight
                np.add.at(jacobians[sample], (at[:, None], link.rows[None, :]), moved)
        z = np.mean([j @ whole @ j.T for j in jacobians], axis=0)
        mean = float(np.trace(z)) / site.size
        mean = mean if mean > 0 else 1.0
        if form == "scalar":
            z = mean * np.eye(site.size)
        elif form == "diagonal":
            z = np.diag(np.maximum(np.diag(z), floor * mean))
        elif np.linalg.matrix_rank(z, tol=1e-9 * mean, hermitian=True) < site.size:
            z = z + floor * mean * np.eye(site.size)
        whole[part, part] = z
        theta.append(np.diag(z) ** -0.5 if form != "full" else _root(graph, links, jacobians, theta, z, site))
    return tuple(theta)


def _root(
    graph: ScatteringGraph, links: list[Any], jacobians: Floats, theta: list[Floats], z: Floats, site: Site
) -> Floats:
    """``Theta_k J_k^-1`` where there is one link, one Jacobian, and it has an inverse; else the symmetric root of ``Z^-1``."""
    if len(links) == 1 and len(jacobians) == 1:
        sources = {
            k for k, s in enumerate(graph.sites) if (links[0].rows < s.stop).any() and (links[0].rows >= s.start).any()
        }
        own = jacobians[0][:, links[0].rows]
        if len(sources) == 1 and own.shape[0] == own.shape[1] and np.linalg.cond(own) < _STIFF:
            before = theta[sources.pop()]
            if before.shape[0] == own.shape[0]:
                return np.asarray(before @ np.linalg.inv(own))
    values, vectors = np.linalg.eigh(z)
    return np.asarray((vectors * np.maximum(values, 1e-300) ** -0.5) @ vectors.T)
