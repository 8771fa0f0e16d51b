"""Why a run did not settle: the most specific true sentence, sought from cheap to expensive."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from emulator.engine.claims import SHARED, unclaimed
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.dynamic_range import lost_in_rounding
from emulator.measure.forecast import GROWN, follow, needed
from emulator.measure.linear_step import MOST_NUMBERS, numbers
from emulator.measure.reference import Reference
from emulator.measure.remedies import remedies
from emulator.measure.rest import OperatingPoint, checked_point, operating_point
from emulator.measure.settling import hold_for, longest_trip
from emulator.measure.stability import Prediction, linearised, radius_of

#: spectral radius that a remedy must reach to be worth naming
_COMFORTABLE = 0.99
#: numbers of a step up to which it is linearised before every run
_FORESEEN = 100_000


@dataclass(frozen=True)
class Finding:
    """What is known of a hold: a sentence without a full stop, and whether it says why samples will not settle."""

    sentence: str
    is_reason: bool


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
        A sentence without a full stop. Remedies it names were verified by the prediction with them.

    Raises
    ------
    EngineError
        If the point does not suit the graph.
    """
    return expected(graph, point, hold=hold, tolerance=tolerance).sentence


def forewarning(
    graph: ScatteringGraph, point: Reference | OperatingPoint, *, hold: int, tolerance: float = 1e-3
) -> str | None:
    """Say before a run why a sample will not settle, and what would help; None where it will, or nothing is known.

    It also says where junctions of two-way lines may have more than one answer (`emulator.families.bilateral.answers`).

    Parameters and errors are as for `why_not_settled`; it never takes long, and is silent on networks for which it would.
    """
    if graph.law.settles_on_arrival and hold > graph.longest_round_trip:
        return None
    found = expected(graph, point, hold=hold, tolerance=tolerance, most=_FORESEEN)
    said = [found.sentence] if found.is_reason else []
    if _beyond(graph, point):
        return found.sentence
    said += (
        [several] if (several := family_of(graph.law).foreseen(graph, checked_point(graph, point))) is not None else []
    )
    return "; ".join(said) or None


def expected(
    graph: ScatteringGraph,
    point: Reference | OperatingPoint,
    *,
    hold: int,
    tolerance: float = 1e-3,
    most: int | None = None,
) -> Finding:
    """What the tests from cheap to expensive say of a hold; as for `why_not_settled`.

    With `most`, the spectral test is skipped for steps that hold more numbers.
    """
    if _beyond(graph, point):
        return Finding("the exact answer, too, is beyond all numbers; smaller data or weights are needed", True)
    point = checked_point(graph, point)
    trip = longest_trip(graph, point.loaded)
    if hold <= trip:
        way = "round trip" if point.loaded else "way of a state"
        return Finding(
            f"the hold of {hold} steps does not outlast the longest {way} of {trip} steps; "
            f"it needs at least {trip + 1} steps",
            True,
        )
    lost = lost_in_rounding(graph, tolerance) if point.loaded else None
    if lost is not None:
        return Finding(lost, True)
    warnings = graph.law.warnings()
    if warnings:
        return Finding("; ".join(warnings), True)
    size = numbers(graph)
    if most is not None and size > most:
        return Finding(
            "no reason found by the cheap tests; the spectral test was skipped: it would take about "
            f"{size} numbers, more than {most}",
            False,
        )
    try:
        found = _near_rest(graph, point, hold, tolerance)
    except EngineError as error:
        return Finding(f"no reason found by the cheap tests; the spectral test was not possible: {error}", False)
    return replace(found, sentence=found.sentence + _left_out(graph))


@np.errstate(over="ignore", invalid="ignore")
def _beyond(graph: ScatteringGraph, point: Reference | OperatingPoint) -> bool:
    """Whether a sample's exact answer holds values that no number is large enough for."""
    if not isinstance(point, Reference):
        return False
    rest = operating_point(graph, point)
    return not all(np.isfinite(values).all() for values in (rest.x, rest.s, rest.lam))


