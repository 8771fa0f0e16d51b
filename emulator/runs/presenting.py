"""One run: a batch presented to a compiled substrate in one program, judged, and read out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.engine import Recording, simulate
from emulator.engine.compiler import built_with
from emulator.engine.kept import MOST_KEPT, Kept
from emulator.engine.plan import Values
from emulator.engine.simulate import choose_target
from emulator.errors import EngineError
from emulator.families.base import Family
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.clipping import clipped_run
from emulator.measure.deviation import Deviation
from emulator.measure.energy import energy_use, weighed
from emulator.measure.readout import gradients, layer_values, representable
from emulator.measure.reference import reference
from emulator.measure.rests import rests
from emulator.measure.result import SettleResult, Traces
from emulator.measure.settling import LOST, NOT_SETTLED, RESOLUTION, Verdict, blurs, judge
from emulator.options import RunOptions
from emulator.runs.holds import steps_of_ramp
from emulator.threads import go_on
from emulator.versions import versions

#: of every graph, what its last run was planned by, and the plan
_plans: Kept[tuple[Any, Any]] = Kept()
#: of graphs of which a program has judged what a rest could change: it records all movements from then on
_doubtful: Kept[bool] = Kept()
#: of every plan, what its last numbers were made for, and the numbers
_numbers: Kept[tuple[Any, Values]] = Kept()
Data = dict[str, np.ndarray]


@dataclass(frozen=True)
class Presented:
    """A run, and what its reason is made of.

    Parameters
    ----------
    result : SettleResult
        Without a reason.
    finite : bool
        Whether no wave grew beyond all numbers.
    why : str or None
        Why the first sample that did not settle for want of time, or of exactness, did not, as a clause.
    """

    result: SettleResult
    finite: bool
    why: str | None

    def told(self) -> SettleResult:
        """The result with its reason."""
        return replace(self.result, reason=_reason(self))


def present(
    graph: ScatteringGraph,
    data: Data,
    wanted: np.ndarray | None,
    run: RunOptions,
    *,
    hold: int,
    own: slice = slice(None),
    traces: bool = False,
    diagnose: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Presented:
    """Present a checked batch to the substrate, one sample after another, without resetting it in between.

    Parameters
    ----------
    graph : ScatteringGraph
    data : dict of (B, n)
        By input.
    wanted : (B, n_out), optional
    run : RunOptions
    hold : int
        Steps.
    own : slice
        The samples that count: others only come before or after them.
    traces, diagnose, progress
        As of `emulator.settle`.

    Raises
    ------
    StudyError
        As `emulator.threads.go_on`, at a thread whose work has been broken off.
    """
    begun, judging = time.perf_counter(), 0.0
    samples, loaded = len(next(iter(data.values()))), wanted is not None
    columns = [data[name] for name in graph.network.inputs]
    silent = np.zeros((samples, graph.network.size(graph.network.output)))
    feed = np.hstack([*columns, silent if wanted is None else wanted])
    family: Family[Any] = family_of(graph.law)
    ramp = steps_of_ramp(graph, run, hold)
    spent = dict[str, float]()
    for judged in (_judged(graph, run), ()):
        go_on()
        plan = _planned(graph, family, (hold, samples, ramp), run.seed, traces, judged)
        values = _valued(graph, family, plan, run, loaded)
        recording, layout = simulate(plan, values, feed, run.target, progress), plan.layout
        simulated = time.perf_counter()
        spent = {name: spent.get(name, 0.0) + seconds for name, seconds in recording.times.items()}
        go_on()
        found = family.deviation(graph, plan, values, recording, feed, loaded)
        verdict = judge(
            graph, layout, recording, found, feed, hold=hold, tolerance=run.tolerance, q=run.threshold, loaded=loaded
        )
        if verdict.sure.all():
            break
        _doubtful.put(graph, True)
        judging += time.perf_counter() - simulated
    go_on()
    shown = _traces(graph, recording, found, data, wanted) if traces else None
    del found
    if own != slice(None):
        recording, verdict = recording.only(own, hold), verdict.only(own)
        data, wanted = {name: rows[own] for name, rows in data.items()}, None if wanted is None else wanted[own]
    solved, at_rest = recording.exact(run.tolerance), verdict.settled
    states, costates = layer_values(graph, layout, recording)
    products = gradients(graph, layout, recording) if loaded else {}
    sound = verdict.finite & representable(graph, layout, recording, costates, products)
    if graph.tiling is not None:
        states, costates, products = (
            graph.tiling.states(states), graph.tiling.states(costates), graph.tiling.gradients(products) if products else {}
        )  # fmt: skip
    outcome = np.where(at_rest & ~(sound & solved), NOT_SETTLED, verdict.outcome)
    verdict = replace(verdict, settled=at_rest & sound & solved, outcome=outcome, finite=sound)
    why = None
    if diagnose and not verdict.settled.all():
        why = _why(graph, recording, verdict, at_rest, data, wanted, hold - ramp + 1, run.tolerance)
        if why is not None and ramp > 1:
            why += f" (of the hold without the {ramp} steps in which the data move)"
    laid_out = simulated - begun - judging - sum(spent.values())
    times = {**spent, "layout": laid_out, "readout": judging + time.perf_counter() - simulated}
    result = SettleResult(
        graph=graph,
        hold=hold,
        held_states=states,
        held_costates=costates if loaded else {},
        held_gradients=products,
        settled=verdict.settled,
        settling_steps=verdict.steps,
        outcome=verdict.outcome,
        residual=verdict.residual,
        deviation=verdict.deviation,
        events=weighed(recording.sent, layout.lines_of_port),
        reflected_power=recording.power if recording.power is not None else np.zeros(0),
        energy=energy_use(graph, layout, recording, hold, plan.effects.values.get("duplicate", 0.0)),
        reason=None,
        tolerance=run.tolerance,
        threshold=run.threshold,
        target=recording.target,
        seeds={"run": run.seed, "hardware": graph.seed},
        versions=versions() | built_with(recording.target),
        times=times,
        traces=shown,
        **recording.extras,
        clipping=clipped_run(graph, layout, recording),
    )
    return Presented(result, bool(verdict.finite.all()), why)


def target_of(graph: ScatteringGraph, run: RunOptions, hold: int, samples: int) -> str:
    """The target that so many samples are run on."""
    if run.target != "auto":
        return run.target
    sizes = hold, samples, steps_of_ramp(graph, run, hold)
    return choose_target(_planned(graph, family_of(graph.law), sizes, run.seed, False, _judged(graph, run)))


def _judged(graph: ScatteringGraph, run: RunOptions) -> tuple[int, ...]:
    """The rows of neurons whose movements a program is to judge; none of what is blurred at its rest, nor of most laws that
    approach it by and by, since there a program could tell of few neurons.
    """
    told = (graph.law.settles_on_arrival or family_of(graph.law).tells) and not blurs(graph, run.threshold)
    return tuple(site.size for site in graph.sites) if told and not _doubtful.get(graph) else ()


def _planned(
    graph: ScatteringGraph, family: Family[Any], sizes: tuple[int, int, int], seed: int, traces: bool,
    judged: tuple[int, ...],
) -> Any:  # fmt: skip
    """The plan of a run, of hold, samples and ramp; of the run before on this graph, if only the numbers of this one differ.

    What is drawn with the seed is among the numbers (see `emulator.families.base.Family.values`), and a plan knows its program.
    """
    which = sizes, traces, judged
    steps, samples, ramp = sizes
    kept = _plans.get(graph)
    if kept is not None and kept[0] == which:
        return kept[1]
    plan = replace(family.plan(graph, steps, samples, seed=seed, traces=traces), ramp=ramp, judged=judged)
    _plans.put(graph, (which, plan))
    return plan


def _valued(graph: ScatteringGraph, family: Family[Any], plan: Any, run: RunOptions, loaded: bool) -> Values:
    """The numbers of a run of a plan; those of the run before, if nothing says otherwise."""
    which = loaded, run.threshold, run.tolerance, run.seed, run.age
    kept = _numbers.get(plan)
    if kept is not None and kept[0] == which:
        return kept[1]
    values = family.values(
        graph, plan, loaded=loaded, threshold=run.threshold, resolution=run.tolerance * RESOLUTION, seed=run.seed,
        age=run.age,
    )  # fmt: skip
    if plan.layout.synapses <= MOST_KEPT:
        _numbers.put(plan, (which, values))
    return values


def _why(
    graph: ScatteringGraph,
    recording: Recording,
    verdict: Verdict,
    at_rest: NDArray[np.bool_],
    data: Data,
    wanted: np.ndarray | None,
    steps: int,
    tolerance: float,
) -> str | None:
    """Why the first sample that did not settle did not, as a clause; None if all of them are lost otherwise."""
    from emulator.measure.diagnose import why_not_settled

    others = np.flatnonzero(verdict.outcome == NOT_SETTLED)
    if not len(others):
        return None
    first = int(others[0])
    one = {name: rows[first : first + 1] for name, rows in data.items()}
    point = reference(graph.network, one, None if wanted is None else wanted[first : first + 1])
    lost = recording.inexact(first, tolerance)
    causes = [] if lost is None else [lost]
    if lost is None or not at_rest[first]:
        causes.append(why_not_settled(graph, point, hold=steps, tolerance=tolerance) + _away(verdict, first))
    return "; ".join(causes)


def _reason(found: Presented) -> str | None:
    """Why samples are not settled: of those that noise or threshold cost, and of the first of the others."""
    outcome = found.result.outcome
    samples, missed = len(outcome), []
    for kind, why in LOST.items():
        count = int((outcome == kind).sum())
        if count:
            missed.append(f"{count} of {samples} samples are {kind}: {why}")
    others = np.flatnonzero(outcome == NOT_SETTLED)
    if len(others) and found.why is not None:
        blown = "" if found.finite else "; waves, or products of them, grew beyond all numbers"
        missed.append(
            f"{len(others)} of {samples} samples did not settle (first: sample {others[0]}){blown}: {found.why}"
        )
    return "; ".join(missed) or None


def _away(verdict: Verdict, sample: int) -> str:
    """How far from rest a sample was at the end of its hold, as a clause."""
    off = float(verdict.deviation[sample])
    return f"; at the end of the hold it was {off:.2g} of a row's values from rest" if 0 < off < np.inf else ""


def _traces(
    graph: ScatteringGraph, recording: Recording, found: Iterable[Deviation], data: Data, wanted: np.ndarray | None
) -> Traces:
    if recording.trace_u is None or recording.trace_lam is None or recording.emitted is None:
        raise EngineError("the recording has no traces; allowed: a plan with traces=True")
    rest_x, rest_lam = rests(graph, found, data, wanted)
    x = recording.trace_u[:, : graph.neurons]
    return Traces(x, recording.trace_lam, **recording.emitted, rest_x=rest_x, rest_lam=rest_lam)
