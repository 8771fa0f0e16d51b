"""Which settings of a law settle a substrate soonest, as far as the linearised step can tell.

The cost of a setting is the predicted settling time of the slowest of some samples, presented one after another (see
`emulator.measure.forecast`). It has kinks and several valleys, so a population finds the valley (differential evolution;
R. Storn and K. Price, J. Global Optimization 11, 1997) and a simplex its bottom (J. Nelder and R. Mead, 1965), both in
the logarithms of the settings and within stated bounds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution, minimize

from emulator.compile import with_law
from emulator.errors import EngineError, suggest
from emulator.graph import ScatteringGraph
from emulator.laws import LAWS, Law, family_of
from emulator.measure.forecast import affordable, follow, needed
from emulator.measure.linear_step import LinearStep
from emulator.measure.rest import OperatingPoint
from emulator.measure.stability import Prediction, linearised, radius_of
from emulator.plugins import Parts
from emulator.processes import InProcess, Pool, equip, shared_out
from hwmodels import rng

Floats = NDArray[np.float64]

#: members of the population per setting, and samples it is judged by
_MEMBERS, _FEW = 8, 2
#: share of the evaluations that the simplex gets, and its size
_POLISH, _SIMPLEX = 0.3, 0.1
#: margin that a proposal should keep to, what going beyond costs, and where that stops to grow
_SINGLE, _SEVERAL, _FAR = 0.8, 20.0, 10.0
#: laws that are judged by the same best so far, by however many processes
_TOGETHER = 8
#: how much longer than the best so far a setting is followed before it counts as slower
_PATIENCE = 2.0


@dataclass(frozen=True)
class Setting:
    """A number of a law that may be chosen, between bounds above 0."""

    key: str
    low: float
    high: float


def settings_of(law: Law, only: Sequence[str] | None = None, depth: int = 1) -> tuple[Setting, ...]:
    """The settings of a law that may be tuned: all, or those named (``far_end`` stands for both of its numbers).

    Their bounds are those for a network of `depth` layers of weights, and as much wider as the law's present values ask for.

    Raises
    ------
    EngineError
        If the law has none, or none of a name that is given.
    """
    known = tuple(_around(Setting(key, *bounds), _present(law, key)) for key, bounds in law.bounds(depth).items())
    if not known:
        allowed = ", ".join(sorted(name for name, kind in LAWS.present.items() if kind.tunable))
        raise EngineError(f"tuning of law {law.name}: it has nothing to tune; allowed: law {allowed}")
    if only is None:
        return known
    names = dict.fromkeys([s.key.partition(".")[0] for s in known] + [s.key for s in known])
    for name in only:
        if name not in names:
            raise EngineError(f"tuning of law {law.name}: no setting {suggest(name, list(names))}")
    return tuple(s for s in known if s.key in only or s.key.partition(".")[0] in only)


def with_settings(law: Law, values: Mapping[str, float]) -> Law:
    """The law with other values under the keys of `Setting`; a termination that it lacks is added."""
    changes: dict[str, Any] = {}
    for key, value in values.items():
        name, _, part = key.partition(".")
        if part:
            held: Any = changes.get(name, getattr(law, name)) or law.parts[name]()
            changes[name] = replace(held, **{part: value})
        else:
            changes[name] = value
    return cast(Law, replace(cast(Any, law), **changes))


def values_of(law: Law) -> dict[str, float | str | None]:
    """The present values under the keys of what can be tuned; None for those of a termination that the law lacks."""
    return {key: _present(law, key) for key in law.bounds(1)}


def _present(law: Law, key: str) -> float | str | None:
    value: Any = law
    for part in key.split("."):
        value = None if value is None else getattr(value, part)
    return cast(float | str | None, value)


def _around(setting: Setting, value: float | str | None) -> Setting:
    """The setting with bounds that its present value is within."""
    if not isinstance(value, float) or value <= 0:
        return setting
    return Setting(setting.key, min(setting.low, value), max(setting.high, value))


@dataclass(frozen=True)
class Predicted:
    """What the linearised step says about one law on some samples.

    Parameters
    ----------
    steps : tuple of float
        Settling time of each sample, inf where it does not settle.
    radius : float
        The largest spectral radius.
    margin : float
        The largest of any junction at rest; from 1 on it may have more than one answer (`emulator.families.bilateral.answers`).
    """

    steps: tuple[float, ...]
    radius: float
    margin: float = 0.0

    @property
    def worst(self) -> float:
        """Settling time of the slowest sample."""
        return max(self.steps)


class Forecast:
    """The predicted settling time of one graph under laws that differ in their settings.

    Parameters
    ----------
    graph : ScatteringGraph
    points : sequence of OperatingPoint
        Where the samples rest, in the order in which they are presented, the first to a blank substrate.
    tolerance : float
        Relative settling tolerance.
    weight : callable, optional
        What the settling time of a law is multiplied by to be its cost.
    """

    def __init__(
        self,
        graph: ScatteringGraph,
        points: Sequence[OperatingPoint],
        tolerance: float,
        weight: Callable[[Law], float] = lambda law: 1.0,
    ) -> None:
        self.graph, self.points, self.tolerance, self.weight = graph, points, tolerance, weight
        self._most = affordable(graph)

    def of(self, law: Law) -> Predicted:
        """Settling times and radius under a law."""
        before, times, radii = None, [], []
        for step in self._steps(law, len(self.points)):
            radius, method = radius_of(step)
            found = follow(self.graph, step, tolerance=self.tolerance, before=before)
            times.append(needed(found, Prediction(radius, self.tolerance, method)))
            radii.append(radius)
            before = step
        return Predicted(tuple(times), max(radii), self.margin(law))

    def margin(self, law: Law) -> float:
        """The largest margin of any junction at the rest of any sample."""
        return family_of(law).margin(with_law(self.graph, law), self.points)

    def cost(self, law: Law, samples: int, best: float = math.inf) -> tuple[float, float]:
        """What a law costs, and the steps of the slowest of the first samples by its weight; inf where it is given up.

        The cost is that product, and more where junctions may have more than one answer.
        `best`: the smallest such product so far, which says for how long a law is worth following.
        """
        weight = self.weight(law)
        cost, steps = self._slowest(law, samples, best / weight)
        several = max(0.0, min(self.margin(law), _FAR) - _SINGLE)
        return weight * cost * (1 + _SEVERAL * several), weight * steps

    def _slowest(self, law: Law, samples: int, best: float) -> tuple[float, float]:
        """Steps of the slowest; where one is given up, a cost that is more the farther it still is from rest."""
        most = int(min(self._most, _PATIENCE * best + self.graph.longest_round_trip))
        worst, before = 0.0, None
        for step in self._steps(law, samples):
            found = follow(self.graph, step, tolerance=self.tolerance, before=before, most=most)
            if not math.isfinite(found.within):
                return self._most * (1 + math.log(max(found.left / self.tolerance, 1.0)) / found.steps), math.inf
            worst, before = max(worst, found.within), step
        return worst, worst

    def _steps(self, law: Law, samples: int) -> Iterator[LinearStep]:
        graph = with_law(self.graph, law)
        for point in self.points[:samples]:
            yield linearised(graph, point)


def search(
    forecast: Forecast,
    settings: Sequence[Setting],
    *,
    evaluations: int,
    seed: int,
    pool: Pool | None = None,
    progress: Callable[[float], None] | None = None,
) -> Law:
    """The best law that about so many forecasts find, that of the graph among them.

    A generation of the population is judged as a whole before the next is made, so that what is found does not depend on
    how many processes judge it. The simplex takes one step after another.

    Parameters
    ----------
    forecast : Forecast
    settings : sequence of Setting
        What may be changed. It starts from the graph's law; what that lacks starts in the middle.
    evaluations : int
        The population spends them on few of the samples, the simplex on all.
    seed : int
        Of the population.
    pool : Pool, optional
        Processes that judge the population; by default this one.
    progress : callable, optional
        Called with the share of the evaluations that are done.
    """
    law, done, best = forecast.graph.law, 0, math.inf
    bounds = np.log([[s.low, s.high] for s in settings])
    judges: Pool = InProcess() if pool is None else pool
    parts = equip(judges, [law.name, *(site.function for site in forecast.graph.sites)])

    def at(logs: Floats) -> Law:
        inside = np.exp(np.clip(logs, *bounds.T))
        return with_settings(law, {s.key: float(f"{v:.4g}") for s, v in zip(settings, inside, strict=True)})

    def judged(laws: Sequence[Law], samples: int) -> list[float]:
        """A few at a time, the first alone: how long the next are followed depends on the best before."""
        if len(laws) > 1:
            ends = [0, *range(1, len(laws), _TOGETHER), len(laws)]
            return [cost for a, b in pairwise(ends) for cost in judged_together(laws[a:b], samples)]
        return judged_together(laws, samples)

    def judged_together(laws: Sequence[Law], samples: int) -> list[float]:
        nonlocal done, best
        work = judges.share(_Judging(parts, forecast, samples, best))
        found: list[tuple[float, float, float]] = [(math.nan, math.inf, 0.0)] * len(laws)
        for (k, _), one in shared_out(judges, _judge, work, list(enumerate(laws)), lambda one: one[2], _lost):
            found[k] = one
        best = min([best, *(steps for _, steps, _ in found)])
        done += len(laws)
        if progress is not None:
            progress(min(1.0, done / evaluations))
        return [cost for cost, _, _ in found]

    found = differential_evolution(
        _unused,
        bounds,
        x0=_start(law, settings, bounds),
        maxiter=max(0, round(evaluations * (1 - _POLISH) / (_MEMBERS * len(bounds))) - 1),
        popsize=_MEMBERS,
        seed=rng(seed, "tune", "population"),
        polish=False,
        tol=0.0,
        updating="deferred",
        workers=lambda _, members: judged([at(logs) for logs in members], _FEW),
    )
    simplex = first_simplex(found.x, bounds)
    options = {"maxfev": max(1, evaluations - done), "initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-3}
    judges = InProcess()  # one step after another
    polished = minimize(
        lambda logs: judged([at(logs)], len(forecast.points))[0], simplex[0], method="Nelder-Mead", bounds=bounds,
        options=options,
    )  # fmt: skip
    return at(polished.x)


@dataclass(frozen=True)
class _Judging:
    """What is the same for all laws of a generation; unpickling `parts` registers them."""

    parts: Parts
    forecast: Forecast
    samples: int
    best: float


def _judge(work: _Judging, laws: Sequence[tuple[int, Law]]) -> list[tuple[float, float, float]]:
    """Cost and steps of laws, and the seconds that each took, in whatever process."""
    found = []
    for _, law in laws:
        begun = time.perf_counter()
        cost, steps = work.forecast.cost(law, work.samples, work.best)
        found.append((cost, steps, time.perf_counter() - begun))
    return found


def _lost(law: tuple[int, Law]) -> tuple[float, float, float]:
    raise EngineError(
        "a process that judged a law died every time: perhaps it needs more memory than there is; allowed: fewer workers"
    )


def _unused(logs: Floats) -> float:
    """No member is judged on its own: every generation is, as a whole."""
    return math.inf


def first_simplex(best: Floats, bounds: Floats) -> Floats:
    """Corners (n + 1, n) within the bounds (n, 2): the best point, and a step from it along every axis, inwards at an upper bound.

    The best may be outside by a rounding.
    """
    low, high = bounds.T
    best = np.clip(best, low, high)
    steps = np.where(best + _SIMPLEX > high, -_SIMPLEX, _SIMPLEX)
    return np.clip(best + np.vstack([0 * best, np.diag(steps)]), low, high)


def _start(law: Law, settings: Sequence[Setting], bounds: Floats) -> Floats:
    """Logarithms of the present values inside the bounds; the middle for what the law lacks."""
    present = values_of(law)
    start = bounds.mean(axis=1)
    for k, setting in enumerate(settings):
        value = present[setting.key]
        if isinstance(value, float) and value > 0:
            start[k] = math.log(value)
    return np.clip(start, *bounds.T)
