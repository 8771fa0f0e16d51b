"""Presenting data to a compiled substrate and waiting for the waves to settle."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.engine import Recording, simulate
from emulator.engine.compiler import built_with
from emulator.engine.effects import JITTER_CUT
from emulator.engine.kept import Kept
from emulator.errors import EngineError
from emulator.families.base import Family
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.clipping import clipped_run
from emulator.measure.deviation import Deviation
from emulator.measure.energy import energy_use
from emulator.measure.readout import gradients, layer_values, representable
from emulator.measure.reference import reference
from emulator.measure.rests import rests
from emulator.measure.result import SettleResult, Traces
from emulator.measure.settling import LOST, NOT_SETTLED, RESOLUTION, Verdict, judge
from emulator.network import check_batch
from emulator.network.batch import Inputs
from emulator.options import HoldOptions, SettleOptions
from emulator.versions import versions

#: what a band-limited line may still lack of its final value when the next one counts on it
_TAIL = 1e-5
#: of every graph, what its last run was planned by, and the plan
_plans: Kept[tuple[Any, Any]] = Kept()
#: longest hold, in steps: days of computing
MOST_STEPS = 10**9


@SettleOptions.shown
@np.errstate(all="ignore")  # what grew beyond all numbers is told by the result
def settle(
    graph: ScatteringGraph,
    inputs: Inputs,
    targets: ArrayLike | None = None,
    *,
    traces: bool = False,
    diagnose: bool = True,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> SettleResult:
    """Present a batch to the substrate, one sample after another, without resetting it in between.

    Parameters
    ----------
    graph : ScatteringGraph
        From `emulator.compile_network`.
    inputs : (B, n) array, or mapping of input name to (B, n)
    targets : (B, n_out), or class labels (B,) for cross-entropy; optional
        Without targets the load is off: no costates, no gradients (inference).
    traces : bool
        Record everything at every step (for pictures; memory grows with steps times neurons).
    diagnose : bool
        Look for the reason when samples do not settle (may take longer than the run).
    progress : callable, optional
        Called now and then with the fraction done.
    **options
        ``run=RunOptions(...)``, or its fields: `hold`, `hold_seconds`, `threshold`, `target`, `seed`, `tolerance`, `age`
        (see `emulator.RunOptions`). By default each sample is held one step longer than the longest round trip for a
        law that settles on arrival, ten times that otherwise.

    Returns
    -------
    SettleResult

    Raises
    ------
    NetworkError
        If the data do not fit the network.
    EngineError
        For impossible settings.
    OptionError
        For an unknown option.
    """
    run = SettleOptions.of(settle, options).run
    steps = steps_of_hold(graph, run)
    data, wanted = check_batch(graph.network, inputs, targets)
    begun = time.perf_counter()
    samples = len(next(iter(data.values())))
    columns = [data[name] for name in graph.network.inputs]
    silent = np.zeros((samples, graph.network.size(graph.network.output)))
    feed = np.hstack([*columns, silent if wanted is None else wanted])
    numbers: dict[str, Any] = {
        "loaded": wanted is not None,
        "threshold": run.threshold,
        "resolution": run.tolerance * RESOLUTION,
    }
    family: Family[Any] = family_of(graph.law)
    plan = _planned(graph, family, steps, samples, run.seed, traces)
    values = family.values(graph, plan, seed=run.seed, age=run.age, **numbers)
    recording, layout = simulate(plan, values, feed, run.target, progress), plan.layout
    simulated = time.perf_counter()
    loaded = wanted is not None
    found = family.deviation(graph, plan, values, recording, feed, loaded)
    verdict = judge(
        graph, layout, recording, found, feed, hold=steps, tolerance=run.tolerance, q=run.threshold, loaded=loaded
    )
    shown = _traces(graph, recording, found, data, wanted) if traces else None
    del found  # as much as all that was recorded
    solved, at_rest = recording.exact(run.tolerance), verdict.settled
    states, costates = layer_values(graph, layout, recording)
    products = gradients(graph, layout, recording) if wanted is not None else {}
    sound = representable(layout, recording, (states, costates), products)
    if graph.tiling is not None:
        states, costates, products = (
            graph.tiling.states(states), graph.tiling.states(costates), graph.tiling.gradients(products) if products else {}
        )  # fmt: skip
    outcome = np.where(at_rest & ~(sound & solved), NOT_SETTLED, verdict.outcome)
    verdict = replace(verdict, settled=at_rest & sound & solved, outcome=outcome, finite=verdict.finite & sound)
    reason = None
    if diagnose and not verdict.settled.all():
        reason = _reason(graph, recording, verdict, at_rest, data, wanted, steps, run.tolerance)
    laid_out = simulated - begun - sum(recording.times.values())
    times = {**recording.times, "layout": laid_out, "readout": time.perf_counter() - simulated}
    return SettleResult(
        graph=graph,
        hold=steps,
        held_states=states,
        held_costates=costates if wanted is not None else {},
        held_gradients=products,
        settled=verdict.settled,
        settling_steps=verdict.steps,
        outcome=verdict.outcome,
        residual=verdict.residual,
        deviation=verdict.deviation,
        events=recording.sent @ layout.lines_of_port.astype(np.int64),
        reflected_power=recording.power if recording.power is not None else np.zeros(0),
        energy=energy_use(graph, layout, recording, steps, plan.effects.values.get("duplicate", 0.0)),
        reason=reason,
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


def _planned(graph: ScatteringGraph, family: Family[Any], steps: int, samples: int, seed: int, traces: bool) -> Any:
    """The plan of a run; of the run before on this graph, if it is the same again: a plan knows its program."""
    which = steps, samples, seed, traces
    kept = _plans.get(graph)
    if kept is not None and kept[0] == which:
        return kept[1]
    plan = family.plan(graph, steps, samples, seed=seed, traces=traces)
    _plans.put(graph, (which, plan))
    return plan


def hold_steps(graph: ScatteringGraph) -> int:
    """The default hold of a graph, in steps: until the last wave has landed, jitter and bandwidth included."""
    lines = graph.hardware.lines
    pole = lines.filter_coefficient(graph.step)
    tail = 0.0 if pole == 1 else np.log(_TAIL) / np.log1p(-pole)
    late = int(np.ceil(JITTER_CUT * lines.jitter / graph.step) + np.ceil(tail))
    arrival = int(graph.arrival_times(late).costate.max()) + 1
    if graph.law.settles_on_arrival:
        return arrival
    return family_of(graph.law).patience * arrival


def steps_of_hold(graph: ScatteringGraph, run: HoldOptions) -> int:
    """The hold asked for, rounded up to whole steps; the default hold if none is."""
    for name, unit in (("hold", graph.transit), ("hold_seconds", 1 / graph.step)):
        value = getattr(run, name)
        if value is None:
            continue
        if value * unit > MOST_STEPS:
            raise EngineError(
                f"{name} is {value!r}, or {value * unit:.3g} steps; allowed: at most {MOST_STEPS:g} steps"
            )
        return max(1, int(np.ceil(value * unit - 1e-9)))
    return hold_steps(graph)


def _reason(
    graph: ScatteringGraph,
    recording: Recording,
    verdict: Verdict,
    at_rest: NDArray[np.bool_],
    data: dict[str, np.ndarray],
    wanted: np.ndarray | None,
    steps: int,
    tolerance: float,
) -> str:
    """Why samples are not settled: of those that noise or threshold cost, and of the first of the others."""
    from emulator.measure.diagnose import why_not_settled

    samples, missed = len(verdict.settled), []
    for outcome, why in LOST.items():
        count = int((verdict.outcome == outcome).sum())
        if count:
            missed.append(f"{count} of {samples} samples are {outcome}: {why}")
    others = np.flatnonzero(verdict.outcome == NOT_SETTLED)
    if len(others):
        first = int(others[0])
        blown = "" if verdict.finite.all() else "; waves, or products of them, grew beyond all numbers"
        one = {name: rows[first : first + 1] for name, rows in data.items()}
        point = reference(graph.network, one, None if wanted is None else wanted[first : first + 1])
        lost = recording.inexact(first, tolerance)
        causes = [] if lost is None else [lost]
        if lost is None or not at_rest[first]:
            causes.append(why_not_settled(graph, point, hold=steps, tolerance=tolerance) + _away(verdict, first))
        why = "; ".join(causes)
        missed.append(f"{len(others)} of {samples} samples did not settle (first: sample {first}){blown}: {why}")
    return "; ".join(missed)


def _away(verdict: Verdict, sample: int) -> str:
    """How far from rest a sample was at the end of its hold, as a clause."""
    off = float(verdict.deviation[sample])
    return f"; at the end of the hold it was {off:.2g} of a row's values from rest" if 0 < off < np.inf else ""


def _traces(
    graph: ScatteringGraph,
    recording: Recording,
    found: Sequence[Deviation],
    data: dict[str, np.ndarray],
    wanted: np.ndarray | None,
) -> Traces:
    if recording.trace_u is None or recording.trace_lam is None or recording.emitted is None:
        raise EngineError("the recording has no traces; allowed: a plan with traces=True")
    rest_x, rest_lam = rests(graph, found, data, wanted)
    x = recording.trace_u[:, : graph.neurons]
    return Traces(x, recording.trace_lam, **recording.emitted, rest_x=rest_x, rest_lam=rest_lam)
