"""The pictures of a report, each with its caption and its numbers."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from emulator.study.evidence import Evidence
from emulator.study.learned import trains
from emulator.study.metrics import METRICS
from emulator.study.report import figures
from emulator.study.report.headline import SHARE, target_text
from emulator.study.report.quantities import Quantity, axis_quantity, metric
from emulator.study.report.requirements import by_knob, knob_of, left_early, place_text
from emulator.study.report.tables import Cell, Rows, Table, count, number, table
from emulator.study.summary import BAND, Band, Coordinate, band, cells, coordinates, spread
from emulator.study.verdict import Share, share, share_of, technology_axis

#: curves are split by the places of an axis of names if it has at most so many
MOST_CURVES = 7
_METRICS = (
    "accuracy",
    "r2",
    "output_error",
    "gradient_cosine",
    "gradient_error",
    "settled_fraction",
    "settling_time",
    "energy",
)


@dataclass(frozen=True)
class Card:
    """A picture.

    Parameters
    ----------
    name : str
        Letters, digits and hyphens.
    title, caption : str
    figure : Figure
    numbers : Table
        What is drawn.
    main : bool
        Whether it is shown at once or on request.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    numbers: Table
    main: bool = True


def yield_cards(evidence: Evidence) -> Iterator[Card]:
    """How the share of chips that meet the targets falls along every axis."""
    if not evidence.targets or not evidence.done:
        return
    heads = ("met", "chips", "yield", "low", "high")
    for place, axis in enumerate(_axes(evidence)):
        along, split = axis_quantity(evidence, axis.key), _split(evidence, axis)
        drawn: list[tuple[str, Band]] = []
        rows: Rows = []
        for label, chosen in _groups(evidence, split):
            shares = [share(evidence, chosen & (axis.place == k)) for k in range(len(axis.labels))]
            drawn.append((label, _as_band(shares)))
            rows += [
                (*_named(split, label), _place(axis, along, k), count(one.met), count(one.total),
                 *(number(SHARE, getattr(one, end)) for end in ("fraction", "low", "high")))
                for k, one in enumerate(shares)
            ]  # fmt: skip
        confidence = SHARE.text(evidence.confidence)
        yield Card(
            f"yield-{place}",
            f"Yield against {along.label}",
            f"Share of {'trained ' if trains(evidence) else ''}chips that meet every target; band: {confidence} interval.",
            _along(evidence, axis, split, SHARE, drawn, ()),
            table((*_heads(evidence, split), along.label, *heads), rows),
        )


def tolerance_cards(evidence: Evidence) -> Iterator[Card]:
    """How the share of chips that meet the targets falls along every knob that was searched."""
    heads = ("met", "chips", "yield", "low", "high")
    for place, searches in enumerate(by_knob(evidence)):
        drawn: list[figures.Curve] = []
        rows: Rows = []
        apart = tuple(axis_quantity(evidence, key).label for key in searches[0].detail["where"])
        quantity, needed = knob_of(evidence, searches[0]), sorted({found.detail["share"] for found in searches})
        for found in searches:
            label, trials = place_text(evidence, found), found.detail["trials"]
            shares = [
                share_of(trial["met"], trial["total"], found.detail["confidence"], left_early(found, trial))
                for trial in trials
            ]
            values = np.array([float(trial["value"]) for trial in trials])
            drawn.append(figures.Curve(label, values, _as_band(shares)))
            rows += [
                (*((label,) if apart else ()), number(quantity, float(value)), count(one.met), count(one.total),
                 *(number(SHARE, getattr(one, end)) for end in ("fraction", "low", "high")))
                for value, one in zip(values, shares, strict=True)
            ]  # fmt: skip
        log = all(found.detail["scale"] == "log" and found.detail["trials"] for found in searches)
        yield Card(
            f"tolerance-{place}",
            f"Yield against {quantity.label}",
            "Share of chips that meet every target where it was tried, with its interval; dashed: the "
            f"{' and '.join(SHARE.text(one) for one in needed)} that are asked for.",
            figures.curves(replace(quantity, log=log), SHARE, drawn, needed, ", ".join(apart)),
            table((*((", ".join(apart),) if apart else ()), quantity.label, *heads), rows),
        )


