"""Maps of what settles: measured cells, and over them the predicted boundary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from emulator.experiments.atlas.cells import Cell, Map, agreement
from emulator.report.style import COSTATE, HEAT, MARK, QUIET, letters, new_figure, series
from emulator.text import for_picture

_COLUMNS = 3


@dataclass(frozen=True)
class Shade:
    """What the colour of a cell is.

    Parameters
    ----------
    label : str
    value : callable
        Of a cell; NaN where there is none.
    norm : callable
        Of all values that there are, at least two.
    marks : bool
        Whether cells that disagree with their prediction are marked.
    """

    label: str
    value: Callable[[Cell], float]
    norm: Callable[[Sequence[float]], Normalize]
    marks: bool = False


def _settling(cell: Cell) -> float:
    return max(cell.measured / cell.transit, 1.0) if cell.settled else np.nan


def _logarithmic(values: Sequence[float]) -> Normalize:
    return LogNorm(min(values), max(*values, 1.01 * min(values)))


TIME = Shade(
    "measured settling time (transits); grey: not settled within the horizon", _settling, _logarithmic, marks=True
)
ERROR = Shade(
    "measured error of the gradient against backpropagation; grey: not settled",
    lambda cell: max(cell.gradient, 1e-4) if cell.settled else np.nan,
    lambda values: LogNorm(1e-4, max(2.0, *values)),
)
COSINE = Shade(
    "cosine of the measured gradient and backpropagation; grey: not settled",
    lambda cell: cell.cosine if cell.settled else np.nan,
    lambda values: Normalize(min(0.0, *values), 1.0),
)


def maps_figure(maps: Sequence[tuple[Map, list[Cell]]], within: float, title: str, shade: Shade = TIME) -> Figure:
    """A heat map of measured cells per map, with both predicted boundaries and the cells that disagree."""
    rows, columns = -(-len(maps) // _COLUMNS), min(_COLUMNS, len(maps))
    every = [value for _, cells in maps for value in map(shade.value, cells) if not np.isnan(value)]
    norm = shade.norm([*every, *every] or [1.0, 10.0])
    with letters():
        figure = new_figure(title, 5.0 * columns + 1.0, 4.6 * rows + 1.0)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (labels, cells) in zip(grid, maps, strict=False):
            drawn = _map(axes, labels, cells, within, shade, norm)
        for axes in grid[len(maps) :]:
            axes.set_axis_off()
        figure.colorbar(drawn, ax=list(grid), label=shade.label, aspect=40)
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _map(axes: Axes, labels: Map, cells: list[Cell], within: float, shade: Shade, norm: Normalize) -> AxesImage:
    measured, radius, predicted = (np.full((len(labels.y_ticks), len(labels.x_ticks)), np.nan) for _ in range(3))
    for cell in cells:
        at = cell.row, cell.column
        measured[at] = shade.value(cell)
        radius[at] = np.log(max(cell.radius, 0.1))
        predicted[at] = np.log(min(max(cell.predicted, 1.0), 100.0 * cell.horizon) / cell.horizon)
    shown = mpl.colormaps[HEAT].with_extremes(bad="#BBBBBB")
    drawn = axes.imshow(measured, origin="lower", aspect="auto", interpolation="nearest", cmap=shown, norm=norm)
    for values, style, name in (
        (radius, "-", "predicted: spectral radius 1"),
        (predicted, "--", "predicted: settles just within the horizon"),
    ):
        if min(values.shape) > 1 and np.nanmin(values) < 0 < np.nanmax(values):
            axes.contour(values, levels=[0.0], colors=[COSTATE], linestyles=[style], linewidths=[1.8])
        axes.plot([], [], style, color=COSTATE, linewidth=1.8, label=name)
    wrong = agreement(cells, within).disagreeing if shade.marks else ()
    for chosen, mark, name in (
        ([c for c in wrong if not c.same_side], "X", "on the other side of the boundary than predicted"),
        ([c for c in wrong if c.same_side], "o", f"settling time off by more than {within:.0%}"),
    ):
        if not shade.marks:
            continue
        places = [c.column for c in chosen], [c.row for c in chosen]
        axes.plot(*places, mark, color="white", markeredgecolor=MARK, markersize=7, linestyle="none", label=name)
    axes.set_xticks(range(len(labels.x_ticks)), [for_picture(str(one)) for one in labels.x_ticks], rotation=45)
    axes.set_yticks(range(len(labels.y_ticks)), [for_picture(str(one)) for one in labels.y_ticks])
    axes.set_xlabel(for_picture(labels.x_label))
    axes.set_ylabel(for_picture(labels.y_label))
    axes.set_title(for_picture(labels.name), loc="left")
    return drawn


def times_figure(maps: Sequence[tuple[Map, list[Cell]]], within: float) -> Figure:
    """Predicted against measured settling time of every cell that settled."""
    with letters():
        figure = new_figure("Predicted and measured settling time", 7.0, 7.0)
        axes = figure.subplots()
        ends: list[float] = []
        for number, (labels, cells) in enumerate(maps):
            settled = [c for c in cells if c.settled and np.isfinite(c.predicted)]
            x, y = [max(c.measured, 1.0) for c in settled], [max(c.predicted, 1.0) for c in settled]
            ends += [*x, *y]
            style = series(number)
            axes.plot(x, y, style.marker, color=style.color, markersize=4, alpha=0.7, label=for_picture(labels.name))
        line = np.array([min(ends, default=1.0), max(ends, default=10.0)])
        axes.plot(line, line, color=MARK, linewidth=0.9, label="equal")
        axes.fill_between(line, line * (1 - within), line * (1 + within), color=QUIET, alpha=0.2, linewidth=0,
                          label=f"within {within:.0%}")  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.margins(0.02)
        axes.set_xlabel("measured settling time (steps)")
        axes.set_ylabel("predicted settling time (steps)")
        axes.legend(loc="upper left")
    return figure
