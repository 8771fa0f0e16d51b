"""For how many steps a sample is presented."""

from __future__ import annotations

import numpy as np

from emulator.engine.effects import JITTER_CUT
from emulator.engine.kept import Kept
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.options import HoldOptions

#: what a band-limited line may still lack of its final value when the next one counts on it
_TAIL = 1e-5
#: of every graph
_holds: Kept[int] = Kept()
#: longest hold, in steps: days of computing
MOST_STEPS = 10**9


def hold_steps(graph: ScatteringGraph) -> int:
    """The default hold of a graph, in steps: until the last wave has landed, jitter and bandwidth included."""
    kept = _holds.get(graph)
    if kept is None:
        kept = _hold_steps(graph)
        _holds.put(graph, kept)
    return kept


def _hold_steps(graph: ScatteringGraph) -> int:
    lines = graph.hardware.lines
    pole = lines.filter_coefficient(graph.step)
    tail = 0.0 if pole == 1 else np.log(_TAIL) / np.log1p(-pole)
    late = int(np.ceil(JITTER_CUT * lines.jitter / graph.step) + np.ceil(tail))
    arrival = int(graph.arrival_times(late).costate.max()) + 1
    if graph.law.settles_on_arrival:
        return arrival
    return family_of(graph.law).patience * arrival


def steps_of_hold(graph: ScatteringGraph, run: HoldOptions) -> int:
    """The hold asked for, rounded up to whole steps; if none is the default hold, and before it the ramp."""
    for name, unit in (("hold", graph.transit), ("hold_seconds", 1 / graph.step)):
        value = getattr(run, name)
        if value is None:
            continue
        if value * unit > MOST_STEPS:
            raise EngineError(
                f"{name} is {value!r}, or {value * unit:.3g} steps; allowed: at most {MOST_STEPS:g} steps"
            )
        return max(1, int(np.ceil(value * unit - 1e-9)))
    needed = hold_steps(graph)
    return needed if run.ramp is None else run.ramp.beside(needed, graph.step)


def steps_of_ramp(graph: ScatteringGraph, run: HoldOptions, hold: int) -> int:
    """Steps in which data and targets move from one sample to the next in a hold of so many; 1 if they jump.

    Raises
    ------
    EngineError
        If the ramp is longer than the hold.
    """
    return 1 if run.ramp is None else run.ramp.of(hold, graph.step)
