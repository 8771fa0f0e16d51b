"""Where a report's numbers come from, what failed, and which knob moves what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tomli_w

from emulator.study.evidence import Evidence
from emulator.study.metrics import METRICS
from emulator.study.report.quantities import axis_quantity, change_of, metric
from emulator.study.report.tables import Cell, Table, count, named, number, table
from emulator.study.store import Sensitivity
from emulator.study.summary import failures

#: reasons that are listed
MOST_REASONS = 20
_SHOWN_POINTS = 3


def failures_table(evidence: Evidence) -> Table:
    """What did not settle or failed, with the reason, the most frequent first."""
    found = list(failures(evidence))
    rows = [
        (
            Cell(status, None, "bad" if status == "failed" else "fair"),
            count(len(points)),
            reason or "no reason is stored",
            Cell("; ".join(_where(evidence, point) for point in points[:_SHOWN_POINTS]), None, "code"),
        )
        for status, reason, points in found[:MOST_REASONS]
    ]
    rest = sum(len(points) for _, _, points in found[MOST_REASONS:])
    return table(
        ("status", "points", "reason", "first of them"), rows, f"{rest:,} more, of other reasons" if rest else ""
    )


def sensitivity_table(evidence: Evidence) -> Table:
    """How far each knob moves each metric over its range, by metric and rank."""
    largest: dict[str, float] = {}
    for one in evidence.sensitivities:
        largest[one.metric] = max(largest.get(one.metric, 0.0), abs(one.slope))
    rows = [
        (
            metric(one.metric).label,
            count(one.rank),
            named(axis_quantity(evidence, one.knob)),
            _worse(one),
            number(
                change_of(metric(one.metric)),
                one.slope,
                share=abs(one.slope) / largest[one.metric] if one.slope else 0.0,
            ),
        )
        for one in sorted(
            evidence.sensitivities, key=lambda one: (one.metric not in evidence.targets, one.metric, one.rank)
        )
        if math.isfinite(one.slope)
    ]
    return table(("metric", "rank", "knob", "worse with", "change over its range"), rows)


def _worse(one: Sensitivity) -> Cell:
    """Which way the knob must be turned for the metric to get worse."""
    if one.metric not in METRICS:
        return Cell("not known", None, "quiet")
    if not one.slope:
        return Cell("neither", None, "quiet")
    return Cell("higher values" if (one.slope < 0) == (METRICS[one.metric].better == "higher") else "lower values")


def provenance_table(evidence: Evidence) -> Table:
    """The study, the machine and the versions."""
    rows: list[tuple[str, str]] = [
        ("study", evidence.meta.get("title", "")),
        ("store", evidence.source),
        ("begun", evidence.meta.get("created", "")),
        ("digest of the study", evidence.meta.get("digest", "")),
        (
            "points",
            f"{evidence.done:,} of {evidence.planned:,}" + _rest(evidence),
        ),
        *([("SHA-256 of the files read", evidence.meta["files"])] if evidence.meta.get("files", "{}") != "{}" else []),
        *((name, _plain(evidence.facts[name])) for name in ("network", "versions", "platform")),
        *((f"seeds: {key}", text) for key, text in _seeds(evidence).items()),
    ]
    return table(("what", "value"), [(head, Cell(text, None, "code")) for head, text in rows])


def _rest(evidence: Evidence) -> str:
    """What became of the points that are not there."""
    if not evidence.complete:
        return "; the study is not complete"
    return "; the others were not needed" if evidence.done < evidence.planned else ""


def as_toml(data: Mapping[str, Any]) -> str:
    """Nested tables as TOML, without what is null."""
    return tomli_w.dumps(_without_null(data))


def _where(evidence: Evidence, point: int) -> str:
    places = [
        f"{axis_quantity(evidence, key).label} = {axis_quantity(evidence, key).text(column[point])}"
        for key, column in evidence.axes.items()
    ]
    return ", ".join([*places, f"chip {evidence.chip[point]}", f"run {evidence.noise[point]}"])


def _seeds(evidence: Evidence) -> dict[str, str]:
    """All different seeds of each kind that the points have, in short."""
    kinds: dict[str, dict[Any, None]] = {}
    for seeds in evidence.seeds:
        for kind, seed in seeds.items():
            kinds.setdefault(kind, {})[seed] = None
    return {kind: _short([str(seed) for seed in found]) for kind, found in kinds.items()}


def _short(texts: list[str]) -> str:
    if len(texts) <= 2 * _SHOWN_POINTS:
        return ", ".join(texts)
    return f"{', '.join(texts[:_SHOWN_POINTS])} ... {texts[-1]} ({len(texts):,} different)"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_nested(entry)}" for key, entry in value.items() if entry not in ([], {}, ""))
    if isinstance(value, list):
        return ", ".join(_plain(entry) for entry in value)
    return "missing" if value is None else str(value)


def _nested(value: Any) -> str:
    return f"({_plain(value)})" if isinstance(value, Mapping | list) else _plain(value)


def _without_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_null(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_without_null(entry) for entry in value if entry is not None]
    return value
