"""Settling times that can be compared: against one band, whatever the noise.

With noise, or a send-on-change threshold, a sample counts as settled within a band that grows with them, so the time to
come within it falls as the substrate gets worse. What can be compared is the time to the tolerance itself, as without
noise.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from emulator.engine.effects import JITTER_CUT
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.noise_floor import SIGMAS
from emulator.measure.reference import Reference
from emulator.measure.result import SettleResult

Floats = NDArray[np.float64]


def comparable_time(result: SettleResult, exact: Reference) -> float | None:
    """Median time in which the settled samples come within the tolerance, in seconds; None where there is none.

    Where nothing blurs the rest it is the measured one. Where noise or a threshold do, a law that settles on arrival is
    taken to need until the last wave has landed, which noise does not change; of another law nothing is known unless
    the noise stays far below the tolerance.

    Parameters
    ----------
    result : SettleResult
    exact : Reference
        Of the same batch: its values are what the noise is small or large against.
    """
    if not result.settled.any():
        return None
    steps = result.settling_steps[result.settled]
    blur = _blur(result)
    if blur > 0:
        if result.graph.law.settles_on_arrival:
            landed = last_arrival(result.graph, result.tolerance, loaded=bool(exact.costates))
            steps = np.maximum(steps, min(landed, result.hold))
        elif blur > result.tolerance * _least_row(exact):
            return None
    return float(np.median(steps)) * result.graph.step


def last_arrival(graph: ScatteringGraph, tolerance: float, loaded: bool = True) -> int:
    """Steps until the last wave of a new sample has landed, jitter and bandwidth included, up to the tolerance."""
    lines = graph.hardware.lines
    pole = lines.filter_coefficient(graph.step)
    tail = 0.0 if pole == 1 else math.log(tolerance) / math.log1p(-pole)
    arrival = graph.arrival_times(math.ceil(JITTER_CUT * lines.jitter / graph.step) + math.ceil(tail))
    return int((arrival.costate if loaded else arrival.state).max())


def _blur(result: SettleResult) -> float:
    """By how much noise or threshold may move a wave."""
    noise, graph = result.graph.hardware.noise, result.graph
    thermal = float(family_of(graph.law).thermal(graph).max(initial=0.0))
    sigma = math.sqrt(noise.receiver**2 + thermal + noise.node.rms**2 + noise.flicker.rms**2)
    return max(SIGMAS * math.sqrt(2) * sigma, result.threshold)


def _least_row(exact: Reference) -> float:
    """The smallest row: median over the samples of its largest magnitude."""
    rows: list[Floats] = [*exact.states.values(), *exact.costates.values()]
    return min((float(np.median(np.abs(values).max(axis=1))) for values in rows if values.size), default=0.0)
