"""Did it settle, and when: decided from the substrate's own data alone.

A sample has settled at T if from T to the end of its hold every state and costate stays within `tolerance` times the
largest magnitude in its row of neurons of where the substrate rests. Where that is follows from what its rest equations
lack at the end of the hold (`emulator.measure.deviation`), not from where its waves happen to be: a wave that still moves
slowly, a charge that still flows, a value that is still under way is a distance from rest. What is held then, of every
layer, is within the tolerance of rest; what each port sent since it came within its band has landed; and where nodes
reflect, it was still for as long as `stillness` says. Without a load there are no costates to judge, though waves may run
back.

What a rest cannot be told apart from does not count: round-off, and what noise and the send-on-change threshold may come
to. But where these are as large as the signal of a row, the sample is lost in them, and not settled. The signal of a row
is the largest value in the batch, since costates are 0 where there is nothing to learn: noise decides on a batch, not on a
sample that the network has met already. Of states below a threshold, it is that of the sample. For two-way lines there is
no bound of what a threshold holds back, since it echoes: there its whole effect is a distance from rest, and settled means
within the tolerance in spite of it.

Every row is measured by its own values, however small: neurons that saturate one and all rest at 1e-28, say, and a law that
approaches its rest by and by is settled only once it is as near as that asks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import reduce

import numpy as np

from emulator.engine import Layout, Recording
from emulator.engine.effects import JITTER_CUT
from emulator.engine.recording import BAND, ZERO_ROW
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.deviation import Deviation
from emulator.measure.entry import certain, certain_by_rows, last_entry
from emulator.measure.fields import Fields
from emulator.measure.noise_floor import SIGMAS, noise_floor, noisy
from emulator.measure.readout import by_layer
from emulator.measure.result import Floats
from emulator.measure.rows import finite as finite_rows
from emulator.measure.rows import largest, spread
from emulator.measure.synapses import synapses

#: the probe's resolution as a fraction of the tolerance: movements below it are not recorded
RESOLUTION = 1 / BAND
#: how long reflecting nodes must have been still: longest round trips, and share of the hold
STILL_TRIPS, STILL_SHARE = 2, 0.1
#: share of a row's largest magnitude beyond which a threshold has cost the row its value
LOST_SHARE = 0.5
_TINY = sys.float_info.min
Band = Callable[[np.ndarray, np.ndarray], Floats]
_FIELDS = ("s", "x", "lam", "mu")

#: outcomes of a sample
SETTLED, NOT_SETTLED, NOISE, THRESHOLD = "settled", "not settled", "lost in noise", "below the threshold"
#: why a sample that did not settle is none whose hold is to blame
LOST = {
    NOISE: f"in some row of neurons {SIGMAS:g} standard deviations of the noise exceed the largest value",
    THRESHOLD: f"what the ports hold back costs some row of neurons more than {LOST_SHARE:g} of its largest value",
}


@dataclass(frozen=True)
class Verdict:
    """Outcome per sample, B samples and N neurons.

    Parameters
    ----------
    settled : (B,) bool
    outcome : (B,) str
        ``settled``, ``not settled``, ``lost in noise`` or ``below the threshold``.
    steps : (B,) int64
        Steps from the presentation of the sample to T; the hold where it did not settle.
    finite : (B,) bool
        Whether everything stayed finite: all that is held, and where the substrate would rest.
    residual : (B,)
        Largest residual at the end of the hold, relative to the magnitude of its row (`_measure`).
    deviation : (B,)
        Largest distance from rest at the end of the hold, relative to the same.
    sure : (B,) bool
        Whether no movement that a program has judged itself could be judged otherwise; of samples that are not near their
        rest, where it is of no account, true.
    """

    settled: np.ndarray
    outcome: np.ndarray
    steps: np.ndarray
    finite: np.ndarray
    residual: np.ndarray
    deviation: np.ndarray
    sure: np.ndarray

    def only(self, samples: slice) -> Verdict:
        """The verdict on some samples."""
        return Verdict(**{part.name: getattr(self, part.name)[samples] for part in fields(self)})


def stillness(graph: ScatteringGraph, hold: int, loaded: bool = True) -> int:
    """Steps at the end of a hold for which a substrate must have been at rest.

    Where nodes reflect, what was sent may come back: two longest round trips, and a tenth of the hold. Where they do
    not, a wave that has landed is gone.
    """
    if graph.law.settles_on_arrival:
        return 1
    return max(STILL_TRIPS * longest_trip(graph, loaded), int(np.ceil(STILL_SHARE * hold)))


def hold_for(graph: ScatteringGraph, steps: float, loaded: bool = True) -> float:
    """The shortest hold in which a substrate that rests after so many steps is found settled."""
    if graph.law.settles_on_arrival:
        return steps + 1
    return max(steps + STILL_TRIPS * longest_trip(graph, loaded), float(np.ceil(steps / (1 - STILL_SHARE))))


def longest_trip(graph: ScatteringGraph, loaded: bool) -> int:
    """Steps until the last wave of a new sample has landed; without a load only states change."""
    if loaded:
        return graph.longest_round_trip
    return int((graph.arrival.state + np.maximum(*synapses(graph).longest(graph.neurons))).max())


def judge(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    found: Iterable[Deviation],
    feed: Floats,
    *,
    hold: int,
    tolerance: float,
    q: float,
    loaded: bool,
) -> Verdict:
    """Judge every sample of a recording made with the probe on, given its distance from rest.

    Parameters
    ----------
    graph, layout, recording
        What ran.
    found : iterable of Deviation
        Of one run of samples after another, from `emulator.measure.deviation.deviation`.
    feed : (B, inputs + outputs)
        Data and targets, which tell whether a sample differs from the one before.
    hold : int
        Steps.
    tolerance : float
        Relative settling tolerance.
    q : float
        Send-on-change threshold.
    loaded : bool
        Whether the load answered.
    """
    with np.errstate(invalid="ignore", over="ignore", under="ignore", divide="ignore"):
        blurred = blurs(graph, q)
        signal = None
        if blurred:
            found = several = tuple(found)
            signal = _signal(graph, several)
        cone = _light_cone(graph, layout, feed, loaded) if blurred else np.zeros(len(feed), np.int64)
        nothing = np.zeros(layout.neurons)
        parts, start, before = list[Verdict](), 0, Fields(nothing, nothing, nothing, nothing)
        for one in found:
            rows = slice(start, start + len(one.held.x))
            parts.append(
                _of_part(
                    graph, layout, recording.part(rows, hold), one, signal, cone[rows], before, feed[rows],
                    hold=hold, tolerance=tolerance, q=q, loaded=loaded,
                )
            )  # fmt: skip
            start, before = rows.stop, _each(lambda values: values[-1].copy(), _centre(one, blurred))
            del one  # before the next is worked out
    return Verdict(*(np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(Verdict)))


def blurs(graph: ScatteringGraph, q: float) -> bool:
    """Whether noise or a threshold blur where a substrate rests."""
    return q > 0 or noisy(graph)


def _centre(found: Deviation, blurred: bool) -> Fields:
    """What movements are measured from: the rest, or, where noise or a threshold blur it, the end."""
    return found.held if blurred else found.rest


def _signal(graph: ScatteringGraph, found: Sequence[Deviation]) -> Fields:
    """The largest value of every row in the batch, at each of its neurons (1, N)."""
    most = [_each(lambda values: np.abs(values).max(axis=0, keepdims=True), one.rest) for one in found]
    return _each(lambda *sizes: spread(graph, largest(graph, np.max(sizes, axis=0))), *most)


def _of_part(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    found: Deviation,
    signal: Fields | None,
    cone: np.ndarray,
    before: Fields,
    feed: Floats,
    *,
    hold: int,
    tolerance: float,
    q: float,
    loaded: bool,
) -> Verdict:
    """Judge some samples; `signal` (1, N) of the batch where noise or a threshold blur, `before` (N,) the centre before."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore", divide="ignore"):
        off, rest = found.off, found.rest
        scale, away = (_each(lambda values: largest(graph, values), one) for one in (rest, off))
        rounding = found.rounding.of_rows(graph, scale, away, tolerance)
        measure = _measure(found, scale, rounding)
        strict = _each(lambda size, least: np.maximum(tolerance * size, least), measure, rounding)
        finite = _finite(graph, recording, loaded)
        for name in _FIELDS:
            finite &= finite_rows(getattr(away, name)) & finite_rows(getattr(scale, name))
        lost_in_noise, lost_below = np.zeros((2, len(cone)), bool)
        sure = np.ones(len(cone), bool)
        if signal is None:
            near = _all(np.less_equal, away, strict)
            if loaded:
                near &= _joined(graph, found, tolerance)
            if recording.entered is not None and "width_x" in recording.entered:
                sure = certain_by_rows(graph, recording.entered, scale, away, strict, tolerance, loaded)
            elif recording.entered is not None:
                sure = certain(scale, away, strict, RESOLUTION * tolerance, loaded)

            row = np.repeat(np.arange(len(graph.sites)), [site.size for site in graph.sites])

            def motion(name: str) -> Band:
                return lambda sample, neuron: np.maximum(getattr(strict, name)[sample, row[neuron]], _TINY)

        else:
            allowed = _each(lambda values: spread(graph, values), strict)
            noise = noise_floor(graph, layout, found.held, feed)
            if noise is not None:
                lost_in_noise = ~_all(lambda s, size: (SIGMAS * s <= size) | np.isinf(s), noise, signal)
                allowed = _each(lambda a, sigma: np.maximum(a, SIGMAS * np.sqrt(2) * sigma), allowed, noise)
            blurred = allowed

            def motion(name: str) -> Band:
                return lambda sample, neuron: np.maximum(getattr(blurred, name)[sample, neuron], max(q, _TINY))

            if q > 0:
                own = Fields(spread(graph, scale.s), spread(graph, scale.x), signal.lam, signal.mu)
                lost_below = ~_all(lambda d, size, a: np.abs(d) <= np.maximum(LOST_SHARE * size, a), off, own, allowed)
                bound = family_of(graph.law).held_back(graph, rest, q, loaded)
                if bound is not None:
                    allowed = _each(np.add, allowed, bound)
            near = _all(lambda d, a: np.abs(d) <= a, off, allowed)
        centre = _centre(found, signal is not None)
        state_steps, stays = last_entry(recording, "x", centre.x, motion("x"), before.x, hold)
        at_rest, latest = stays.all(axis=1), state_steps
        if loaded:
            steps, stays = last_entry(recording, "lam", centre.lam, motion("lam"), before.lam, hold)
            at_rest, latest = at_rest & stays.all(axis=1), np.maximum(state_steps, steps)
        residual = np.maximum(
            _by_row(graph, recording.state_residual) / np.maximum(measure.x, _TINY),
            _by_row(graph, recording.costate_residual) / np.maximum(measure.lam, _TINY),
        )
        away = _each(lambda d, size: d / np.maximum(size, _TINY), away, measure)
    late = int(np.ceil(JITTER_CUT * graph.hardware.lines.jitter / graph.step))
    count = layout.neurons
    there, back = (state_steps + layout.longest[:count]).max(axis=1), (latest + layout.longest[count:]).max(axis=1)
    landed = np.maximum(there, back) + late < hold
    steps = latest.max(axis=1)
    if signal is not None:
        steps = np.maximum(steps, cone)
    still = steps + stillness(graph, hold, loaded) <= hold
    at_rest = finite & near & at_rest & landed & still
    settled = at_rest & ~lost_in_noise & ~lost_below
    outcome = np.full(len(settled), NOT_SETTLED, dtype=object)
    outcome[settled] = SETTLED
    outcome[finite & lost_below] = THRESHOLD
    outcome[finite & lost_in_noise] = NOISE
    return Verdict(
        settled=settled,
        outcome=outcome,
        steps=np.where(settled, steps, hold).astype(np.int64),
        finite=finite,
        residual=residual.max(axis=1),
        deviation=reduce(np.maximum, (getattr(away, name) for name in _FIELDS)).max(axis=1),
        sure=sure | ~(finite & near),
    )


