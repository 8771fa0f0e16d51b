"""Settling curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emulator.graph.elements import Steps
from emulator.measure import SettleResult
from emulator.report.samples import Floats, sample_trace
from emulator.report.style import (
    COSTATE,
    MARK,
    QUIET,
    STATE,
    TimeUnit,
    legend_below,
    letters,
    new_figure,
    time_unit,
    transit_axis,
)

#: distances below are drawn here: they are exact, or round-off
FLOOR = 1e-12
#: distances above are drawn here: the run has left its rest for good
CEILING = 1e12


def settling_curve(result: SettleResult) -> Figure:
    """Distance of states and costates from where they rest against time, for every recorded sample.

    Rest is what the substrate's own equations say, or the law's where a run went far from there (`emulator.measure.rests`):
    a run that grows is seen to grow. Sources are left out of the states: they are clamped from the first moment on.

    Parameters
    ----------
    result : SettleResult
        Made with ``traces=True``.
    """
    graph, count, arrival = result.graph, len(result.settled), result.graph.arrival
    unit = time_unit(result.hold * graph.step)
    moving = np.concatenate([np.full(site.size, site.role != "source") for site in graph.sites])
    every = np.ones_like(moving)
    panels = [("states", STATE, "state", moving, arrival.first_state, arrival.state)]
    if result.held_costates:
        panels.append(("costates", COSTATE, "costate", every, arrival.first_costate, arrival.costate))
    with letters():
        figure = new_figure(
            f"Settling of {count} recorded sample{'s' * (count > 1)}: {result.status}", height=2.2 + 2.5 * len(panels)
        )
        grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, colour, field, chosen, first, last) in zip(grid, panels, strict=True):
            lowest, highest = 1.0, 1.0
            for sample in range(count):
                values = np.minimum(getattr(sample_trace(result, sample), field)[:, chosen], CEILING)
                _curves(axes, values, graph.step / unit.seconds, colour, named=sample == 0)
                highest = max(highest, float(values[np.isfinite(values)].max(initial=0.0)))
                lowest = min(lowest, float(np.nanmin(np.median(values, axis=1), initial=1.0)))
            _marks(axes, result, unit, first, last)
            lowest = min(max(lowest, FLOOR), result.tolerance)
            axes.set_ylim(lowest / 3, 10 ** np.ceil(np.log10(highest) + 0.3))
            if lowest == FLOOR:
                _say_floor(axes)
            axes.set_ylabel(f"distance of {label} from rest\n(relative to their row)")
        grid[-1].set_xlabel(f"time since the sample was presented ({unit.name})")
        transit_axis(grid[0], unit, graph.transit_seconds)
        for line in legend_below(figure, grid[0]).get_lines()[:2]:
            line.set_color(MARK)  # stands for both colours
    return figure


def _curves(axes: Axes, deviation: Floats, step: float, colour: str, named: bool) -> None:
    """Worst neuron (full line) and median neuron (dashed) of one sample; deviation (T, N)."""
    edges = np.arange(len(deviation) + 1) * step
    for values, style, width, label in (
        (deviation.max(axis=1), "-", 1.5, "worst neuron"),
        (np.median(deviation, axis=1), "--", 1.1, "median neuron"),
    ):
        shown = np.maximum(np.append(values, values[-1]), FLOOR)
        axes.semilogy(
            edges, shown, color=colour, linestyle=style, linewidth=width, alpha=0.8,
            drawstyle="steps-post", label=label if named else "_",
        )  # fmt: skip


def _marks(axes: Axes, result: SettleResult, unit: TimeUnit, first: Steps, last: Steps) -> None:
    """Tolerance, light cone, last arrival, and limits."""
    step = result.graph.step / unit.seconds
    reached = first[first < result.hold]
    axes.axvspan(0, reached.max(initial=0) * step, color=QUIET, alpha=0.15, linewidth=0,
                 label="light cone: first wave under way")  # fmt: skip
    axes.axvline(last.max() * step, color=MARK, linewidth=1, linestyle="-.", label="last wave lands (matched law)")
    axes.axhline(result.tolerance, color=MARK, linewidth=1, linestyle=":", label=f"tolerance {result.tolerance:g}")
    axes.set_xlim(0, result.hold * step)


def _say_floor(axes: Axes) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    where: Any = ("axes fraction", "data")
    axes.annotate("exact, or smaller", (0.01, FLOOR), xycoords=where, va="bottom", fontsize=8, color=QUIET, bbox=box)
