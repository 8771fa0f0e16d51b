"""Settling time against depth: marks where measured, lines where predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from emulator.experiments.depth.curves import Point
from emulator.report.style import HEAT, MARK, QUIET, letters, new_figure

_MARKS = "osD^vP*X<>"


def depth_figure(points: Sequence[Point], title: str) -> Figure:
    """One panel, both axes logarithmic; what does not settle within the horizon has an empty mark at the upper edge."""
    names = list(dict.fromkeys(point.curve for point in points))
    with letters():
        figure = new_figure(title, width=8.5, height=5.5)
        axes = figure.subplots()
        for k, name in enumerate(names):
            own = [point for point in points if point.curve == name]
            colour = colormaps[HEAT](0.9 * k / max(1, len(names) - 1))
            predicted = [p.predicted if math.isfinite(p.predicted) else math.nan for p in own]
            measured = [p.measured if math.isfinite(p.measured) else math.nan for p in own]
            depths, mark = [p.depth for p in own], _MARKS[k % len(_MARKS)]
            axes.plot(depths, predicted, "-", color=colour, linewidth=1.1)
            axes.plot(depths, measured, mark, color=colour, markersize=5, label=name)
            late = [depth for depth, value in zip(depths, measured, strict=True) if value != value]
            axes.plot(late, [1.0] * len(late), mark, color=colour, fillstyle="none", markersize=7,
                      transform=axes.get_xaxis_transform(), clip_on=False)  # fmt: skip
        axes.plot([], [], "-", color=MARK, label="predicted")
        if not all(math.isfinite(point.measured) for point in points):
            axes.plot([], [], "o", color=MARK, fillstyle="none", markersize=7, label="not within the horizon")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks(sorted({point.depth for point in points}))
        axes.set_xlabel("depth (layers of weights)")
        axes.set_ylabel("settling time (steps)")
        axes.grid(color=QUIET, alpha=0.25)
        figure.legend(loc="outside right center")
    return figure
