"""What all pictures share: colours, letters, time axes, and writing a file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from emulator.graph import ScatteringGraph
from emulator.text import for_picture
from hwmodels.doors import quietly
from hwmodels.units import PREFIXES

#: colours that differ for every kind of colour vision (M. Okabe and K. Ito, Color Universal Design, 2008)
STATE, COSTATE, MARK, QUIET = "#0072B2", "#D55E00", "#000000", "#7F7F7F"
#: a third colour, for what is neither
THIRD = "#009E73"
#: lines on top of a heat map: darker than its bright end, brighter than its dark end
LINE = COSTATE
#: colour map of even lightness, readable without colour
HEAT = "cividis"

_LETTERS = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "figure.titlesize": 13,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "legend.handlelength": 2.6,
    "savefig.dpi": 150,
}
_MOST_NAMES = 40
_LETTERS_AN_INCH = 9  # of a title
_TIMES = [
    (float(f"1e{power}"), f"{prefix}s") for power, prefix in sorted(PREFIXES.items(), reverse=True) if -15 <= power <= 0
]


class Series(NamedTuple):
    """How one of several series is drawn: each differs from the others in colour, mark and line."""

    color: str
    marker: str
    linestyle: Any


_SERIES = tuple(
    map(
        Series,
        (STATE, COSTATE, THIRD, "#CC79A7", "#E69F00", "#56B4E9", MARK, QUIET),
        "osD^vPX*",
        ("-", "--", "-.", ":", (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (12, 2, 2, 2))),
    )
)


def series(number: int) -> Series:
    """The style of the series with this number; after eight the colours repeat, with other marks and lines."""
    color, other = _SERIES[number % len(_SERIES)], _SERIES[(number + number // len(_SERIES)) % len(_SERIES)]
    return Series(color.color, other.marker, other.linestyle)


def marks_along(count: int) -> int:
    """Every which of `count` points of a line has a mark, so that there are some ten."""
    return max(1, count // 10)


class TimeUnit(NamedTuple):
    """A unit for a time axis: seconds per unit, and its name."""

    seconds: float
    name: str


def time_unit(span: float) -> TimeUnit:
    """The largest unit of which `span` seconds are at least two (and the smallest, for anything shorter)."""
    return TimeUnit(*next((p for p in _TIMES if span >= 2 * p[0]), _TIMES[-1]))


@contextmanager
def letters() -> Iterator[None]:
    """Draw in the shared style."""
    with mpl.rc_context(_LETTERS):
        yield


def new_figure(title: str, width: float = 8.0, height: float = 5.5) -> Figure:
    """An empty figure (inches) that arranges its own margins."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(for_picture(title), x=0.01, ha="left")
    return figure


def name_substrate(figure: Figure, graph: ScatteringGraph, scenario: str | None = None) -> Figure:
    """Say below a picture's title what it is a picture of: scenario, law and hardware."""
    return told_below(figure, scenario, f"law {graph.law.name}, hardware {graph.hardware.name}")


def told_below(figure: Figure, *told: str | None) -> Figure:
    """More lines below a picture's title, as many as they need; None is no line."""
    width = int(_LETTERS_AN_INCH * figure.get_figwidth())
    lines = [line for text in told if text for line in textwrap.wrap(for_picture(text), width)]
    figure.suptitle("\n".join([figure.get_suptitle(), *lines]), x=0.01, ha="left")
    return figure


def transit_axis(axes: Axes, unit: TimeUnit, transit_seconds: float) -> None:
    """A second time axis on top, in transits (mean line delays)."""
    factor = unit.seconds / transit_seconds
    ways: Any = (lambda time: time * factor, lambda transits: transits / factor)
    axes.secondary_xaxis("top", functions=ways).set_xlabel("transits (mean line delays)")


def name_rows(axes: Axes, graph: ScatteringGraph) -> None:
    """Name bands k to k + 1 after the rows of neurons, leaving some out where there are very many."""
    shown = range(0, len(graph.sites), -(-len(graph.sites) // _MOST_NAMES))
    axes.set_yticks(
        [k + 0.5 for k in shown], [f"{for_picture(graph.sites[k].name)} ({graph.sites[k].size})" for k in shown]
    )
    axes.tick_params(axis="y", length=0)


def legend_below(figure: Figure, axes: Axes, larger: float = 1.0) -> Legend:
    """One legend for the whole figure, below everything, so that it hides nothing; with marks that are so much larger."""
    handles, labels = axes.get_legend_handles_labels()
    return figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), markerscale=larger)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; a letter that the font lacks is no reason to complain."""
    with letters(), quietly():
        figure.savefig(path, format="png")
