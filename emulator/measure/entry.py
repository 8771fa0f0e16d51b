"""When each neuron came to stay where it ends, from the movements that a run recorded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emulator.engine import Recording
from emulator.engine.recording import FAR, ZERO_ROW
from emulator.errors import EngineError
from emulator.measure.fields import Fields
from emulator.measure.synapses import Floats


def last_entry(
    recording: Recording, column: str, end: Floats, band: Callable[[], Floats], before: Floats, hold: int
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
        Gives half the width of the band, (B, N); asked for where there is something left to judge.
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
    if recording.entered is None:
        found = _searched(np.arange(end.size), moved, column, end, band(), before, hold)
        return found[0].reshape(end.shape), found[1].reshape(end.shape)
    steps, stays = recording.entered[column], np.ones(end.shape, bool)
    left = np.flatnonzero(steps < 0)
    if len(left):
        steps = steps.copy()
        steps.ravel()[left], stays.ravel()[left] = _searched(left, moved, column, end, band(), before, hold)
    return steps, stays


def _searched(
    place: np.ndarray, moved: dict[str, np.ndarray], column: str, end: Floats, band: Floats, before: Floats, hold: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same of some neurons: places, in order, in arrays (B, N) as a whole."""
    count = end.shape[1]
    sample = moved["step"] // hold
    at, step, value = sample * count + moved["neuron"], moved["step"] - sample * hold, moved[column]
    if len(place) < end.size:  # movements of others are of no interest
        number = np.minimum(np.searchsorted(place, at), len(place) - 1)
        ours = place[number] == at
        at, step, value = number[ours], step[ours], value[ours]
    carried = np.where(place < count, before[place % count], end.ravel()[place - count])
    end, band = end.ravel()[place], band.ravel()[place]
    outside = ~(np.abs(value - end[at]) <= band[at])
    stays = np.abs(carried - end) <= band
    # of several movements of a neuron in a sample the last one written stays, and so the last in time
    left = np.where(stays, hold, -1)
    left[at[outside]] = step[outside]
    stays[at] = ~outside
    came = ~outside & (step > left[at])
    steps = np.zeros(len(place), np.int64)
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
