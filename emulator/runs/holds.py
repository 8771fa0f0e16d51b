"""For how many steps a sample is presented."""

from __future__ import annotations

import math

import numpy as np

from emulator.engine.kept import Kept
from emulator.errors import BackwaveError, EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.forecast import affordable, follow
from emulator.measure.linear_step import numbers
from emulator.measure.pace import last_arrival
from emulator.measure.reference import reference
from emulator.measure.rest import operating_point
from emulator.measure.settling import hold_for
from emulator.measure.stability import linearised
from emulator.options import HoldOptions, RunOptions
from hwmodels import rng

#: what a band-limited line may still lack of its final value when the next one counts on it
_TAIL = 1e-5
#: what a run settles to by default
TOLERANCE: float = RunOptions().tolerance
#: of every graph, by tolerance and whether its weights move
_holds: Kept[dict[tuple[float, bool], int]] = Kept()
#: samples that a hold is predicted for, and how much longer it is
_SAMPLES, _LONGER = 3, 3.0
#: numbers of a linearised step up to which a prediction takes no longer than the steps that it spares
_FEW_NUMBERS = 500_000
#: chosen holds are rounded up to one of so many per octave, so that chips with somewhat different lines share a program
_HOLDS_PER_OCTAVE = 8
#: longest hold, in steps: days of computing
MOST_STEPS = 10**9


def hold_steps(graph: ScatteringGraph, tolerance: float = TOLERANCE, learns: bool = False) -> int:
    """The default hold of a graph, in steps, of which something is to settle to a tolerance.

    Until the last wave has landed, jitter and bandwidth included, and as many times that as laws that reflect may need. Of
    two-way lines that is far more than most networks need: there it is three times what random samples of unit variance are
    predicted to need, if that is less. Where weights move, what they need moves with them, and only lines whose hardware
    filters or loses what they carry are held for less: most of what is late has been lost.
    """
    kept = _holds.get(graph) or {}
    if (tolerance, learns) not in kept:
        kept[tolerance, learns] = _hold_steps(graph, tolerance, learns)
        _holds.put(graph, kept)
    return kept[tolerance, learns]


def _hold_steps(graph: ScatteringGraph, tolerance: float, learns: bool) -> int:
    lines, arrival = graph.hardware.lines, last_arrival(graph, _TAIL) + 1
    if graph.law.settles_on_arrival:
        return arrival
    most = family_of(graph.law).patience * arrival
    lossy = lines.attenuation_forward < 1 or (lines.attenuation_backward or 1) < 1 or lines.loss_per_length > 0
    lossy |= lines.filter_coefficient(graph.step) < 1
    if graph.law.two_way and (lossy or not (learns or numbers(graph) > _FEW_NUMBERS)):
        chosen = hold_for(graph, _LONGER * _typical(graph, most, tolerance))
        return min(most, coarse(math.ceil(chosen))) if chosen < most else most
    return most


def coarse(steps: int) -> int:
    """A hold rounded up to a coarser scale, by at most an eighth."""
    grain = max(1, 2 ** (steps - 1).bit_length() // (2 * _HOLDS_PER_OCTAVE))
    return math.ceil(steps / grain) * grain


@np.errstate(all="ignore")
def _typical(graph: ScatteringGraph, most: int, tolerance: float) -> float:
    """Steps that the slowest of a few random samples is predicted to need, one after another.

    It is inf where a hold that is `_LONGER` would be more than `most`: then nothing is followed any further.
    """
    draws, network = rng(0, "hold", "samples"), graph.network
    inputs = {name: draws.normal(size=(_SAMPLES, network.size(name))) for name in network.inputs}
    targets = draws.normal(size=(_SAMPLES, network.size(network.output)))
    if graph.loss != "mse":
        targets = np.eye(targets.shape[1])[targets.argmax(axis=1)]
    slowest, before = 0.0, None
    far = min(math.ceil(2 * most / _LONGER) + graph.longest_round_trip, affordable(graph))
    try:
        exact = reference(network, inputs, targets)
        for k in range(_SAMPLES):
            step = linearised(graph, operating_point(graph, exact, k))
            slowest = max(slowest, follow(graph, step, tolerance=tolerance, before=before, most=far).within)
            if not hold_for(graph, _LONGER * slowest) < most:
                return math.inf
            before = step
    except (BackwaveError, np.linalg.LinAlgError):  # no rest, or none that numbers of this precision can tell
        return math.inf
    return slowest


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
    needed = hold_steps(graph, run.tolerance) if isinstance(run, RunOptions) else hold_steps(graph, learns=True)
    return needed if run.ramp is None else run.ramp.beside(needed, graph.step)


def steps_of_ramp(graph: ScatteringGraph, run: HoldOptions, hold: int) -> int:
    """Steps in which data and targets move from one sample to the next in a hold of so many; 1 if they jump.

    Raises
    ------
    EngineError
        If the ramp is longer than the hold.
    """
    return 1 if run.ramp is None else run.ramp.of(hold, graph.step)
