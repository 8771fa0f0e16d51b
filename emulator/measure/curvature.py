"""Where the curvature of the loss outweighs the lines: a quick screen for two-way circuits that do not settle.

At the end of a bundle of lines of characteristic impedances `Z` a passive junction sees the conductances ``1/Z`` and,
from the network behind it, the second derivative `H` of the loss in the bundle's states. Where the least eigenvalue of
``diag(1/Z) + H`` is not above 0 the junction has no stable answer. It is a screen, not a test: it misses some five per
cent of the cases and warns of some three per cent that do settle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.graph.penalties import state_penalties
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, slopes
from emulator.measure.synapses import Floats, crossbar
from emulator.network import softmax


@dataclass(frozen=True)
class Curvature:
    """Least eigenvalue of ``diag(1/Z) + H`` at one bundle of lines.

    Parameters
    ----------
    bundle : str
        The crossbar or wires that the lines lead to.
    least : float
        In units of costate over state; a trouble spot unless above 0.
    hessian : float
        Least eigenvalue of `H` alone: lines settle locally below an impedance of minus its inverse.
    """

    bundle: str
    least: float
    hessian: float

    @property
    def trouble(self) -> bool:
        """Whether the screen fails here."""
        return self.least <= 0


def curvature_screen(
    graph: ScatteringGraph, point: Reference | OperatingPoint, impedances: Sequence[ArrayLike]
) -> tuple[Curvature, ...]:
    """Screen every bundle of lines at its far end.

    Parameters
    ----------
    graph : ScatteringGraph
    point : Reference or OperatingPoint
        The rest around which waves are small; of a reference, its first sample.
    impedances : sequence of float or (R,)
        Characteristic impedance of the lines of each of ``graph.couplings``, in state over costate.

    Raises
    ------
    EngineError
        If the number of impedances is not that of the couplings, or one is not above 0.
    """
    rest = checked_point(graph, point)
    if len(impedances) != len(graph.couplings):
        raise EngineError(
            f"curvature screen: {len(impedances)} impedances; allowed: {len(graph.couplings)}, one per coupling"
        )
    first, second = slopes(graph, rest.s)
    found: list[Curvature] = []
    hessians: dict[int, Floats] = {}
    for number, coupling in enumerate(graph.couplings):
        site = next(site for site in graph.sites if site.start <= coupling.columns[0] < site.stop)
        if site.start not in hessians:
            whole = _site_hessian(graph, rest, site.start, site.stop, first, second)
            slope, bend = first[site.start : site.stop], (second * rest.lam)[site.start : site.stop]
            hessians[site.start] = slope[:, None] * whole * slope + np.diag(bend)
        inside = coupling.columns - site.start
        hessian = hessians[site.start][np.ix_(inside, inside)]
        weight = crossbar(graph, coupling)
        if weight is not None:
            hessian = weight.T @ hessian @ weight
        impedance = np.broadcast_to(np.asarray(impedances[number], dtype=np.float64), len(hessian))
        if not (impedance > 0).all():
            raise EngineError(
                f"curvature screen: impedance of {coupling.name} is {impedance.min()!r}; allowed: above 0"
            )
        least = float(np.linalg.eigvalsh(np.diag(1 / impedance) + hessian)[0])
        found.append(Curvature(coupling.name, least, float(np.linalg.eigvalsh(hessian)[0])))
    return tuple(found)


def _site_hessian(
    graph: ScatteringGraph, rest: OperatingPoint, start: int, stop: int, first: Floats, second: Floats
) -> Floats:
    """Second derivative of the loss in the states of one row, everything behind it following: (n, n).

    Unit displacements are carried forward to the outputs, and the costates they change back.
    """
    count = graph.neurons
    dx, ds, dlam = np.zeros((count, stop - start)), np.zeros((count, stop - start)), np.zeros((count, stop - start))
    dx[start:stop] = np.eye(stop - start)
    for site in graph.sites:
        if site.start > start and site.role != "source":
            for coupling in graph.couplings:
                if site.start <= coupling.columns[0] < site.stop:
                    weight, given = crossbar(graph, coupling), dx[coupling.rows]
                    ds[coupling.columns] += given if weight is None else weight @ given
            part = slice(site.start, site.stop)
            dx[part] = first[part, None] * ds[part]
    outputs = graph.layer_neurons(graph.network.output)
    if rest.loaded:
        given = dx[outputs]
        if graph.loss == "softmax_cross_entropy":
            share = softmax(rest.x[outputs])[:, None]
            given = share * (given - (share * given).sum(axis=0))
        dlam += state_penalties(graph)[:, None] * dx
        dlam[outputs] += given
    for coupling in reversed(graph.couplings):
        at = coupling.columns
        dmu = first[at, None] * dlam[at] + (second * rest.lam)[at, None] * ds[at]
        weight = crossbar(graph, coupling)
        np.add.at(dlam, coupling.rows, dmu if weight is None else weight.T @ dmu)
    return dlam[start:stop]
