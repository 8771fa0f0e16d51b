"""How far a substrate is from its rest, from what it holds: the residuals of its rest equations, carried through the layers.

A substrate rests where, with what its lines deliver (see `emulator.measure.passage`),

    s = bias + F(x)        x = phi(s)        lam = load(x) + shunt x + B(mu)        mu = phi'(s) lam

Whatever is stored or under way (waves on lines, a slow receiver, the charge of a termination, what a threshold holds
back) makes one of these wrong. The equations are triangular, so the distance from rest follows from what is wrong: each
row's own residual, and what the deviations of the rows before it come to. Deviations are carried with the activations
themselves, not their slopes, so the distance is right however large it is; where nothing is wrong it is 0. A series
resistance `R` of the sources closes the circle, ``x_0 = data - R lam_0``: then the costates of the inputs are those that
come back when they are assumed.

`Fields.rounding` is the part of a distance that says nothing: what the round-off of each sum and product may come to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from emulator.engine import Layout, Recording, biases
from emulator.engine.recording import portions
from emulator.graph import ScatteringGraph
from emulator.measure.fixed_point import fixed_point
from emulator.measure.passage import Passage
from emulator.measure.rest import load_conductance, slopes
from emulator.measure.synapses import Floats
from emulator.network import softmax
from emulator.network.activations import activation_function
from emulator.network.losses import loss_function

#: round-off of a sum or a product, of what its terms add up to
EPSILON = 16 * np.finfo(np.float64).eps
#: of squares, which have twice the range of the numbers that they are of
_WIDE = np.longdouble
#: magnitudes whose squares, and those of what they are multiplied by, plain numbers hold
_SMALL, _LARGE = 1e-100, 1e100
#: share of a distance from rest to which it is worked out where sources have a resistance
_CLOSED = 1e-3


@dataclass(frozen=True)
class Fields:
    """Pre-activation, state, costate, and costate of the pre-activation of every neuron, (B, N) each."""

    s: Floats
    x: Floats
    lam: Floats
    mu: Floats


@dataclass(frozen=True)
class Deviation:
    """What a substrate held at the end of each hold of some samples.

    Parameters
    ----------
    held : Fields
    off : Fields
        Their distance from rest, signed: ``held - off`` is the rest.
    rounding : Fields
        What round-off may come to.
    answer : (B,)
        Largest terms that an answer of the load is a difference of; 0 without a load.
    """

    held: Fields
    off: Fields
    rounding: Fields
    answer: Floats

    @cached_property
    def rest(self) -> Fields:
        """Where the substrate would rest."""
        held, off = self.held, self.off
        return Fields(held.s - off.s, held.x - off.x, held.lam - off.lam, held.mu - off.mu)


def deviation(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    passage: Passage,
    feed: Floats,
    loaded: bool,
    allowed: tuple[Floats, Floats] | None = None,
) -> tuple[Deviation, ...]:
    """The distance from rest at the end of each hold, of one run of samples after another.

    Parameters
    ----------
    graph, layout, recording
        What ran.
    passage : Passage
        What its lines deliver.
    feed : (B, inputs + outputs)
        Data and targets.
    loaded : bool
        Whether the load answered; without it there are no costates.
    allowed : (B, N), (B, N), optional
        Residuals of pre-activations and of costates that belong to the rest, such as those of rounded waves.
    """
    maps = _Maps.of(graph, passage)
    wrong_s, wrong_lam = allowed or (None, None)
    behind = loaded and graph.law.source_resistance > 0
    return tuple(
        _of_part(
            graph, layout, recording.part(rows, 1), maps, feed[rows], loaded,
            (0.0 if wrong_s is None else wrong_s[rows], 0.0 if wrong_lam is None else wrong_lam[rows]),
        )
        for rows in ([slice(0, len(feed))] if behind else portions(len(feed), layout.neurons))
    )  # fmt: skip


@dataclass(frozen=True)
class _Maps:
    """A passage as it is used: cut into rows of neurons, in order, forward and backward, as it is and in squares.

    Parameters
    ----------
    passage : Passage
    forward, backward : tuple of sparse (n, N)
        Of every row of neurons.
    forward_size, backward_size : sparse (N, N)
        Magnitudes.
    """

    passage: Passage
    forward: tuple[sparse.csr_array, ...]
    backward: tuple[sparse.csr_array, ...]
    forward_size: sparse.csr_array
    backward_size: sparse.csr_array
    squares: dict[type, tuple[tuple[sparse.csr_array, ...], tuple[sparse.csr_array, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: ScatteringGraph, passage: Passage) -> _Maps:
        forward, backward = passage.forward, passage.backward
        return cls(passage, _rows(graph, forward), _rows(graph, backward), abs(forward), abs(backward))

    def squared(self, graph: ScatteringGraph, kind: type) -> tuple[tuple[sparse.csr_array, ...], ...]:
        """Squares of both, row by row, in numbers of this kind."""
        if kind not in self.squares:
            wide = (one.astype(kind).power(2) for one in (self.forward_size, self.backward_size))
            there, back = (_rows(graph, one) for one in wide)
            self.squares[kind] = there, back
        return self.squares[kind]


def _rows(graph: ScatteringGraph, matrix: sparse.csr_array) -> tuple[sparse.csr_array, ...]:
    return tuple(matrix[site.start : site.stop] for site in graph.sites)


def _of_part(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    maps: _Maps,
    feed: Floats,
    loaded: bool,
    wrong: tuple[Floats | float, Floats | float],
) -> Deviation:
    """The distance from rest of some samples."""
    held = _held(graph, layout, recording, loaded)
    data, wanted = np.split(feed, [len(layout.inputs)], axis=1)
    wrong_s, wrong_lam = wrong
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        load, none = _load(graph, layout, wanted), np.zeros_like(held.x)

        def away(given: Floats) -> Fields:
            s, x = _forward(graph, layout, recording, maps, held, given, wrong_s)
            if not loaded:
                return Fields(s, x, none, none)
            return Fields(s, x, *_backward(graph, layout, recording, maps, held, (s, x), load, wrong_lam))

        resistance = graph.law.source_resistance
        off = _behind(resistance, away, data, held, layout) if loaded and resistance else away(data)
        terms = _answer_terms(graph, held.x[:, layout.outputs], wanted) if loaded else none
        rounding = _rounding(graph, layout, maps, held, wanted if loaded else None)
        return Deviation(held, off, rounding, terms.max(axis=1))


def _behind(resistance: float, away: Callable[[Floats], Fields], data: Floats, held: Fields, layout: Layout) -> Fields:
    """Distances from rest behind sources of a series resistance; infinite where no rest was found.

    `away` gives them for what the sources would hold at rest.
    """

    def returned(lam: Floats) -> Floats:
        return (held.lam - away(data - resistance * lam).lam)[:, layout.inputs]

    start = held.lam[:, layout.inputs]
    back = returned(start)
    near = _CLOSED * np.abs(back - start).max(axis=1, keepdims=True, initial=0.0)
    near += EPSILON * np.abs(back).max(axis=1, keepdims=True, initial=0.0)
    lam, found = fixed_point(returned, start, near)
    off = away(data - resistance * lam)
    return Fields(*(np.where(found[:, np.newaxis], part, np.inf) for part in (off.s, off.x, off.lam, off.mu)))


def _held(graph: ScatteringGraph, layout: Layout, recording: Recording, loaded: bool) -> Fields:
    count = layout.neurons
    x, mu = recording.u[:, :count], recording.u[:, count:]
    return Fields(recording.v[:, count:] + biases(graph), x, recording.lam, mu if loaded else np.zeros_like(mu))


def _forward(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    maps: _Maps,
    held: Fields,
    data: Floats,
    wrong: Floats | float,
) -> tuple[Floats, Floats]:
    """Distances of pre-activations and states, rows in order."""
    count, passage = layout.neurons, maps.passage
    sent, moved = passage.sent(held.x, False), np.zeros_like(held.x)
    off_s, off_x = np.zeros_like(held.x), np.zeros_like(held.x)
    if passage.certain:
        off_s = recording.v[:, count:] - passage.forward_offset - _times(passage.forward, sent) - wrong
    off_x[:, layout.inputs] = held.x[:, layout.inputs] - data
    for site, forward in zip(graph.sites, maps.forward, strict=True):
        part = slice(site.start, site.stop)
        if site.role == "source":
            off_s[:, part] = 0.0
        else:
            off_s[:, part] += _times(forward, moved)
            phi = activation_function(site.function, site.slope).phi
            off_x[:, part] = held.x[:, part] - phi(held.s[:, part] - off_s[:, part])
        rest = held.x[:, part] - off_x[:, part]
        moved[:, part] = sent[:, part] - passage.sent(rest, False, part)
    return off_s, off_x


def _backward(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    maps: _Maps,
    held: Fields,
    off: tuple[Floats, Floats],
    load: Callable[[Floats], Floats],
    wrong: Floats | float,
) -> tuple[Floats, Floats]:
    """Distances of costates, and of those of pre-activations, rows in reverse order."""
    passage, (off_s, off_x) = maps.passage, off
    sent, moved = passage.sent(held.mu, True), np.zeros_like(held.mu)
    returned = recording.v[:, : layout.neurons]
    if passage.certain:
        returned = passage.backward_offset + _times(passage.backward, sent) + wrong
    off_lam, off_mu = held.lam - returned, np.zeros_like(held.mu)
    off_lam[:, layout.outputs] -= load(held.x[:, layout.outputs] - off_x[:, layout.outputs])
    off_lam -= layout.shunt * (held.x - off_x)
    for site, backward in zip(reversed(graph.sites), reversed(maps.backward), strict=True):
        part = slice(site.start, site.stop)
        off_lam[:, part] += _times(backward, moved)
        if site.role != "source":
            slope = activation_function(site.function, site.slope).dphi(held.s[:, part] - off_s[:, part])
            off_mu[:, part] = held.mu[:, part] - slope * (held.lam[:, part] - off_lam[:, part])
        rest = held.mu[:, part] - off_mu[:, part]
        moved[:, part] = sent[:, part] - passage.sent(rest, True, part)
    return off_lam, off_mu


def _load(graph: ScatteringGraph, layout: Layout, wanted: Floats) -> Callable[[Floats], Floats]:
    """What the load answers to the states of the outputs."""
    conductance = load_conductance(graph)
    gradient = loss_function(graph.loss).gradient
    return lambda x: conductance * gradient(x, wanted)


def _rounding(graph: ScatteringGraph, layout: Layout, maps: _Maps, held: Fields, wanted: Floats | None) -> Fields:
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
    graph: ScatteringGraph, layout: Layout, maps: _Maps, held: Fields, wanted: Floats | None, kind: type
) -> Fields:
    """The standard deviations of all errors, whose variances are numbers of this kind."""
    first, second = slopes(graph, held.s, exact=False)
    slope: Floats
    bend: Floats
    slope, bend = np.asarray(first.astype(kind) ** 2), np.asarray(second.astype(kind) ** 2)
    forward, backward = maps.squared(graph, kind)
    s = _own(_times(maps.forward_size, np.abs(held.x)) + np.abs(biases(graph)), kind)
    x, none = _own(held.x, kind), np.zeros_like(s)
    for site, square in zip(graph.sites, forward, strict=True):
        part = slice(site.start, site.stop)
        s[:, part] += _times(square, x)
        x[:, part] += slope[:, part] * s[:, part]
    if wanted is None:
        return _deviations(s, x, none, none)
    lam, mu, out = _own(_times(maps.backward_size, np.abs(held.mu)), kind), _own(held.mu, kind), layout.outputs
    lam[:, out] += _own(_answer_terms(graph, held.x[:, out], wanted), kind)
    if graph.loss == "mse":
        lam[:, out] += load_conductance(graph) ** 2 * x[:, out]
    else:
        lam[:, out] += _shaken(softmax(held.x[:, out]), x[:, out])
    lam += layout.shunt**2 * x + _own(layout.shunt * np.abs(held.x), kind)
    bend = bend * held.lam.astype(kind) ** 2
    for site, square in zip(reversed(graph.sites), reversed(backward), strict=True):
        part = slice(site.start, site.stop)
        lam[:, part] += _times(square, mu)
        mu[:, part] += slope[:, part] * lam[:, part] + bend[:, part] * s[:, part]
    return _deviations(s, x, lam, mu)


def _answer_terms(graph: ScatteringGraph, x: Floats, wanted: Floats) -> Floats:
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


def _times(matrix: sparse.csr_array, values: Floats) -> Floats:
    """A map of neurons, applied to each row of values (B, N)."""
    return np.asarray((matrix @ values.T).T)
