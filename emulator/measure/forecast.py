"""When a substrate will have settled: the deviation that a run starts with, followed through the linearised step.

The spectral radius says how deviations decay in the long run; a settling time also depends on which waves a run starts
with, and on how long they take to meet. So the actual deviation, that of a blank substrate or of the sample before, is
carried step by step until it has stayed within the tolerance for as long as it took to come there. Of two-way lines the
first round trip, in which waves are as large as what rests, goes through junctions that bend (`LinearStep.swept`); what
else is not linear about the way to rest is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.measure.linear_step import Floats, LinearStep, numbers
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint
from emulator.measure.stability import Prediction, linearised, radius_of

#: steps for which a deviation is followed, and numbers touched on the way; beyond, the radius takes over
FEWEST, MOST, _WORK = 200, 20_000, 2_000_000_000
#: a deviation of this many times what rests is beyond what is linear, and given up
GROWN = 1e30


@dataclass(frozen=True)
class Followed:
    """What became of a deviation.

    Parameters
    ----------
    within : float
        Step from which it stays within the tolerance, counted as `SettleResult.settling_steps` is and with the
        fraction of a step at which it crossed; inf where it was not within the tolerance at the end.
    left : float
        Its size at the end, relative to what states and costates are at rest.
    steps : int
        Steps for which it was followed.
    """

    within: float
    left: float
    steps: int


def follow(
    graph: ScatteringGraph,
    step: LinearStep,
    *,
    tolerance: float = 1e-3,
    before: LinearStep | None = None,
    most: int | None = None,
) -> Followed:
    """Carry a deviation from rest through the linearised step.

    Parameters
    ----------
    graph : ScatteringGraph
    step : LinearStep
        The linearised step near the rest that is sought.
    tolerance : float
        Of the largest magnitude at rest in each row of neurons.
    before : LinearStep, optional
        That of the sample before; a blank substrate by default.
    most : int, optional
        Steps after which to give up; by default as many as are affordable.
    """
    most = affordable(graph) if most is None else most
    scale, trip = _scale(graph, step), graph.longest_round_trip
    deviation = -step.rest if before is None else before.rest - step.rest
    above, outside, inside, left = 0, math.inf, 0.0, math.inf
    number = 0
    for number, shown in enumerate(islice(_shown(step, deviation), most), 1):
        left = float((np.abs(np.concatenate(shown)) / scale).max())
        if not left <= tolerance:
            above, outside = number, left
            if not left < GROWN:
                break
        elif number == above + 1:
            inside = left
        elif number > 2 * above + trip:
            break
    if not left <= tolerance:
        return Followed(math.inf, left, number)
    return Followed(max(0.0, above - step.lead + _fraction(outside, inside, tolerance)), left, number)


def _shown(step: LinearStep, deviation: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Deviations of state and costate (N,), step by step: while the first waves sweep through, and ever after."""
    for here, shown in step.swept(deviation):
        deviation = here
        yield shown
    while True:
        deviation = step @ deviation
        yield step.newest(deviation)


def settling_steps(
    graph: ScatteringGraph,
    point: Reference | OperatingPoint,
    *,
    tolerance: float = 1e-3,
    before: Reference | OperatingPoint | None = None,
    most: int | None = None,
) -> float:
    """Predict `SettleResult.settling_steps` of a sample, before any simulation.

    Parameters
    ----------
    graph : ScatteringGraph
    point : Reference or OperatingPoint
        Where the sample comes to rest: of a reference, the first sample.
    tolerance : float
        Relative settling tolerance, above 0 and below 1.
    before : Reference or OperatingPoint, optional
        Where the sample before rested; a blank substrate by default.
    most : int, optional
        Steps after which to estimate the rest of the way from the spectral radius.

    Returns
    -------
    float
        Steps, inf if it never settles.

    Raises
    ------
    EngineError
        If the tolerance is outside its range, a point does not suit the graph, or the law cannot be linearised.
    """
    if not 0 < tolerance < 1:
        raise EngineError(f"prediction: tolerance is {tolerance!r}; allowed: above 0 and below 1")
    step = linearised(graph, point)
    start = None if before is None else linearised(graph, before)
    radius, method = radius_of(step)
    found = follow(graph, step, tolerance=tolerance, before=start, most=most)
    return needed(found, Prediction(radius, tolerance, method))


def needed(found: Followed, prediction: Prediction) -> float:
    """Whole steps to within the tolerance: as followed, and beyond by the radius; inf if the radius forbids it."""
    if not (prediction.settles and found.left < GROWN):
        return math.inf
    if found.within < math.inf:
        return float(math.ceil(found.within))
    return float(found.steps + math.ceil(math.log(found.left / prediction.tolerance) / prediction.decay))


def affordable(graph: ScatteringGraph) -> int:
    """Steps for which it is affordable to follow a deviation."""
    return max(FEWEST, min(MOST, _WORK // numbers(graph)))


def _fraction(outside: float, inside: float, tolerance: float) -> float:
    """Where between two steps a decaying deviation crosses the tolerance, above 0 and at most 1."""
    if not math.isfinite(outside) or inside <= 0:
        return 1.0
    return math.log(outside / tolerance) / math.log(outside / inside)


def _scale(graph: ScatteringGraph, step: LinearStep) -> Floats:
    """Largest magnitude at rest in the row of every state and costate, (2N,); inf in rows that rest at 0."""
    starts, sizes = [site.start for site in graph.sites], [site.size for site in graph.sites]
    scales = []
    for values in step.resting:
        row = np.maximum.reduceat(np.abs(values), starts)
        scales.append(np.repeat(np.where(row > 0, row, np.inf), sizes))
    return np.concatenate(scales)