def _near_rest(graph: ScatteringGraph, point: OperatingPoint, hold: int, tolerance: float) -> Finding:
    """What the linearised step says of a hold that outlasts the longest trip."""
    step = linearised(graph, point)
    radius, method = radius_of(step)
    prediction = Prediction(radius, tolerance, method)
    if not prediction.settles:
        return Finding(f"{prediction.sentence}; {_stabler(graph, point)}", True)
    steps = needed(follow(graph, step, tolerance=tolerance), prediction)
    if not math.isfinite(steps):
        return Finding(
            f"near its rest the substrate settles (spectral radius {radius:.4g}), but the way there leads beyond {GROWN:g} times "
            f"what rests: no settling time is predicted, and no hold{_faster(graph, point, hold, tolerance)}",
            True,
        )
    enough = hold_for(graph, steps, point.loaded)
    if enough > hold:
        return Finding(
            f"the hold of {hold} steps is too short: near its rest the substrate settles, but slowly "
            f"(spectral radius {radius:.4g}); {_predicted(steps, enough)}"
            f"{_faster(graph, point, hold, tolerance)}",
            True,
        )
    return Finding(
        f"no reason found: the hold of {hold} steps outlasts the longest trip of {longest_trip(graph, point.loaded)} steps, "
        f"and near its rest the substrate settles (spectral radius {radius:.4g}), within {steps:.0f} steps as predicted{_excited(graph)}",
        False,
    )


def _excited(graph: ScatteringGraph) -> str:
    """What two-way lines may do beyond any linearised step, as a clause."""
    if not graph.law.two_way:
        return ""
    return (
        "; a jump of data and targets may excite what keeps ringing where junctions bend, and a ramp of them does not"
    )


def _predicted(steps: float, enough: float) -> str:
    """When it is predicted to rest, and the hold that shows it."""
    return f"about {steps:.0f} steps are predicted, and a hold of about {enough:.0f} to see it still"


def _left_out(graph: ScatteringGraph) -> str:
    """The hardware effects that the linearised step does not know, as a clause."""
    changed = [path for path, _ in unclaimed(graph, SHARED)]
    effects = dict.fromkeys(".".join(path.split(".")[:2]) for path in changed if path != "lines.impedance")
    return f" (of an ideal substrate: {', '.join(effects)} left out)" if effects else ""


def _stabler(graph: ScatteringGraph, point: OperatingPoint) -> str:
    """Changes that bring the spectral radius well below 1."""
    if numbers(graph) > MOST_NUMBERS:
        return "no changes are tried of a network of this size"

    def check(other: ScatteringGraph) -> str | None:
        radius, _ = radius_of(linearised(other, point))
        return f"spectral radius {radius:.3g}" if radius < _COMFORTABLE else None

    found, tried = remedies(graph, point, check)
    if not tried:
        return f"law {graph.law.name} has no setting that could be tried"
    if not found:
        names = f"{', '.join(tried[:-1])} or {tried[-1]}" if len(tried) > 1 else tried[0]
        return f"no change of {names} alone that was tried brings it below {_COMFORTABLE}"
    return f"settles near rest: {' or '.join(found)}"


def _faster(graph: ScatteringGraph, point: OperatingPoint, hold: int, tolerance: float) -> str:
    """Changes with which the hold is long enough, as a clause; nothing where none of those tried helps."""
    if numbers(graph) > MOST_NUMBERS:
        return ""

    def check(other: ScatteringGraph) -> str | None:
        step = linearised(other, point)
        radius, method = radius_of(step)
        steps = needed(follow(other, step, tolerance=tolerance, most=hold), Prediction(radius, tolerance, method))
        return f"about {steps:.0f} steps" if hold_for(other, steps, point.loaded) <= hold else None

    found, _ = remedies(graph, point, check)
    return f"; fast enough: {' or '.join(found)}" if found else ""
