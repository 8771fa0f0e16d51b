"""When each neuron came to stay where it ends, from the movements that a run recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from emulator.engine import Recording
from emulator.engine.recording import FAR, ZERO_ROW
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.measure.fields import Fields
from emulator.measure.rows import largest
from emulator.measure.synapses import Floats


def last_entry(
    recording: Recording,
    column: str,
    end: Floats,
    band: Callable[[np.ndarray, np.ndarray], Floats],
    before: Floats,
    hold: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Step (since the sample began) at which each neuron came within its band for good, and whether it did.

    What the program has judged itself stays if it is within its band at the end of the hold, which is left to the caller.

    Parameters
    ----------
    recording : Recording
        With the movements of B samples, in order of time.
    column : {"x", "lam"}
        What moves.
    end : (B, N)
        The middle of the band; without movement a neuron is where it was a sample before.
    band : callable
        Gives half the width of the band, of samples and neurons as they broadcast; asked for what is left to judge.
    before : (N,)
        The middle before the first sample.
    hold : int
        Steps per sample.

    Returns
    -------
    steps, stays : (B, N)
    """
    moved = recording.moved
    if moved is None:
        raise EngineError("the recording was made without the probe")
    count = end.shape[1]
    if recording.entered is None:
        carried = np.vstack([before, end[:-1]])
        wide = band(np.arange(len(end))[:, np.newaxis], np.arange(count))
        found = _searched(None, moved, column, (end.ravel(), wide.ravel(), carried.ravel()), count, hold)
        return found[0].reshape(end.shape), found[1].reshape(end.shape)
    steps, stays = recording.entered[column], np.ones(end.shape, bool)
    place = np.flatnonzero(steps < 0)
    if len(place):
        left = sample, neuron = np.divmod(place, count)
        carried = np.where(sample, end[sample - 1, neuron], before[neuron])
        steps = steps.copy()
        steps[left], stays[left] = _searched(place, moved, column, (end[left], band(*left), carried), count, hold)
    return steps, stays


def _searched(
    place: np.ndarray | None,
    moved: dict[str, np.ndarray],
    column: str,
    given: tuple[Floats, Floats, Floats],
    count: int,
    hold: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The same of some neurons, at places, in order, in arrays (B, N) as a whole, or of all.

    `given` are, of each, the middle of its band, half its width, and where it was a sample before.
    """
    end, band, carried = given
    sample = moved["step"] // hold
    at, step, value = sample * count + moved["neuron"], moved["step"] - sample * hold, moved[column]
    if place is not None:  # movements of others are of no interest
        number = np.minimum(np.searchsorted(place, at), len(place) - 1)
        ours = place[number] == at
        at, step, value = number[ours], step[ours], value[ours]
    outside = ~(np.abs(value - end[at]) <= band[at])
    stays = np.abs(carried - end) <= band
    # of several movements of a neuron in a sample the last one written stays, and so the last in time
    left = np.where(stays, hold, -1)
    left[at[outside]] = step[outside]
    stays[at] = ~outside
    came = ~outside & (step > left[at])
    steps = np.zeros(len(end), np.int64)
    steps[at[came][::-1]] = step[came][::-1]
    steps[~stays] = hold
    return steps, stays


def certain(size: Fields, away: Fields, band: Fields, resolution: float, loaded: bool) -> np.ndarray:
    """Samples (B,) of which no neuron that the program has judged could be judged otherwise, now that their rest is known.

    What it took for inside was within a `resolution` of what was held, what it took for outside was more than `FAR`
    resolutions of its row from there; see `emulator.engine.entries`.

    Parameters
    ----------
    size, away, band : Fields of (B, R)
        Of every row the largest value at rest and distance from there, and half the width of the band.
    resolution : float
        What the program was given.
    loaded : bool
        Whether costates count.
    """
    sure = np.ones(len(size.x), bool)
    for name in ("x", "lam")[: 1 + loaded]:
        most, off, within = (getattr(one, name) for one in (size, away, band))
        sure &= (resolution * (most + off) + off <= within).all(axis=1)
        least = most - off
        far = FAR * resolution * np.maximum(least, ZERO_ROW * least.max(axis=1, keepdims=True))
        sure &= (off + within <= far).all(axis=1)
    return sure


def certain_by_rows(
    graph: ScatteringGraph,
    entered: Mapping[str, np.ndarray],
    size: Fields,
    away: Fields,
    band: Fields,
    tolerance: float,
    loaded: bool,
) -> np.ndarray:
    """The same where what is held is only near to where it rests, and a program took ``tolerance`` times the largest that is held
    of a row for half its band; see `emulator.families.bilateral.entering`.

    Parameters
    ----------
    graph : ScatteringGraph
    entered : mapping of (B, N)
        With the widths, the same for the neurons of a row.
    size, away, band : Fields of (B, R)
    tolerance : float
    loaded : bool
    """
    sure = np.ones(len(size.x), bool)
    for name in ("x", "lam")[: 1 + loaded]:
        most, off, within = (getattr(one, name) for one in (size, away, band))
        width = largest(graph, entered[f"width_{name}"])
        sure &= ((1 - width) * tolerance * (most + off) + off <= within).all(axis=1)
        least = most - off
        far = (1 + width) * tolerance * np.maximum(least, ZERO_ROW * least.max(axis=1, keepdims=True))
        sure &= (off + within <= far).all(axis=1)
    return sure
