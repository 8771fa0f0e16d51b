"""What round-off may come to, row of neurons by row: the part of a distance from rest that says nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emulator.engine import Layout, biases
from emulator.engine.kept import Kept
from emulator.graph import ScatteringGraph
from emulator.measure.fields import Fields
from emulator.measure.maps import Maps, times
from emulator.measure.rest import load_conductance, slopes
from emulator.measure.rows import largest
from emulator.measure.synapses import Floats
from emulator.network import softmax
from emulator.network.activations import activation_function

#: round-off of a sum or a product, of what its terms add up to
EPSILON = 16 * np.finfo(np.float64).eps
#: of squares, which have twice the range of the numbers that they are of
_WIDE = np.longdouble
_FIELDS = ("s", "x", "lam", "mu")
#: magnitudes whose squares, and those of what they are multiplied by, plain numbers hold
_SMALL, _LARGE = 1e-100, 1e100
#: what the round-off of a bound may come to itself
_SAFE = 1 + 1e-6


#: of every graph
_growths: Kept[_Growth] = Kept()


class Rounding:
    """What round-off may come to in values of neurons: worked out where a bound of it does not tell enough.

    Parameters
    ----------
    work : callable
        What gives it, (B, N) each.
    bound : callable, optional
        What gives a bound of it by row (B, R), from the largest values at rest and distances from there, likewise.
    """

    def __init__(self, work: Callable[[], Fields], bound: Callable[[Fields, Fields], Fields] | None = None) -> None:
        self._work, self._bound = work, bound

    @cached_property
    def fields(self) -> Fields:
        """Of every neuron, (B, N) each."""
        return self._work()

    def of_rows(self, graph: ScatteringGraph, size: Fields, away: Fields, tolerance: float) -> Fields:
        """The largest of every row (B, R): or its bound, where all of that is less than `tolerance` of the row's size."""
        if self._bound is not None:
            found = self._bound(size, away)
            if all((getattr(found, name) <= tolerance * getattr(size, name)).all() for name in _FIELDS):
                return found
        worked = (getattr(self.fields, name) for name in _FIELDS)
        return Fields(*(largest(graph, np.where(np.isfinite(values), values, 0.0)) for values in worked))


def rounding_of(graph: ScatteringGraph, layout: Layout, maps: Maps, held: Fields, wanted: Floats | None) -> Fields:
    """What round-off may come to: that of each sum, of what its terms add up to, carried on as independent errors."""
    if _moderate(held):
        found = _independent(graph, layout, maps, held, wanted, np.float64)
        if all(np.isfinite(part).all() for part in (found.s, found.x, found.lam, found.mu)):
            return found
    return _independent(graph, layout, maps, held, wanted, _WIDE)


@dataclass(frozen=True)
class _Growth:
    """What a bound of round-off takes from a graph: of its R rows the squares of the largest ``phi'`` and ``phi''``, the
    largest bias and penalty, and which rows have outputs.
    """

    steep: Floats
    bent: Floats
    bias: Floats
    shunt: Floats
    outputs: np.ndarray


def _growth_of(graph: ScatteringGraph, layout: Layout, maps: Maps) -> _Growth:
    found = _growths.get(graph)
    if found is None:
        starts, bounds = list(maps.cuts[:-1]), np.zeros((2, len(graph.sites)))
        for k, site in enumerate(graph.sites):
            if site.role != "source":
                function = activation_function(site.function, site.slope)
                bounds[:, k] = function.L1**2, function.L2**2
        bias, shunt = (np.maximum.reduceat(np.abs(part), starts) for part in (biases(graph), layout.shunt))
        outputs = np.unique(np.searchsorted(maps.cuts, layout.outputs, side="right") - 1)
        found = _Growth(bounds[0], bounds[1], bias, shunt, outputs)
        _growths.put(graph, found)
    return found


def rounding_bound(
    graph: ScatteringGraph, layout: Layout, maps: Maps, size: Fields, away: Fields, terms: Floats | None
) -> Fields:
    """What `rounding_of` finds is no larger than this in any row (B, R): it takes every row for its largest value.

    Parameters
    ----------
    graph, layout, maps
        What ran.
    size, away : Fields of (B, R)
        The largest values at rest and distances from there of every row; what is held is not more than their sum.
    terms : (B, outputs) or None
        See `answer_terms`; None without a load.
    """
    x, lam, mu = (getattr(size, name) + getattr(away, name) for name in ("x", "lam", "mu"))
    growth, norms = _growth_of(graph, layout, maps), maps.norms
    s, own = (EPSILON * (x @ norms["forward"] + growth.bias)) ** 2, (EPSILON * x) ** 2
    rows = range(x.shape[1])
    for r in rows:
        s[:, r] += own @ norms["forward_squared"][:, r]
        own[:, r] += growth.steep[r] * s[:, r]
    x_error, none = own, np.zeros_like(s)
    if terms is None:
        found = s, x_error, none, none
    else:
        shunt, at = growth.shunt, growth.outputs
        back = (EPSILON * (mu @ norms["backward"])) ** 2 + shunt**2 * x_error + (EPSILON * shunt * x) ** 2
        answered = load_conductance(graph) ** 2 if graph.loss == "mse" else 2.0
        back[:, at] += (EPSILON * terms.max(axis=1, keepdims=True)) ** 2 + answered * x_error[:, at]
        own = (EPSILON * mu) ** 2
        for r in reversed(rows):
            back[:, r] += own @ norms["backward_squared"][:, r]
            own[:, r] += growth.steep[r] * back[:, r] + growth.bent[r] * lam[:, r] ** 2 * s[:, r]
        found = s, x_error, back, own
    bound = Fields(*(np.sqrt(part) * _SAFE for part in found))
    tiny = [(part > 0) & (part < _SMALL) for part in (x, lam, mu)]  # of which squares say nothing
    if not any(part.any() for part in tiny):
        return bound
    lost = np.any(tiny, axis=0).any(axis=1, keepdims=True)
    return Fields(*(np.where(lost, np.inf, getattr(bound, name)) for name in _FIELDS))


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
    forward, backward = maps.squared(kind)
    s = _own(times(maps.forward_size, np.abs(held.x)) + np.abs(biases(graph)), kind)
    x, none = _own(held.x, kind), np.zeros_like(s)
    for site, square in zip(graph.sites, forward, strict=True):
        part = slice(site.start, site.stop)
        s[:, part] += square(x)
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
        lam[:, part] += square(mu)
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
