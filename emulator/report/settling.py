"""Settling curves, and the distribution of settling times."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

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
from emulator.units import si

#: deviations below are drawn here: they are exact, or round-off
FLOOR = 1e-12


def settling_curve(result: SettleResult) -> Figure:
    """Deviation of states and costates from their end-of-hold values against time, for every recorded sample.

    Sources are left out of the states: they are clamped from the first moment on.

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
        figure = new_figure(f"Settling of {count} recorded samples: {result.status}", height=2.2 + 2.5 * len(panels))
        grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, colour, field, chosen, first, last) in zip(grid, panels, strict=True):
            highest = 1.0
            for sample in range(count):
                values = getattr(sample_trace(result, sample), field)[:, chosen]
                _curves(axes, values, graph.step / unit.seconds, colour, named=sample == 0)
                highest = max(highest, float(values[np.isfinite(values)].max(initial=0.0)))
            _marks(axes, result, unit, first, last)
            axes.set_ylim(FLOOR / 3, 10 ** np.ceil(np.log10(highest) + 0.3))
            axes.set_ylabel(f"deviation of {label}\n(relative to their row)")
        grid[-1].set_xlabel(f"time since the sample was presented ({unit.name})")
        transit_axis(grid[0], unit, graph.transit_seconds)
        for line in legend_below(figure, grid[0]).get_lines()[:2]:
            line.set_color(MARK)  # stands for both colours
    return figure


def settling_histogram(result: SettleResult) -> Figure:
    """Distribution of settling times over all samples of a run."""
    graph, total = result.graph, len(result.settled)
    missed = total - int(result.settled.sum())
    unit = time_unit(result.hold * graph.step)
    with letters():
        title = f"Settling times of {total} samples" + (f"; {missed} did not settle within the hold" if missed else "")
        figure = new_figure(title, height=4.2)
        axes = figure.subplots()
        if missed < total:
            steps = result.settling_steps[result.settled]
            edges = _edges(steps, result.hold) * graph.step / unit.seconds
            axes.hist(
                steps * graph.step / unit.seconds, bins=list(edges), color=STATE, edgecolor="white", linewidth=0.5
            )
            median = float(np.median(steps)) * graph.step
            axes.axvline(median / unit.seconds, color=MARK, linestyle="--", label=f"median {si(median, 's')}")
        else:
            axes.text(0.5, 0.5, "no sample settled", transform=axes.transAxes, ha="center", color=MARK)
        axes.axvline(
            result.hold * graph.step / unit.seconds,
            color=QUIET, linestyle=":", label=f"end of the hold {si(result.hold * graph.step, 's')}",
        )  # fmt: skip
        axes.set_xlim(left=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(f"settling time ({unit.name})")
        axes.set_ylabel("number of samples")
        transit_axis(axes, unit, graph.transit_seconds)
        legend_below(figure, axes)
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
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    where: Any = ("axes fraction", "data")
    axes.annotate("exact, or smaller", (0.01, FLOOR), xycoords=where, va="bottom", fontsize=8, color=QUIET, bbox=box)


def _edges(steps: NDArray[np.int64], hold: int) -> Floats:
    """Bin edges between whole steps, so wide that some eighty bins would fill the hold."""
    width = -(-hold // _BINS)
    return np.arange(steps.min(), steps.max() + width + 1, width) - 0.5


_BINS = 80