def _each(function: Callable[..., Floats], *fields: Fields) -> Fields:
    """A function of each field's values."""
    return Fields(*(function(*(getattr(one, name) for one in fields)) for name in _FIELDS))


def _all(test: Callable[..., np.ndarray], *fields: Fields) -> np.ndarray:
    """For every sample, whether all values of all fields pass a test."""
    passed = [test(*(getattr(one, name) for one in fields)).all(axis=1) for name in _FIELDS]
    return np.asarray(np.all(passed, axis=0))


def _by_row(graph: ScatteringGraph, residual: Floats) -> Floats:
    """The largest residual of every row (B, R): as it was recorded, or of those of all neurons (B, N)."""
    return residual if residual.shape[1] == len(graph.sites) < graph.neurons else largest(graph, residual)


def _measure(found: Deviation, scale: Fields, rounding: Fields) -> Fields:
    """What the distances from rest of every row are held against: its own size, if it is more than round-off."""
    states = scale.x.max(axis=1, keepdims=True)
    costates = np.maximum(scale.lam.max(axis=1), found.answer)[:, np.newaxis]
    sample = Fields(states, states, costates, costates)
    return _each(lambda size, least, whole: np.where(size > least, size, ZERO_ROW * whole), scale, rounding, sample)


def _joined(graph: ScatteringGraph, found: Deviation, tolerance: float) -> np.ndarray:
    """Whether what comes back to each concatenation, which has no neurons, is as near to rest as all else."""
    layers = [layer for layer in graph.network.layers if layer not in graph.layer_sites]
    near = np.ones(len(found.held.x), bool)
    if not layers:
        return near
    off, rest, rounding = (
        by_layer(graph, values.x, values.s, values.lam, values.mu)[1]
        for values in (found.off, found.rest, found.rounding.fields)
    )
    for layer in layers:
        size, least = np.abs(rest[layer]).max(axis=1), np.abs(rounding[layer]).max(axis=1)
        whole = ZERO_ROW * np.abs(found.rest.lam).max(axis=1)
        near &= np.abs(off[layer]).max(axis=1) <= np.maximum(tolerance * np.where(size > least, size, whole), least)
    return near


def _light_cone(graph: ScatteringGraph, layout: Layout, feed: Floats, loaded: bool) -> np.ndarray:
    """Steps (B,) before which not every value can have changed: 0 for a sample that is the same as the one before."""
    before = np.vstack([np.zeros((1, feed.shape[1])), feed[:-1]])
    inputs = len(layout.inputs)
    fresh = (feed[:, :inputs] != before[:, :inputs]).any(axis=1)
    arrival = graph.arrival
    first = arrival.first_state[arrival.first_state < graph.longest_round_trip + 1].max(initial=0)
    steps = np.where(fresh, first, 0)
    if loaded:
        first = arrival.first_costate[arrival.first_costate <= graph.longest_round_trip].max(initial=0)
        steps = np.where((feed != before).any(axis=1), np.maximum(steps, first), steps)
    return steps


def _finite(graph: ScatteringGraph, recording: Recording, loaded: bool) -> np.ndarray:
    """Samples of which all that is not in their `Deviation` is finite to the end of the hold."""
    count = graph.neurons
    returned = finite_rows(recording.v[:, :count])
    return returned if loaded else np.asarray(returned & finite_rows(recording.u[:, count:]))
