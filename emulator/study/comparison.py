"""Two sets of points side by side: how far apart their metrics are, and whether that may be luck.

What is compared are chips, not points: points of one chip share its draws, and counting them one by one would make
luck look like a difference. Each chip counts with the mean of its points; with a single chip, each run counts with the
mean of its places, and with a single run, each place. Where both sides ran with the same seeds at the same places they
are compared chip by chip (Wilcoxon's signed-rank test, with the exact distribution of the ranks that are there, so that
ties are right), else as independent samples (Mann-Whitney). Several metrics are several chances to be wrong: p values
are corrected after S. Holm, Scandinavian Journal of Statistics 6, 65 (1979).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import StudyError
from emulator.study.evidence import Evidence, Floats
from emulator.study.metrics import METRICS
from emulator.study.significance import CONFIDENCE, holm, median_interval, rank_sum, shift_interval, signed_rank

#: name of the metric that is 1 where a point meets every target
TARGETS = "targets_met"

#: place on the shared axes, chip, and run on it
Key = tuple[str, int, int]
#: indices of points by place, chip and run
Points = dict[Key, list[int]]


@dataclass(frozen=True)
class Side:
    """One of two sets of points.

    Parameters
    ----------
    name : str
    evidence : Evidence
    chosen : (n,) bool
        Its points.
    apart : tuple of str
        Axes in which the two sides differ on purpose.
    """

    name: str
    evidence: Evidence
    chosen: NDArray[np.bool_]
    apart: tuple[str, ...] = ()

    @classmethod
    def whole(cls, name: str, evidence: Evidence) -> Side:
        """All points of a study."""
        return cls(name, evidence, np.ones(evidence.done, dtype=bool))

    @classmethod
    def at(cls, evidence: Evidence, key: str, value: Any) -> Side:
        """The points of a study at one value of an axis."""
        chosen = np.array([one == value for one in evidence.axes[key]], dtype=bool)
        return cls(str(value), evidence, chosen, (key,))

    @property
    def axes(self) -> list[str]:
        """Axes that the two sides may share."""
        return [key for key in self.evidence.axes if key not in self.apart]

    def metrics(self) -> dict[str, Floats]:
        """The metrics of all n points of the study, and whether they meet its targets if it has any."""
        evidence = self.evidence
        if not evidence.targets:
            return dict(evidence.metrics)
        met = evidence.met.astype(np.float64)
        met[~evidence.judged] = np.nan
        return {TARGETS: met, **evidence.metrics}


@dataclass(frozen=True)
class Row:
    """One metric of both sides.

    Parameters
    ----------
    metric : str
    first, second : float
        Medians over the chips (or runs, or places); NaN where the metric is missing.
    difference, low, high : float
        Of the second from the first: the median of the chips' differences, or the difference of the medians, with
        its interval; NaN where there are too few.
    p, corrected : float
        Probability of a difference as large where there is none, by itself and with all metrics in view.
    units : tuple of int
        Chips (or runs, or places) of each side that have the metric.
    same : bool
        Whether nothing at all differs; then there is nothing to test.
    """

    metric: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    corrected: float
    units: tuple[int, int]
    same: bool

    @property
    def different(self) -> bool:
        """Whether the difference is more than luck explains."""
        return bool(self.corrected < 1 - CONFIDENCE)


@dataclass(frozen=True)
class Comparison:
    """Two sides, metric by metric.

    Parameters
    ----------
    names : (str, str)
    rows : tuple of Row
    paired : bool
        Whether chip is compared with chip.
    unit : {"chip", "run", "place"}
    notes : tuple of str
        What else a reader must know.
    """

    names: tuple[str, str]
    rows: tuple[Row, ...]
    paired: bool
    unit: str
    notes: tuple[str, ...]


def compare(first: Side, second: Side) -> Comparison:
    """Compare the metrics that both sides have.

    Raises
    ------
    StudyError
        If they share no metric, or both have axes and share none, or one has no points, or they ran two networks.
    """
    shared = _shared(first, second)
    _same_network(first, second)
    notes: list[str] = []
    measured = [side.metrics() for side in (first, second)]
    order = [TARGETS, *METRICS]
    names = [name for name in measured[0] if name in measured[1]]
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    if TARGETS in names and first.evidence.targets != second.evidence.targets:
        names.remove(TARGETS)
        notes.append("the two studies have different targets, so how often targets are met is not compared")
    if not names:
        lists = "; ".join(
            f"{side.name}: {', '.join(one) or 'none'}" for side, one in zip((first, second), measured, strict=True)
        )
        raise StudyError(
            f"{first.name} and {second.name} share no metric ({lists}); allowed: two studies with a metric in common"
        )
    tables = [_points(side, shared) for side in (first, second)]
    common = [key for key in tables[0] if key in tables[1]]
    seeds = [side.evidence.seeds for side in (first, second)]
    same = bool(common) and all(seeds[0][tables[0][key][0]] == seeds[1][tables[1][key][0]] for key in common)
    others = _differ("data", first, second)
    sampled = first.evidence.sequential or second.evidence.sequential
    if sampled:
        notes.append("chips were sampled until they told: p values and intervals do not allow for that")
    paired = same and not others
    if paired:
        left_out = sum(len(one) for one in tables) - 2 * len(common)
        if left_out:
            notes.append(f"{left_out:,} places have no partner on the other side and are left out")
        tables = [{key: one[key] for key in common} for one in tables]
    else:
        why = "ran other samples" if others else "have no points with the same seeds"
        notes.append(f"the sides {why}, and are compared as independent samples")
        places = {key[0] for key in tables[0]} & {key[0] for key in tables[1]}
        if places:
            tables = [{key: point for key, point in one.items() if key[0] in places} for one in tables]
            if sampled:
                chips = {key[:2] for key in tables[0]} & {key[:2] for key in tables[1]}
                tables = [{key: point for key, point in one.items() if key[:2] in chips} for one in tables]
        else:
            notes.append("the axes have no value in common: differences are between all points of each side")
    unit = next((k for k in (1, 2, 0) if all(len({key[k] for key in one}) > 1 for one in tables)), 1)
    found = [_row(name, [values[name] for values in measured], tables, unit, paired) for name in names]
    corrected = holm([row.p for row in found])
    rows = tuple(replace(row, corrected=value) for row, value in zip(found, corrected, strict=True))
    return Comparison((first.name, second.name), rows, paired, ("place", "chip", "run")[unit], tuple(notes))


def _shared(first: Side, second: Side) -> list[str]:
    """Axes that both sides have."""
    for side in (first, second):
        if not side.chosen.any():
            raise StudyError(f"{side.name} has no points; allowed: a study with at least one finished point")
    shared = [key for key in first.axes if key in second.axes]
    if not shared and (first.axes or second.axes):
        lists = "; ".join(f"{side.name}: {', '.join(side.axes) or 'none'}" for side in (first, second))
        raise StudyError(
            f"{first.name} and {second.name} share no axis ({lists}); allowed: two studies with an axis in common"
        )
    return shared


def _same_network(first: Side, second: Side) -> None:
    """Refuse two networks: what differs between chips of two networks are the networks."""
    if _differ("digest", first, second):
        told = " and ".join(
            f"{side.name} ran one of {side.evidence.facts['network'].get('parameters', '?')} parameters "
            f"(digest {str(side.evidence.facts['network']['digest'])[:12]})"
            for side in (first, second)
        )
        raise StudyError(
            f"{first.name} and {second.name} are of two networks: {told}; "
            "allowed: two studies of one network, or one study with both on an axis"
        )


def _differ(fact: str, first: Side, second: Side) -> bool:
    """Whether both sides know this of what they ran, and it is not the same."""
    known = [side.evidence.facts["network"].get(fact) for side in (first, second)]
    return None not in known and known[0] != known[1]


def _points(side: Side, shared: Sequence[str]) -> Points:
    """Points by place on the shared axes, chip and run; several where they differ in axes that are not shared."""
    found: Points = {}
    evidence = side.evidence
    for point in np.flatnonzero(side.chosen):
        place = json.dumps([_plain(evidence.axes[key][point]) for key in shared])
        found.setdefault((place, int(evidence.chip[point]), int(evidence.noise[point])), []).append(int(point))
    return found


def _row(name: str, values: Sequence[Floats], tables: Sequence[Points], unit: int, paired: bool) -> Row:
    columns = [
        {key: _mean(column[points]) for key, points in one.items()} for column, one in zip(values, tables, strict=True)
    ]
    own = [_means(one, unit) for one in columns]
    if paired:
        known = [key for key in columns[0] if np.isfinite(columns[0][key]) and np.isfinite(columns[1][key])]
        columns = [{key: one[key] for key in known} for one in columns]
    a, b = (_means(one, unit) for one in columns)
    shift, low, high, p = (np.nan,) * 4
    if paired and len(a):
        shift, (low, high), p = _median(b - a), median_interval(b - a), signed_rank(b - a)
    elif len(a) and len(b):
        shift, (low, high), p = _median(b) - _median(a), shift_interval(a, b), rank_sum(a, b)
    same = bool(len(a) and len(b)) and len(np.unique(b - a if paired else [*a, *b])) == 1 and shift == 0
    units = (len(own[0]), len(own[1]))
    return Row(name, _median(own[0]), _median(own[1]), shift, low, high, p, np.nan, units, same)


def _means(column: dict[Key, float], unit: int) -> Floats:
    """Mean of what is known of each place, chip or run (entry `unit` of a key), in order."""
    groups: dict[str | int, list[float]] = {}
    for key, value in column.items():
        if np.isfinite(value):
            groups.setdefault(key[unit], []).append(value)
    return np.array([np.mean(found) for _, found in sorted(groups.items())])


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.mean(known)) if len(known) else np.nan


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else np.nan


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else value