def curve_cards(evidence: Evidence) -> Iterator[Card]:
    """Every metric along every axis."""
    heads = ("median", "low", "high", "points", "missing")
    for place, axis in enumerate(_axes(evidence)):
        along, split = axis_quantity(evidence, axis.key), _split(evidence, axis)
        for name, main in _metrics(evidence):
            what, values, bounds = metric(name), evidence.metrics[name], evidence.targets.get(name, {})
            bands = [(label, band(axis, values, chosen)) for label, chosen in _groups(evidence, split)]
            rows: Rows = [
                (*_named(split, label), _place(axis, along, k),
                 *(number(what, float(getattr(one, end)[k])) for end in ("median", "low", "high")),
                 count(int(one.count[k])), count(int(one.missing[k])))
                for label, one in bands for k in range(len(axis.labels))
            ]  # fmt: skip
            wanted = f" Dashed: {target_text(name, bounds)}." if bounds else ""
            yield Card(
                f"curve-{place}-{_slug(name)}",
                _begun(f"{what.label} against {along.label}"),
                f"Median and band of {SHARE.text(BAND)} of the points{_pooled(evidence, axis, split)}.{wanted}",
                _along(evidence, axis, split, what, bands, tuple(bounds.values())),
                table((*_heads(evidence, split), along.label, *heads), rows),
                main,
            )


def heat_cards(evidence: Evidence) -> Iterator[Card]:
    """The main metrics over every pair of axes."""
    axes, shown = _axes(evidence), [name for name, main in _metrics(evidence) if main]
    for (first, down), (second, across) in combinations(enumerate(axes), 2):
        quantities = (axis_quantity(evidence, down.key), axis_quantity(evidence, across.key))
        for name in shown:
            what, grid = metric(name), cells(down, across, evidence.metrics[name])
            rows = [
                (_place(down, quantities[0], row), _place(across, quantities[1], column), number(what, float(value)))
                for (row, column), value in np.ndenumerate(grid)
            ]
            yield Card(
                f"heat-{first}-{second}-{_slug(name)}",
                _begun(f"{what.label} over {quantities[0].label} and {quantities[1].label}"),
                "Median of the points in each cell; an empty cell has none.",
                figures.heat(down, across, quantities, what, grid),
                table((quantities[0].label, quantities[1].label, "median"), rows),
                name == shown[0],
            )


def settling_cards(evidence: Evidence) -> Iterator[Card]:
    """How settling times are distributed."""
    values = evidence.metrics.get("settling_time")
    if values is None or not np.isfinite(values).any():
        return
    what, names = metric("settling_time"), technology_axis(evidence)
    if names is not None:
        groups = [(label, values[names.place == k]) for k, label in enumerate(names.labels)]
    else:
        groups = [("all points", values)]
    found = [(label, spread(part)) for label, part in groups]
    rows: Rows = [(label, *(number(what, getattr(one, end)) for end in ("low", "median", "high")), count(one.count),
             count(one.missing)) for label, one in found]  # fmt: skip
    numbers = table(("points of", "low", "median", "high", "points", "missing"), rows)
    missing = sum(one.missing for _, one in found)
    lost = f" {missing:,} points have none: nothing settled." if missing else ""
    if names is None:
        caption = f"Of the points, each the median of its samples; dashed: their median.{lost}"
        yield Card(
            "settling-times", "Distribution of settling times", caption, figures.histogram(values, what), numbers
        )
        return
    median, low, high = (np.array([getattr(one, end) for _, one in found]) for end in ("median", "low", "high"))
    figure = figures.bars([label for label, _ in found], median, low, high, what)
    caption = f"Median and band of {SHARE.text(BAND)} of the points, each the median of its samples.{lost}"
    yield Card("settling-times", "Settling times by technology", caption, figure, numbers)


