"""When each neuron came to stay where it ends, from the movements that a run recorded."""

from __future__ import annotations

import numpy as np

from emulator.engine import Recording
from emulator.errors import EngineError
from emulator.measure.synapses import Floats


def last_entry(
    recording: Recording, column: str, end: Floats, band: Floats, before: Floats, hold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Step (since the sample began) at which each neuron came within its band for good, and whether it did.

    Parameters
    ----------
    recording : Recording
        With the movements of B samples, in order of time.
    column : {"x", "lam"}
        What moves.
    end, band : (B, N)
        The middle and half the width of the band; without movement a neuron is where it was a sample before.
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
    samples, count = end.shape
    sample = moved["step"] // hold
    at, step = sample * count + moved["neuron"], moved["step"] - sample * hold
    outside = ~(np.abs(moved[column] - end.ravel()[at]) <= band.ravel()[at])
    carried = np.vstack([before[np.newaxis], end[:-1]])
    stays = (np.abs(carried - end) <= band).ravel()
    # of several movements of a neuron in a sample the last one written stays, and so the last in time
    left = np.where(stays, hold, -1)
    left[at[outside]] = step[outside]
    stays[at] = ~outside
    came = ~outside & (step > left[at])
    steps = np.zeros(samples * count, np.int64)
    steps[at[came][::-1]] = step[came][::-1]
    steps[~stays] = hold
    return steps.reshape(end.shape), stays.reshape(end.shape)
