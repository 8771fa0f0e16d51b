"""What round-off may come to, row of neurons by row: the part of a distance from rest that says nothing."""

from __future__ import annotations

import numpy as np

from emulator.engine import Layout, biases
from emulator.graph import ScatteringGraph
from emulator.measure.fields import Fields
from emulator.measure.maps import Maps, times
from emulator.measure.rest import load_conductance, slopes
from emulator.measure.synapses import Floats
from emulator.network import softmax

#: round-off of a sum or a product, of what its terms add up to
EPSILON = 16 * np.finfo(np.float64).eps
#: of squares, which have twice the range of the numbers that they are of
_WIDE = np.longdouble
#: magnitudes whose squares, and those of what they are multiplied by, plain numbers hold
_SMALL, _LARGE = 1e-100, 1e100


def rounding_of(graph: ScatteringGraph, layout: Layout, maps: Maps, held: Fields, wanted: Floats | None) -> Fields:
    """What round-off may come to: that of each sum, of what its terms add up to, carried on as independent errors."""
    if _moderate(held):
        found = _independent(graph, layout, maps, held, wanted, np.float64)
        if all(np.isfinite(part).all() for part in (found.s, found.x, found.lam, found.mu)):
            return found
    return _independent(graph, layout, maps, held, wanted, _WIDE)


def _moderate(held: Fields) -> bool:
    """Whether squares of all that is held, and of its round-off, are far from the ends of the range of numbers."""
    for part in (held.s, held.x, held.lam, held.mu):
        size = np.abs(part)
        if not size.max(initial=0.0) < _LARGE or size.min(where=size > 0, initial=1.0) < _SMALL:
            return False
    return True


def _independent(
    graph: ScatteringGraph, layout: Layout, maps: Maps, held: Fields, wanted: Floats | None, kind: type
) -> Fields:
    """The standard deviations of all errors, whose variances are numbers of this kind."""
    first, second = slopes(graph, held.s, exact=False)
    slope: Floats
    bend: Floats
    slope, bend = np.asarray(first.astype(kind) ** 2), np.asarray(second.astype(kind) ** 2)
    forward, backward = maps.squared(graph, kind)
    s = _own(times(maps.forward_size, np.abs(held.x)) + np.abs(biases(graph)), kind)
    x, none = _own(held.x, kind), np.zeros_like(s)
    for site, square in zip(graph.sites, forward, strict=True):
        part = slice(site.start, site.stop)
        s[:, part] += times(square, x)
        x[:, part] += slope[:, part] * s[:, part]
    if wanted is None:
        return _deviations(s, x, none, none)
    lam, mu, out = _own(times(maps.backward_size, np.abs(held.mu)), kind), _own(held.mu, kind), layout.outputs
    lam[:, out] += _own(answer_terms(graph, held.x[:, out], wanted), kind)
    if graph.loss == "mse":
        lam[:, out] += load_conductance(graph) ** 2 * x[:, out]
    else:
        lam[:, out] += _shaken(softmax(held.x[:, out]), x[:, out])
    lam += layout.shunt**2 * x + _own(layout.shunt * np.abs(held.x), kind)
    bend = bend * held.lam.astype(kind) ** 2
    for site, square in zip(reversed(graph.sites), reversed(backward), strict=True):
        part = slice(site.start, site.stop)
        lam[:, part] += times(square, mu)
        mu[:, part] += slope[:, part] * lam[:, part] + bend[:, part] * s[:, part]
    return _deviations(s, x, lam, mu)


def answer_terms(graph: ScatteringGraph, x: Floats, wanted: Floats) -> Floats:
    """What the answer of the load is a difference of, added up."""
    if graph.loss == "mse":
        return np.asarray(load_conductance(graph) * (np.abs(x) + np.abs(wanted)))
    return softmax(x) + np.abs(wanted)


def _shaken(share: Floats, variance: Floats) -> Floats:
    """Variance of probabilities whose logits have these, by ``dp = p ((1 - p) dx - sum over the others of p dx)``."""
    others = 1.0 - np.eye(share.shape[1])
    shaken = (share @ others) ** 2 * variance + (share**2 * variance) @ others.astype(variance.dtype)
    return np.asarray(np.minimum(share**2 * shaken, 1.0))


def _own(terms: Floats, kind: type) -> Floats:
    """Variance of the round-off of a sum of terms."""
    return np.asarray((EPSILON * terms.astype(kind)) ** 2)


def _deviations(*variances: Floats) -> Fields:
    return Fields(*(np.sqrt(part).astype(np.float64) for part in variances))
