"""A batch divided among workers: into portions that its size alone decides, whoever runs them.

Every portion is one run of the same program. Before it comes the sample that precedes it in the batch, so that it begins
where that has come to rest, as in one long run; what is drawn in it has a seed of its own. So results do not depend on the
number of workers. A substrate that settles on arrival and draws nothing gives those of one long run to the last bit, for
where it rests does not depend on where it began; of others the first sample of a portion begins as near to that as the one
before it came.

In synapse wiring the products of states and costates are summed in the program, whatever a sample is there for: a portion
begins blank, and the last one may be shorter, a program of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
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
from emulator.runs.presenting import Data, Presented, present, target_of
from hwmodels.seeds import rng

#: portions of a large batch, and samples that one should have at least
MOST, FEWEST = 16, 8
#: what a result has of every sample, in arrays, and by layer
_ROWS = (
    "settled", "settling_steps", "outcome", "residual", "deviation", "events", "reflected_power", "unsolved", "several",
)  # fmt: skip
_LAYERS = ("held_states", "held_costates")
#: the graph that this process was sent last, which knows its plan and with it its program, by the name of its work
_last: dict[str, ScatteringGraph] = {}


@dataclass(frozen=True)
class _Work:
    """What is the same for all portions; unpickling `parts` registers them.

    A process that it is sent to with every batch has one graph of it, the first that came.
    """

    name: str
    parts: Parts
    graph: ScatteringGraph
    run: RunOptions
    hold: int
    diagnose: bool

    def __reduce__(self) -> tuple[Callable[..., _Work], tuple[Any, ...]]:
        return _received, tuple(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True)
class _Portion:
    """Some samples, those that count among them and the first of these in the batch, and the seed of what is drawn."""

    number: int
    start: int
    data: Data
    wanted: np.ndarray | None
    own: slice
    seed: int

    @property
    def samples(self) -> int:
        """How many are presented."""
        return len(next(iter(self.data.values())))


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
    """As `emulator.runs.presenting.present`, by so many workers on this machine, or those of a scheduler.

    On this machine, compiled programs run side by side, each at the side of a thread that judges what it did; only what
    is interpreted takes processes.

    Raises
    ------
    StudyError
        If the processes cannot be had.
    EngineError
        If one of them died again and again.
    """
    samples = len(next(iter(data.values())))
    portions = list(_portions(data, wanted, samples, graph.wiring == "tile", run.seed))
    if scheduler is None:  # whose workers may have no compiler
        run = run.changed(target=target_of(graph, run, hold, portions[0].samples))
    whole, lost = _Whole(graph, samples), False
    with pool_of(workers, scheduler, threads=run.target == "standalone") as pool:
        parts = equip(pool, [graph.law.name, *(site.function for site in graph.sites)])
        work = pool.share(_Work(uuid4().hex, parts, graph, run, hold, diagnose))
        for k, (portion, found) in enumerate(
            shared_out(pool, _run, work, portions, _seconds, lambda one: None), start=1
        ):
            if found is None:
                lost = True
            else:
                whole.put(portion, found)
            if progress is not None:
                progress(k / len(portions))
    if lost:
        raise EngineError(
            "a process that ran a part of the batch died every time: perhaps it needs more memory than there is; "
            "allowed: fewer workers, or a smaller batch"
        )
    return whole.joined()


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
            number, start, {name: column[rows] for name, column in data.items()}, None if wanted is None else wanted[rows], own,
            seed if number == 0 else int(rng(seed, "portion", str(number)).integers(2**62)),
        )  # fmt: skip


@np.errstate(all="ignore")
def _run(work: _Work, portions: Sequence[_Portion]) -> list[Presented | None]:
    """Run portions, wherever; a graph need not travel back."""
    return [
        _without_graph(present(work.graph, one.data, one.wanted, work.run.changed(seed=one.seed), hold=work.hold, own=one.own,
                               diagnose=work.diagnose))
        for one in portions
    ]  # fmt: skip


def _received(name: str, parts: Parts, graph: ScatteringGraph, *more: Any) -> _Work:
    """Work that has been sent to this process."""
    if name not in _last:
        _last.clear()
    return _Work(name, parts, _last.setdefault(name, graph), *more)


def _without_graph(found: Presented) -> Presented:
    nothing: Any = None
    return replace(found, result=replace(found.result, graph=nothing))


def _seconds(found: Presented | None) -> float:
    return 1.0 if found is None else sum(found.result.times.values())


class _Whole:
    """A batch put together of its portions as they come, so that what they say of each sample is not kept twice."""

    def __init__(self, graph: ScatteringGraph, samples: int) -> None:
        self._graph, self._samples = graph, samples
        self._tables: dict[str, dict[str, Any]] = {}
        self._parts: dict[int, tuple[int, Presented]] = {}

    def put(self, portion: _Portion, found: Presented) -> None:
        """Put a portion in its place."""
        result = found.result
        count = len(result.settled)
        tables = {"rows": {name: getattr(result, name) for name in _ROWS}, "energy": result.energy.parts}
        tables |= {name: getattr(result, name) for name in _LAYERS}
        for called, columns in tables.items():
            whole = self._tables.setdefault(called, {})
            for name, rows in columns.items():
                each = len(rows) // count  # of a sample: as many as steps of what there is at each
                if name not in whole:
                    whole[name] = np.empty((each * self._samples, *rows.shape[1:]), rows.dtype)
                whole[name][each * portion.start : each * (portion.start + count)] = rows
        nothing: Any = None
        light = replace(result, **dict.fromkeys((*_ROWS, *_LAYERS), nothing))
        self._parts[portion.number] = (
            count,
            replace(found, result=replace(light, energy=EnergyUse({}, result.energy.missing))),
        )

    def joined(self) -> Presented:
        """All portions as one run."""
        parts = [self._parts[number] for number in sorted(self._parts)]
        found, results = [one for _, one in parts], [one.result for _, one in parts]
        first, share = results[0], np.array([count for count, _ in parts]) / self._samples
        clipping = {
            name: float(sum(s * getattr(one.clipping, name) for s, one in zip(share, results, strict=True)))
            for name in ("forward", "backward", "weights")
        }
        layers: dict[str, Any] = {name: self._tables[name] for name in _LAYERS}
        result = replace(
            first,
            graph=self._graph,
            **self._tables["rows"],
            **layers,
            held_gradients={
                layer: _mean([one.held_gradients[layer] for one in results], share) for layer in first.held_gradients
            },
            energy=EnergyUse(self._tables["energy"], first.energy.missing),
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
