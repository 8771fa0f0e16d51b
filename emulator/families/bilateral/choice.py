"""Which of some impedances a network's two-way lines should have: that with which it is predicted to settle soonest.

Nobody has presented anything yet when a network is compiled, so samples of order 1 stand for what will come, always the same
ones. What settles soonest depends on how the junctions of this very network reflect; no rule of its depth says it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from emulator.errors import EngineError
from emulator.families.bilateral.answers import largest_margin
from emulator.families.bilateral.held import as_held
from emulator.families.bilateral.scattering import BilateralStep
from emulator.graph import ScatteringGraph
from emulator.measure.forecast import affordable, follow
from emulator.measure.linear_step import numbers
from emulator.measure.reference import reference
from emulator.measure.rest import OperatingPoint, exact_point

#: samples that stand for all, the seed of them, and the tolerance of what is predicted
_SAMPLES, _SEED, _TOLERANCE = 3, 0, 1e-3
#: numbers touched for one graph; one that would need more keeps to the rule
_WORK = 600_000_000
#: by how much a margin to one answer may be smaller than with the rule's impedance, and where there is enough of it
_NARROWER, _SINGLE = 1.1, 0.8
#: share of the steps within which two impedances are alike
_ALIKE = 0.1


@np.errstate(all="ignore")  # weights may be beyond all scales
def soonest(graphs: Sequence[ScatteringGraph]) -> int:
    """Which of some graphs, that differ in their impedance, is predicted to settle soonest; the first where it is not known.

    Of those that are alike it is that of the highest impedance: on the way from a blank substrate waves are larger than what
    is predicted near rest, and high impedances let them die sooner. Junctions have to be about as sure to have one answer
    as with the first.
    """
    first = graphs[0]
    most = min(affordable(first), _WORK // (_SAMPLES * numbers(first)))
    if most < first.longest_round_trip:
        return 0
    try:
        points = _points(first)
        if not all(np.isfinite(values).all() for point in points for values in (point.x, point.s, point.lam)):
            return 0
        sure = max(_NARROWER * largest_margin(as_held(first), points), _SINGLE)
        times, best = dict[int, float](), math.inf
        for k, graph in enumerate(graphs):
            if k == 0 or largest_margin(as_held(graph), points) <= sure:
                times[k] = _steps(
                    graph, points, int(min(most, math.ceil((1 + _ALIKE) * best)) if best < math.inf else most)
                )
                best = min(best, times[k])
    except EngineError:  # this substrate cannot be predicted
        return 0
    alike = [k for k, steps in times.items() if steps <= (1 + _ALIKE) * best < math.inf]
    return max(alike, key=lambda k: graphs[k].law.impedance, default=0)


def _points(graph: ScatteringGraph) -> list[OperatingPoint]:
    """Rests of samples of order 1 that no hardware moves."""
    draws = np.random.default_rng(_SEED)
    network = graph.network
    inputs = {name: draws.normal(size=(_SAMPLES, network.size(name))) for name in network.inputs}
    size = network.size(network.output)
    wanted = draws.normal(size=(_SAMPLES, size)) if graph.loss == "mse" else draws.integers(size, size=_SAMPLES)
    exact = reference(network, inputs, wanted)
    return [exact_point(graph, exact, k) for k in range(_SAMPLES)]


def _steps(graph: ScatteringGraph, points: Sequence[OperatingPoint], most: int) -> float:
    """Predicted settling time of the slowest sample, each from a blank substrate; inf where it takes longer than `most`."""
    held, worst = as_held(graph), 0.0
    for point in points:
        worst = max(worst, follow(held, BilateralStep(held, point), tolerance=_TOLERANCE, most=most).within)
        if not worst <= most:
            return math.inf
    return worst