def _along(
    evidence: Evidence,
    axis: Coordinate,
    split: Coordinate | None,
    what: Quantity,
    bands: Sequence[tuple[str, Band]],
    target: Sequence[float],
) -> Figure:
    """A metric along an axis of numbers, or at the places of one of names."""
    along = axis_quantity(evidence, axis.key)
    if axis.numbers is None:
        return figures.rows(axis, along, what, bands[0][1], target)
    drawn = [figures.Curve(label, axis.numbers, band) for label, band in bands]
    return figures.curves(replace(along, log=axis.log), what, drawn, target, "".join(_heads(evidence, split)))


def _axes(evidence: Evidence) -> list[Coordinate]:
    """Axes with more than one place."""
    return [axis for axis in coordinates(evidence) if len(axis.labels) > 1]


def _metrics(evidence: Evidence) -> list[tuple[str, bool]]:
    """Metrics, those with targets first, and whether they are shown at once."""
    known = [name for name in evidence.metrics if name in evidence.targets]
    rest = [name for name in _METRICS if name in evidence.metrics and name not in known]
    other = [name for name in evidence.metrics if name not in (*known, *rest)]
    shown = [*known, *rest][: max(3, len(known))]
    return [(name, name in shown) for name in (*known, *rest, *other)]


def _begun(text: str) -> str:
    """A title: `text` with its first letter large."""
    return text[:1].upper() + text[1:]


def _slug(name: str) -> str:
    """A metric as part of an identifier; one that is not known is not to be trusted, and gets a number."""
    return name.replace("_", "-") if name in METRICS else f"x{zlib.crc32(name.encode('utf-8', 'replace')):08x}"


def _split(evidence: Evidence, axis: Coordinate) -> Coordinate | None:
    """The axis by whose places curves along `axis` are drawn apart: names, or the only other one if it has few."""
    others = [other for other in _axes(evidence) if other.key != axis.key and not other.binned]
    names = [other for other in others if other.numbers is None]
    chosen = names[0] if len(names) == 1 else others[0] if len(others) == 1 == len(_axes(evidence)) - 1 else None
    return None if chosen is None or axis.numbers is None or len(chosen.labels) > MOST_CURVES else chosen


def _groups(evidence: Evidence, split: Coordinate | None) -> list[tuple[str, NDArray[np.bool_]]]:
    """Points that are drawn as one curve, and its name."""
    if split is None:
        return [("", np.ones(evidence.done, dtype=bool))]
    return [
        (_place(split, axis_quantity(evidence, split.key), k).text, split.place == k) for k in range(len(split.labels))
    ]


def _heads(evidence: Evidence, split: Coordinate | None) -> tuple[str, ...]:
    return () if split is None else (axis_quantity(evidence, split.key).label,)


def _named(split: Coordinate | None, label: str) -> tuple[str, ...]:
    return () if split is None else (label,)


def _as_band(shares: Sequence[Share]) -> Band:
    ends = (np.array([getattr(one, name) for one in shares]) for name in ("low", "fraction", "high"))
    return Band(*ends, *(np.array([getattr(one, name) for one in shares], dtype=np.int64) for name in ("total", "met")))


def _place(axis: Coordinate, along: Quantity, place: int) -> Cell:
    if axis.numbers is None or axis.binned:
        return Cell(axis.labels[place])
    return number(along, float(axis.numbers[place]))


def _pooled(evidence: Evidence, axis: Coordinate, split: Coordinate | None) -> str:
    """What the points of a band differ in."""
    apart = [axis.key, *([split.key] if split is not None else [])]
    others = [axis_quantity(evidence, other.key).label for other in _axes(evidence) if other.key not in apart]
    return f", over chips, runs and {', '.join(others)}" if others else ", over chips and runs"
