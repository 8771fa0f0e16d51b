"""How far a substrate is from its rest, from what it holds: the residuals of its rest equations, carried through the layers.

A substrate rests where, with what its lines deliver (see `emulator.measure.passage`),

    s = bias + F(x)        x = phi(s)        lam = load(x) + shunt x + B(mu)        mu = phi'(s) lam

Whatever is stored or under way (waves on lines, a slow receiver, the charge of a termination, what a threshold holds
back) makes one of these wrong. The equations are triangular, so the distance from rest follows from what is wrong: each
row's own residual, and what the deviations of the rows before it come to. Deviations are carried with the activations
themselves, not their slopes, so the distance is right however large it is; where nothing is wrong it is 0. A series
resistance `R` of the sources closes the circle, ``x_0 = data - R lam_0``: then the costates of the inputs are those that
come back when they are assumed.

`Deviation.rounding` is the part of a distance that says nothing: what the round-off of each sum and product may come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emulator.engine import Layout, Recording, biases
from emulator.engine.recording import portions
from emulator.graph import ScatteringGraph
from emulator.measure.fields import Fields
from emulator.measure.fixed_point import fixed_point
from emulator.measure.maps import Maps
from emulator.measure.passage import Passage
from emulator.measure.rest import load_conductance
from emulator.measure.roundoff import EPSILON, Rounding, answer_terms, rounding_bound, rounding_of
from emulator.measure.rows import by_neuron, span
from emulator.measure.synapses import Floats
from emulator.network.activations import activation_function
from emulator.network.losses import loss_function
from emulator.threads import go_on

#: share of a distance from rest to which it is worked out where sources have a resistance
_CLOSED = 1e-3


@dataclass(frozen=True)
class Deviation:
    """What a substrate held at the end of each hold of some samples.

    Parameters
    ----------
    held : Fields
    off : Fields
        Their distance from rest, signed: ``held - off`` is the rest.
    rounding : Rounding
        What round-off may come to.
    answer : (B,)
        Largest terms that an answer of the load is a difference of; 0 without a load.
    """

    held: Fields
    off: Fields
    rounding: Rounding
    answer: Floats

    @cached_property
    def rest(self) -> Fields:
        """Where the substrate would rest."""
        held, off = self.held, self.off
        return Fields(held.s - off.s, held.x - off.x, held.lam - off.lam, held.mu - off.mu)


@dataclass(frozen=True)
class Deviations:
    """Those of one run of samples after another, each worked out when it is asked for: all would be as much as what was recorded.

    Parameters
    ----------
    parts : sequence of slice
    of : callable
        The deviation of some samples.
    """

    parts: tuple[slice, ...]
    of: Callable[[slice], Deviation]

    def __iter__(self) -> Iterator[Deviation]:
        for part in self.parts:
            go_on()
            yield self.of(part)


def deviation(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    passage: Passage,
    feed: Floats,
    loaded: bool,
    allowed: tuple[Floats, Floats] | None = None,
) -> Iterable[Deviation]:
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
    maps = Maps.of(graph, passage)
    wrong_s, wrong_lam = allowed or (None, None)
    behind = loaded and graph.law.source_resistance > 0

    def part(rows: slice) -> Deviation:
        return _of_part(
            graph, layout, recording.part(rows, 1), maps, feed[rows], loaded,
            (0.0 if wrong_s is None else wrong_s[rows], 0.0 if wrong_lam is None else wrong_lam[rows]),
        )  # fmt: skip

    return Deviations((slice(0, len(feed)),) if behind else tuple(portions(len(feed), layout.neurons)), part)


def _of_part(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    maps: Maps,
    feed: Floats,
    loaded: bool,
    wrong: tuple[Floats | float, Floats | float],
) -> Deviation:
    """The distance from rest of some samples."""
    count = layout.neurons
    arrived, x, lam, mu = map(
        by_neuron, (recording.v[:, count:], recording.u[:, :count], recording.lam, recording.u[:, count:])
    )
    held = Fields(arrived + biases(graph), x, lam, mu if loaded else np.zeros_like(mu))
    data, wanted = np.split(feed, [len(layout.inputs)], axis=1)
    wrong_s, wrong_lam = wrong
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        load, none = _load(graph, layout, wanted), np.zeros_like(held.x)

        def away(given: Floats) -> Fields:
            s, x = _forward(graph, layout, arrived, maps, held, given, wrong_s)
            if not loaded:
                return Fields(s, x, none, none)
            returned = None if maps.passage.certain else recording.v[:, :count]
            return Fields(s, x, *_backward(graph, layout, returned, maps, held, (s, x), load, wrong_lam))

        resistance = graph.law.source_resistance
        off = _behind(resistance, away, data, held, layout) if loaded and resistance else away(data)
        terms = answer_terms(graph, held.x[:, layout.outputs], wanted) if loaded else none
        rounding = Rounding(
            lambda: rounding_of(graph, layout, maps, held, wanted if loaded else None),
            lambda size, away: rounding_bound(graph, layout, maps, size, away, terms if loaded else None),
        )
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


def _forward(
    graph: ScatteringGraph,
    layout: Layout,
    arrived: Floats,
    maps: Maps,
    held: Fields,
    data: Floats,
    wrong: Floats | float,
) -> tuple[Floats, Floats]:
    """Distances of pre-activations and states, rows in order; `arrived` (B, N) are the sums of what lines delivered."""
    passage, inputs = maps.passage, span(layout.inputs)
    off_s, off_x, sent = np.zeros_like(held.x), np.zeros_like(held.x), np.zeros_like(held.x)
    off_x[:, inputs] = held.x[:, inputs] - data
    expected = passage.forward_offset + wrong
    for site, forward in zip(graph.sites, maps.forward, strict=True):
        part = slice(site.start, site.stop)
        if site.role != "source":
            short = arrived[:, part] - expected[..., part] if passage.certain else 0.0
            np.subtract(short, forward(sent), out=off_s[:, part])
            phi = activation_function(site.function, site.slope).phi
            off_x[:, part] = held.x[:, part] - phi(held.s[:, part] - off_s[:, part])
        sent[:, part] = passage.sent(held.x[:, part] - off_x[:, part], False, part)
        if not passage.certain:  # what arrived is not known from what was sent, but how it would change is
            sent[:, part] -= passage.sent(held.x[:, part], False, part)
    return off_s, off_x


def _backward(
    graph: ScatteringGraph,
    layout: Layout,
    returned: Floats | None,
    maps: Maps,
    held: Fields,
    off: tuple[Floats, Floats],
    load: Callable[[Floats], Floats],
    wrong: Floats | float,
) -> tuple[Floats, Floats]:
    """Distances of costates, and of those of pre-activations, rows in reverse order; `returned` (B, N) are the sums of what
    lines brought back, where these do not follow from what was sent.
    """
    passage, (off_s, off_x) = maps.passage, off
    sent, off_mu = np.zeros_like(held.mu), np.zeros_like(held.mu)
    off_lam = held.lam - (passage.backward_offset + wrong if returned is None else returned)
    outputs = span(layout.outputs)
    off_lam[:, outputs] -= load(held.x[:, outputs] - off_x[:, outputs])
    if layout.shunt.any():
        off_lam -= layout.shunt * (held.x - off_x)
    for site, backward in zip(reversed(graph.sites), reversed(maps.backward), strict=True):
        part = slice(site.start, site.stop)
        off_lam[:, part] -= backward(sent)
        if site.role != "source":
            slope = activation_function(site.function, site.slope).dphi(held.s[:, part] - off_s[:, part])
            off_mu[:, part] = held.mu[:, part] - slope * (held.lam[:, part] - off_lam[:, part])
        sent[:, part] = passage.sent(held.mu[:, part] - off_mu[:, part], True, part)
        if not passage.certain:
            sent[:, part] -= passage.sent(held.mu[:, part], True, part)
    return off_lam, off_mu


def _load(graph: ScatteringGraph, layout: Layout, wanted: Floats) -> Callable[[Floats], Floats]:
    """What the load answers to the states of the outputs."""
    conductance = load_conductance(graph)
    gradient = loss_function(graph.loss).gradient
    return lambda x: conductance * gradient(x, wanted)
