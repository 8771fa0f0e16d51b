"""Whether junctions of two-way lines may have more than one answer, and what a run says of it.

A neuron's junction has a single root where its margin ``Zs (G c + |J| m)`` is below 1 (see `emulator.families.bilateral.branches`), with
`J` what its lines bring from the output: at rest ``G x - lam``. On the way there waves may bring as much again. Beyond, the
engine follows the branch that a junction with a little capacitance stays on; which one that is depends on the way, so
that the substrate has memory, and may come to rest elsewhere than at backpropagation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from emulator.families.bilateral.branches import KINKED, Junctions, several
from emulator.families.bilateral.layout import BilateralLayout, lay_out
from emulator.families.bilateral.lines import law_of
from emulator.graph import ScatteringGraph
from emulator.measure.rest import OperatingPoint
from emulator.measure.synapses import Floats


def margins(graph: ScatteringGraph, point: OperatingPoint, layout: BilateralLayout | None = None) -> Floats:
    """Margin (N,) of every neuron at rest: a single answer is certain below 1; 0 where there never is another.

    Piecewise linear neurons have two answers where both sides of the kink have one, and then get inf.
    """
    found = np.zeros(graph.neurons)
    layout = lay_out(graph) if layout is None else layout
    stiff, rest = layout.conductance + point.loaded * layout.shunt, np.full(graph.neurons, np.inf)
    p = np.zeros(graph.neurons)
    if point.loaded and graph.loss == "mse":
        stiff[layout.outputs] += law_of(graph).kappa
    elif point.loaded:
        x = point.x[layout.outputs]
        p[layout.outputs] = np.exp(x - logsumexp(x))
        rest[layout.outputs] = [logsumexp(np.delete(x, k)) if len(x) > 1 else -np.inf for k in range(len(x))]
    drive = stiff * point.x - point.lam + p
    with np.errstate(all="ignore"):
        for site in graph.sites:
            part = slice(site.start, site.stop)
            if site.role == "source" or site.function == "identity":
                continue
            low = np.full(site.size, site.slope if site.function == "leaky_relu" else 0.0)
            slope = np.where(point.s[part] > 0, 1.0, low)
            A = point.s[part] + layout.series[part] * slope * point.lam[part]
            junctions = Junctions(site.function, low, A, drive[part], stiff[part], layout.series[part], rest[part])
            if site.function in KINKED:
                found[part] = np.where(several(junctions, point.s[part]) > 0, np.inf, 0.0)
            else:
                found[part] = junctions.margin
    return found


def largest_margin(graph: ScatteringGraph, points: Sequence[OperatingPoint]) -> float:
    """The largest margin of any neuron at any of these rests."""
    layout = lay_out(graph)
    return max(float(margins(graph, point, layout).max(initial=0.0)) for point in points)


def foreseen(graph: ScatteringGraph, point: OperatingPoint) -> str | None:
    """A sentence if junctions may have more than one answer near this rest, else None."""
    found = margins(graph, point)
    count = int((found >= 1).sum())
    if not count:
        return None
    finite = found[np.isfinite(found)]
    size = f", Zs (G c + |J| m) up to {finite.max():.3g} where below 1 makes it one" if finite.max() >= 1 else ""
    return (
        f"{count} of {graph.neurons} junctions may have more than one answer{size}: where the substrate rests then depends "
        "on the way there; lower the impedance"
    )
