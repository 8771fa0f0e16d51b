"""A batch divided among processes: into portions that its size alone decides, whoever runs them.

Every portion is one run of the same program. Before it comes the sample that precedes it in the batch, so that it begins
where that has come to rest, as in one long run; what is drawn in it has a seed of its own. So results do not depend on the
number of processes. A substrate that settles on arrival and draws nothing gives those of one long run to the last bit, for
where it rests does not depend on where it began; of others the first sample of a portion begins as near to that as the one
before it came.

In synapse wiring the products of states and costates are summed in the program, whatever a sample is there for: a portion
begins blank, and the last one may be shorter, a program of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import numpy as np

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.measure.clipping import Clipping
from emulator.measure.energy import EnergyUse
from emulator.network import Gradient
from emulator.network.gradients import DeviceGradient
from emulator.options import RunOptions
from emulator.plugins import Parts
from emulator.processes import equip, pool_of, shared_out
from emulator.runs.presenting import Data, Presented, present
from hwmodels.seeds import rng

#: portions of a large batch, and samples that one should have at least
MOST, FEWEST = 16, 8
#: the graph that this process was sent last, which knows its plan and with it its program
_last: dict[str, ScatteringGraph] = {}


@dataclass(frozen=True)
class _Work:
    """What is the same for all portions; unpickling `parts` registers them."""

    name: str
    parts: Parts
    graph: ScatteringGraph
    run: RunOptions
    hold: int
    diagnose: bool


@dataclass(frozen=True)
class _Portion:
    """Some samples, those that count among them, and the seed of what is drawn."""

    number: int
    data: Data
    wanted: np.ndarray | None
    own: slice
    seed: int


def divided(
    graph: ScatteringGraph,
    data: Data,
    wanted: np.ndarray | None,
    run: RunOptions,
    *,
    hold: int,
    workers: int | None,
    scheduler: str | None,
    diagnose: bool,
    progress: Callable[[float], None] | None,
) -> Presented:
    """As `emulator.runs.presenting.present`, by so many processes of this machine, or the workers of a scheduler.

    Raises
    ------
    StudyError
        If the processes cannot be had.
    EngineError
        If one of them died again and again.
    """
    samples = len(next(iter(data.values())))
    with pool_of(workers, scheduler) as pool:
        parts = equip(pool, [graph.law.name, *(site.function for site in graph.sites)])
        work = pool.share(_Work(uuid4().hex, parts, graph, run, hold, diagnose))
        portions = list(_portions(data, wanted, samples, graph.wiring == "tile", run.seed))
        done: list[tuple[int, Presented | None]] = []
        for portion, outcome in shared_out(pool, _run, work, portions, _seconds, lambda one: None):
            done.append((portion.number, outcome))
            if progress is not None:
                progress(len(done) / len(portions))
    found = [outcome for _, outcome in sorted(done, key=lambda pair: pair[0])]
    if any(outcome is None for outcome in found):
        raise EngineError(
            "a process that ran a part of the batch died every time: perhaps it needs more memory than there is; "
            "allowed: fewer workers, or a smaller batch"
        )
    return _joined(graph, [outcome for outcome in found if outcome is not None])


def sizes_of(samples: int) -> int:
    """Samples of a portion of a batch."""
    count = min(MOST, max(2, samples // FEWEST), samples)
    return math.ceil(samples / count)


def _portions(data: Data, wanted: np.ndarray | None, samples: int, tile: bool, seed: int) -> Iterator[_Portion]:
    """All of the same length but, in synapse wiring, the last."""
    size = sizes_of(samples)
    for number, start in enumerate(range(0, samples, size)):
        stop = min(start + size, samples)
        rows = np.arange(start, stop)
        own = slice(None)
        if tile:  # one before, to begin from, and what makes it as long as the others; the first begins blank
            lead = start - 1 if number else None
            after = size + 1 - len(rows) - (lead is not None)
            rows = np.concatenate([[lead] if lead is not None else [], rows, np.full(after, stop - 1)]).astype(int)
            own = slice(int(lead is not None), int(lead is not None) + stop - start)
        yield _Portion(
            number, {name: column[rows] for name, column in data.items()}, None if wanted is None else wanted[rows], own,
            seed if number == 0 else int(rng(seed, "portion", str(number)).integers(2**62)),
        )  # fmt: skip


@np.errstate(all="ignore")
def _run(work: _Work, portions: Sequence[_Portion]) -> list[Presented | None]:
    """Run portions, in whatever process; a graph need not travel back."""
    if work.name not in _last:
        _last.clear()
        _last[work.name] = work.graph
    graph = _last[work.name]
    return [
        _without_graph(present(graph, one.data, one.wanted, work.run.changed(seed=one.seed), hold=work.hold, own=one.own,
                               diagnose=work.diagnose))
        for one in portions
    ]  # fmt: skip


def _without_graph(found: Presented) -> Presented:
    nothing: Any = None
    return replace(found, result=replace(found.result, graph=nothing))


def _seconds(found: Presented | None) -> float:
    return 1.0 if found is None else sum(found.result.times.values())


def _joined(graph: ScatteringGraph, found: Sequence[Presented]) -> Presented:
    """Portions as one run."""
    results = [one.result for one in found]
    counts = np.array([len(one.settled) for one in results])
    share = counts / counts.sum()
    first = results[0]

    def rows(name: str) -> Any:
        return np.concatenate([getattr(one, name) for one in results])

    def layers(name: str) -> dict[str, Any]:
        tables = [getattr(one, name) for one in results]
        return {layer: np.concatenate([table[layer] for table in tables]) for layer in tables[0]}

    names = ("settled", "settling_steps", "outcome", "residual", "deviation", "events", "reflected_power", "unsolved",
             "several")  # fmt: skip
    clipping = {
        name: float(sum(s * getattr(one.clipping, name) for s, one in zip(share, results, strict=True)))
        for name in ("forward", "backward", "weights")
    }
    energy = EnergyUse(
        {name: np.concatenate([one.energy.parts[name] for one in results]) for name in first.energy.parts},
        first.energy.missing,
    )
    result = replace(
        first,
        graph=graph,
        **{name: rows(name) for name in names},
        held_states=layers("held_states"),
        held_costates=layers("held_costates"),
        held_gradients={
            layer: _mean([one.held_gradients[layer] for one in results], share) for layer in first.held_gradients
        },
        energy=energy,
        clipping=Clipping(**clipping),
        times={name: sum(one.times[name] for one in results) for name in first.times},
    )
    why = next((one.why for one in found if one.why is not None), None)
    return Presented(result, all(one.finite for one in found), why)


def _mean(parts: Sequence[Gradient], share: np.ndarray) -> Gradient:
    """The gradient of the batch from those of its portions."""
    weight, bias = (np.sum([s * part.held[k] for s, part in zip(share, parts, strict=True)], axis=0) for k in range(2))
    one = parts[0]
    if isinstance(one, DeviceGradient):
        return DeviceGradient.of(weight, one.at, one.shape, bias)
    return Gradient(weight, bias)
