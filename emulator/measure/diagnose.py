"""Why a run did not settle: the most specific true sentence, sought from cheap to expensive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from emulator.compile import with_law
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral, SeriesRC, Worldsheet
from emulator.measure.forecast import follow, needed
from emulator.measure.linearise import MOST_NUMBERS, numbers
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point
from emulator.measure.stability import Prediction, linearised, radius_of
from emulator.measure.synapses import synapses
from hwmodels import HardwareModel

#: spectral radius that a remedy must reach to be worth naming
_COMFORTABLE = 0.99
#: hardware fields that the linearised step takes into account, or that do not act on waves
_KNOWN = ("clock.", "energy.", "lines.delay")


def why_not_settled(
    graph: ScatteringGraph, point: Reference | OperatingPoint, *, hold: int, tolerance: float = 1e-3
) -> str:
    """Say why a sample did not settle.

    Parameters
    ----------
    graph : ScatteringGraph
    point : Reference or OperatingPoint
        Where the sample should have come to rest: of a reference, the first sample.
    hold : int
        Steps for which it was presented.
    tolerance : float
        Relative settling tolerance.

    Returns
    -------
    str
        A sentence without a full stop. Remedies it names were verified by computing the radius with them.

    Raises
    ------
    EngineError
        If the point does not suit the graph.
    """
    point = checked_point(graph, point)
    trip = _longest_trip(graph, point)
    if hold <= trip:
        way = "round trip" if point.loaded else "way of a state"
        return (
            f"the hold of {hold} steps does not outlast the longest {way} of {trip} steps; "
            f"it needs at least {trip + 1} steps"
        )
    warnings = graph.law.warnings()
    if warnings:
        return "; ".join(warnings)
    size = numbers(graph)
    if size > MOST_NUMBERS:
        return (
            "no reason found by the cheap tests; the spectral test was skipped: it would take about "
            f"{size} numbers, more than {MOST_NUMBERS}"
        )
    try:
        return _near_rest(graph, point, hold, tolerance) + _left_out(graph)
    except EngineError as error:
        return f"no reason found by the cheap tests; the spectral test was not possible: {error}"


def _near_rest(graph: ScatteringGraph, point: OperatingPoint, hold: int, tolerance: float) -> str:
    """What the linearised step says of a hold that outlasts the longest trip."""
    step = linearised(graph, point)
    radius, method = radius_of(step)
    prediction = Prediction(radius, tolerance, method)
    if not prediction.settles:
        return f"{prediction.sentence}; {_remedies(graph, point)}"
    steps = needed(follow(graph, step, tolerance=tolerance), prediction)
    if steps > hold:
        return (
            f"the hold of {hold} steps is too short: near its rest the substrate settles, but slowly "
            f"(spectral radius {radius:.4g}); about {steps:.0f} steps are predicted"
        )
    return (
        f"no reason found: the hold of {hold} steps outlasts the longest trip of {_longest_trip(graph, point)} steps, "
        f"and near its rest the substrate settles (spectral radius {radius:.4g}), within {steps:.0f} steps as predicted"
    )


def _longest_trip(graph: ScatteringGraph, point: OperatingPoint) -> int:
    """Steps until the last wave of a new sample has landed; without a load only states change."""
    if point.loaded:
        return graph.longest_round_trip
    return int((graph.arrival.state + np.maximum(*synapses(graph).longest(graph.neurons))).max())


def _left_out(graph: ScatteringGraph) -> str:
    """The hardware effects that the linearised step does not know, as a clause."""
    ideal = HardwareModel().flat()
    changed = [
        path
        for path, entry in graph.hardware.flat().items()
        if not path.startswith(_KNOWN) and (path not in ideal or entry.value != ideal[path].value)
    ]
    effects = dict.fromkeys(".".join(path.split(".")[:2]) for path in changed if path != "lines.impedance")
    return f" (of an ideal substrate: {', '.join(effects)} left out)" if effects else ""


def _remedies(graph: ScatteringGraph, point: OperatingPoint) -> str:
    """The mildest change of each setting of the law, alone, that brings the spectral radius well below 1."""
    law = graph.law
    if not isinstance(law, Worldsheet | Bilateral):
        return f"law {law.name} has no setting that could be tried"
    found, settings = [], []
    for setting, values in _changes(law) if isinstance(law, Worldsheet) else _changes_two_way(law):
        settings.append(setting)
        for value in values:
            change: dict[str, Any] = {setting: value}
            radius, _ = radius_of(linearised(with_law(graph, replace(law, **change)), point))
            if radius < _COMFORTABLE:
                shown = f"{value:g}" if isinstance(value, float) else value
                found.append(f"{setting} = {shown} (spectral radius {radius:.3g})")
                break
    if not found:
        names = f"{', '.join(settings[:-1])} or {settings[-1]}"
        return f"no change of {names} alone that was tried brings it below {_COMFORTABLE}"
    return f"settles near rest: {' or '.join(found)}"


def _changes(law: Worldsheet) -> Iterator[tuple[str, list[float]]]:
    """Values to try for each setting, mildest first: less coupling, more dissipation, less impedance."""
    yield "gamma", _rounded([law.gamma / 2**k for k in range(1, 7)])
    yield "beta", [beta for beta in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0) if beta > law.beta]
    yield "impedance", _rounded([law.impedance / 2**k for k in range(1, 7)])


def _changes_two_way(law: Bilateral) -> Iterator[tuple[str, Sequence[float | SeriesRC]]]:
    """The same for two-way lines: less bandwidth, less impedance, a termination."""
    yield "bandwidth", _rounded([law.bandwidth / 2**k for k in range(1, 5)])
    yield "impedance", _rounded([law.impedance / 2**k for k in range(1, 7)])
    yield "far_end", [SeriesRC()] if law.far_end is None else []


def _rounded(values: list[float]) -> list[float]:
    return [float(f"{value:.3g}") for value in values]
