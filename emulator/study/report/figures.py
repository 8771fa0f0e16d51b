"""The pictures of a study's report."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from emulator.report.style import HEAT
from emulator.study.evidence import Floats
from emulator.study.report.quantities import MISSING, Quantity
from emulator.study.report.svg import INK, PAPER, QUIET, RULE, SERIES, literal, page_style
from emulator.study.summary import Band, Coordinate

_SIZE = (4.5, 3.1)
#: heat maps with at most this many cells show their numbers
_NUMBERED = 36
_LONGEST = 18
#: marks of curves, one per colour
_MARKS = "osD^vPX"
#: letters in a line at an axis
_LINE = 34
#: an axis has a tick at each of its places if there is room for so many
_MOST_TICKS = 8


class Curve(NamedTuple):
    """A curve with its band: K numbers along the axis, and the band there."""

    name: str
    x: Floats
    band: Band


def curves(along: Quantity, what: Quantity, drawn: Sequence[Curve], target: Sequence[float], apart: str = "") -> Figure:
    """A metric along an axis: medians with their bands, one curve per name of what they are `apart` in.

    Bounds of the target are dashed. A curve is wider than those that coincide with it and are drawn over it.
    """
    with page_style():
        figure, axes = _new()
        faint = 0.18 if len(drawn) == 1 else 0.1
        for number, ((name, x, band), colour) in enumerate(zip(drawn, _colours(len(drawn)), strict=True)):
            known = np.isfinite(band.median)
            axes.fill_between(x[known], band.low[known], band.high[known], color=colour, alpha=faint, linewidth=0)
            wider = sum(_coincide(drawn[number], later) for later in drawn[number + 1 :])
            axes.plot(x[known], band.median[known], color=colour, linewidth=1.8 + 1.1 * wider,
                      marker=_MARKS[number % len(_MARKS)], markersize=5 + 2 * wider, markeredgecolor=PAPER,
                      clip_on=False, label=_short(name))  # fmt: skip
        _bounds(axes.axhline, target)
        lows = np.concatenate([band.low[np.isfinite(band.low)] for _, _, band in drawn])
        if not len(lows):
            return _nothing(figure, axes, along, what)
        _scale(axes, "x", along)
        places = np.unique(np.concatenate([x for _, x, _ in drawn]))
        if not along.log and len(places) > 1 and np.diff(places).min() >= np.ptp(places) / _MOST_TICKS:
            axes.set_xticks(places)
        _scale(axes, "y", replace(what, log=_logged(what, lows)))
        if len(drawn) > 1:
            figure.legend(
                loc="outside lower center", ncols=3, columnspacing=1.2, handletextpad=0.5, title=_wrapped(apart)
            )
    return figure


def heat(
    down: Coordinate, across: Coordinate, names: tuple[Quantity, Quantity], what: Quantity, values: Floats
) -> Figure:
    """A metric at every pair of places of two axes; empty cells have no value."""
    with page_style():
        figure, axes = _new((4.5, 1.5 + 0.28 * min(max(len(down.labels), 5), 12)))
        known = values[np.isfinite(values)]
        logged = what.log and len(known) > 0 and bool(np.all(known > 0)) and bool(known.max() > 3 * known.min())
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        if low == high:  # one colour, and room for a scale
            low, high = (0.9 * low, high) if low > 0 else (low, low + 0.1 * (abs(low) or 1.0))
        norm = (mpl.colors.LogNorm if logged else mpl.colors.Normalize)(low, high)
        mesh = axes.pcolormesh(np.ma.masked_invalid(values), cmap=HEAT, norm=norm, edgecolors=PAPER, linewidth=1)
        bar = figure.colorbar(mesh, ax=axes, pad=0.02, aspect=18, format=FuncFormatter(what.tick))
        bar.outline.set_visible(False)
        bar.ax.minorticks_off()
        if not logged:
            bar.ax.yaxis.set_major_locator(MaxNLocator(4))
        bar.set_label(_wrapped(what.title))
        if values.size <= _NUMBERED and len(across.labels) <= 6:
            for (row, column), value in np.ndenumerate(values):
                bright = np.isfinite(value) and norm(value) > 0.55
                axes.text(column + 0.5, row + 0.5, what.text(value, 3) if np.isfinite(value) else "-", ha="center",
                          va="center", fontsize=8, color="#000000" if bright else "#ffffff")  # fmt: skip
        for side, axis, quantity in (("x", across, names[1]), ("y", down, names[0])):
            shown = range(0, len(axis.labels), -(-len(axis.labels) // 8))
            labels = [_place(axis, k, quantity) for k in shown]
            tilted = side == "x" and max(map(len, labels), default=0) * len(labels) > 36
            getattr(axes, f"set_{side}ticks")(
                [k + 0.5 for k in shown], labels, **({"rotation": 35, "ha": "right"} if tilted else {})
            )
            getattr(axes, f"set_{side}label")(_wrapped(quantity.label if axis.numbers is None else quantity.title))
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def histogram(values: Floats, what: Quantity) -> Figure:
    """How the known values of a metric are distributed, with their median."""
    with page_style():
        figure, axes = _new()
        known = values[np.isfinite(values)]
        logged = bool(what.log and len(known) and known.min() > 0 and known.max() > 10 * known.min())
        bins = int(np.clip(np.sqrt(len(known)), 6, 40))
        edges = (
            np.geomspace(known.min(), known.max(), bins + 1)
            if logged
            else np.linspace(known.min(), known.max(), bins + 1)
        )
        axes.hist(known, bins=edges.tolist(), color=SERIES[0], edgecolor=PAPER, linewidth=0.6)
        axes.axvline(float(np.median(known)), color=INK, linewidth=1.2, linestyle="--")
        _scale(axes, "x", replace(what, log=logged))
        axes.set_ylabel("points (1)")
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


def bars(labels: Sequence[str], values: Floats, low: Floats, high: Floats, what: Quantity) -> Figure:
    """Values with intervals, one row per label, in the order given from the top."""
    with page_style():
        figure, axes = _new((4.5, 1.0 + 0.3 * max(len(labels), 4)))
        _intervals(axes, labels, values, low, high)
        _scale(axes, "x", replace(what, log=_logged(what, low[np.isfinite(low)])))
    return figure


def rows(axis: Coordinate, along: Quantity, what: Quantity, band: Band, target: Sequence[float]) -> Figure:
    """A metric at the places of an axis, one row each: medians with their bands; bounds of the target are dashed."""
    with page_style():
        figure, axes = _new((4.5, 1.0 + 0.3 * max(len(axis.labels), 4)))
        _intervals(axes, [_place(axis, k, along) for k in range(len(axis.labels))], band.median, band.low, band.high)
        _bounds(axes.axvline, target)
        _scale(axes, "x", replace(what, log=_logged(what, band.low[np.isfinite(band.low)])))
    return figure


def _intervals(axes: Axes, labels: Sequence[str], middle: Floats, low: Floats, high: Floats) -> None:
    rows = np.arange(len(labels))
    known = np.isfinite(middle)
    axes.hlines(rows[known], low[known], high[known], color=SERIES[0], linewidth=3.5, alpha=0.4)
    axes.plot(middle[known], rows[known], "o", color=SERIES[0], markersize=6, markeredgecolor=PAPER, clip_on=False)
    for row in rows[~known]:
        axes.text(0.5, row, MISSING, transform=axes.get_yaxis_transform(), ha="center", va="center", color=QUIET)
    axes.set_yticks(rows, [_short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def _coincide(one: Curve, other: Curve) -> bool:
    """Whether two curves share two places in succession, or their only one."""
    _, mine, yours = np.intersect1d(one.x, other.x, return_indices=True)
    same = one.band.median[mine] == other.band.median[yours]
    return bool((same[1:] & same[:-1]).any() if len(same) > 1 else same.any())


def _nothing(figure: Figure, axes: Axes, along: Quantity, what: Quantity) -> Figure:
    """Axes that say that no value is known."""
    axes.text(0.5, 0.5, MISSING, transform=axes.transAxes, ha="center", va="center", color=QUIET)
    axes.set(xlabel=_wrapped(along.title), ylabel=_wrapped(what.title), xticks=[], yticks=[])
    return figure


def _new(size: tuple[float, float] = _SIZE) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.grid(color=RULE)
    return figure, axes


def _scale(axes: Axes, side: str, quantity: Quantity) -> None:
    """Name an axis and its ticks, with units."""
    own = axes.xaxis if side == "x" else axes.yaxis
    if quantity.log:
        getattr(axes, f"set_{side}scale")("log")
        low, high = sorted(getattr(axes, f"get_{side}lim")())
        few = high < 30 * low
        own.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=6))
        own.set_minor_formatter(NullFormatter())
    else:
        own.set_major_locator(MaxNLocator(5))
        if quantity.unit == "%":
            low, high = getattr(axes, f"get_{side}lim")()
            least, most = getattr(
                axes.dataLim, f"interval{side}"
            )  # a share of what descent learns may be less than none
            getattr(axes, f"set_{side}lim")(max(low, min(0.0, least)), min(high, max(1.0, most)))
    own.set_major_formatter(FuncFormatter(quantity.tick))
    own.set_label_text(_wrapped(quantity.title))


def _logged(what: Quantity, values: Floats) -> bool:
    return bool(what.log and len(values) and values.min() > 0)


def _bounds(line: Callable[..., object], target: Sequence[float]) -> None:
    for bound in target:
        line(bound, color=INK, linewidth=1, linestyle=(0, (4, 3)))


def _place(axis: Coordinate, place: int, quantity: Quantity) -> str:
    """What a place of an axis is called."""
    if axis.numbers is None:
        return _short(axis.labels[place])
    return quantity.text(float(axis.numbers[place]), 3)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _LINE)


def _short(text: str) -> str:
    clean = literal(text)
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 1]}…"


def _colours(count: int) -> Sequence[str]:
    return [SERIES[k % len(SERIES)] for k in range(count)]
