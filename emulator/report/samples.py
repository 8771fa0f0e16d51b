"""One recorded sample: how far everything is from where it rests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.measure import SettleResult, Traces

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampleTrace:
    """A sample of a recorded run; T steps of its hold, N neurons, E events.

    Parameters
    ----------
    seconds : (T,)
        Time of every step since the sample was presented.
    state, costate : (T, N)
        Distance of each neuron from where it rests, relative to the largest value at rest in its row of neurons; NaN
        where that is not finite.
    port, event_seconds : (E,)
        Port and time of every event; ports below N send states, the others costates.
    """

    seconds: Floats
    state: Floats
    costate: Floats
    port: NDArray[np.int64]
    event_seconds: Floats


def traces_of(result: SettleResult) -> Traces:
    """The recording in a result.

    Raises
    ------
    ValueError
        If it was made without.
    """
    if result.traces is None:
        raise EngineError("the result has no traces; allowed: one of settle(..., traces=True)")
    return result.traces


def sample_trace(result: SettleResult, sample: int) -> SampleTrace:
    """Cut one sample out of a recording."""
    traces, hold, step = traces_of(result), result.hold, result.graph.step
    part = slice(sample * hold, (sample + 1) * hold)
    inside = (traces.step >= part.start) & (traces.step < part.stop)
    return SampleTrace(
        seconds=np.asarray(np.arange(hold) * step, np.float64),
        state=deviation(result.graph, traces.x[part], traces.rest_x[sample]),
        costate=deviation(result.graph, traces.lam[part], traces.rest_lam[sample]),
        port=traces.port[inside],
        event_seconds=np.asarray((traces.step[inside] - part.start) * step, np.float64),
    )


def deviation(graph: ScatteringGraph, values: Floats, rest: Floats) -> Floats:
    """Distance (T, N) of values (T, N) from their rest (N,), relative to the largest of the rest in each site."""
    with np.errstate(all="ignore"):
        scale = np.concatenate([np.full(s.size, np.abs(rest[s.start : s.stop]).max()) for s in graph.sites])
        relative = np.abs(values - rest) / np.where(scale > 0, scale, 1.0)
    relative[~np.isfinite(relative)] = np.nan
    return relative
