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
_SAMPLES, _SEED, _TOLERANCE = 2, 0, 1e-3
#: numbers touched for one graph; one that would need more keeps to the rule
_WORK = 400_000_000
#: by how much a margin to one answer may be smaller than with the first of the impedances, and where there is enough of it
_NARROWER, _SINGLE = 1.1, 0.8
#: steps of the first that another has to save
_WORTH = 0.05


def soonest(graphs: Sequence[ScatteringGraph]) -> int:
    """Which of some graphs, that differ in their impedance, is predicted to settle soonest; the first where it is not known.

    Others have to be clearly sooner, with junctions as sure to have one answer.
    """
    first = graphs[0]
    most = min(affordable(first), _WORK // (_SAMPLES * numbers(first)))
    if most < first.longest_round_trip:
        return 0
    try:
        points = _points(first)
        best, sure = _steps(first, points, most), max(_NARROWER * largest_margin(as_held(first), points), _SINGLE)
        chosen, best = 0, (1 - _WORTH) * best if math.isfinite(best) else float(most)
        for k, graph in enumerate(graphs[1:], 1):
            steps = _steps(graph, points, min(most, math.ceil(best)))
            if steps < best and largest_margin(as_held(graph), points) <= sure:
                chosen, best = k, steps
    except EngineError:  # this substrate cannot be predicted
        return 0
    return chosen


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
