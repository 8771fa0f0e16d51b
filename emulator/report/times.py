"""When the samples of a run settled, and how near to rest they were at the end."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from emulator.measure import SettleResult
from emulator.report.samples import Floats
from emulator.report.style import (
    COSTATE,
    MARK,
    QUIET,
    STATE,
    legend_below,
    letters,
    new_figure,
    time_unit,
    transit_axis,
)
from emulator.units import si

_BINS = 80
#: samples whose marks may be large
_FEW = 60
#: distances from rest below are drawn here: they are exact, or round-off
_EXACT = 1e-16


def settling_times(result: SettleResult) -> Figure:
    """Distribution of settling times over all samples of a run.

    Where there is no distribution, because all settle at once or none does, every sample's distance from rest at the end
    of its hold.
    """
    total, steps = len(result.settled), result.settling_steps[result.settled]
    missed = total - len(steps)
    at_once = len(np.unique(steps)) == 1
    when = f" at {si(float(steps[0]) * result.graph.step, 's')}" if at_once else ""
    told = f"{len(steps) if missed else 'all'} settled{when}" if len(steps) else "none settled"
    if missed and len(steps):
        told += f", {missed} did not within the hold"
    with letters():
        figure = new_figure(f"Settling times of {total} samples: {told}", height=4.2)
        axes = figure.subplots()
        if len(steps) == 0 or at_once:
            _distances(axes, result)
        else:
            _histogram(axes, result, steps)
        legend_below(figure, axes)
    return figure


def _histogram(axes: Axes, result: SettleResult, steps: NDArray[np.int64]) -> None:
    """How many samples settled when; with the end of the hold where samples got near to it."""
    graph, hold = result.graph, result.hold
    unit = time_unit(hold * graph.step)
    step = graph.step / unit.seconds
    axes.hist(steps * step, bins=list(_edges(steps, hold) * step), color=STATE, edgecolor="white", linewidth=0.5)
    median = float(np.median(steps))
    axes.axvline(median * step, color=MARK, linestyle="--", label=f"median {si(median * graph.step, 's')}")
    axes.axvline(hold * step, color=QUIET, linestyle=":", label=f"end of the hold {si(hold * graph.step, 's')}")
    axes.set_xlim(0, hold * step)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(f"settling time ({unit.name})")
    axes.set_ylabel("number of samples")
    transit_axis(axes, unit, graph.transit_seconds)


def _distances(axes: Axes, result: SettleResult) -> None:
    """Distance from rest at the end of the hold, sample by sample."""
    finite = np.isfinite(result.deviation)
    top = max(float(result.deviation[finite].max(initial=0.0)), result.tolerance) * 10
    distance = np.clip(np.where(finite, result.deviation, np.inf), _EXACT, top)
    number, size = np.arange(len(distance)), 7 if len(distance) <= _FEW else 4
    for kind, chosen, colour, marker in (
        ("settled", result.settled, STATE, "o"),
        ("not settled", ~result.settled & finite, COSTATE, "x"),
        ("beyond all numbers", ~result.settled & ~finite, MARK, "^"),
    ):
        if chosen.any():
            axes.plot(number[chosen], distance[chosen], marker, color=colour, markersize=size, label=kind)
    axes.axhline(result.tolerance, color=MARK, linewidth=1, linestyle=":", label=f"tolerance {result.tolerance:g}")
    axes.set_yscale("log")
    axes.set_ylim(min(float(distance.min()), result.tolerance) / 3, top * 1.5)
    axes.set_xlim(-0.5, len(distance) - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("sample")
    axes.set_ylabel("distance from rest at the end\nof the hold (relative to a row)")


def _edges(steps: NDArray[np.int64], hold: int) -> Floats:
    """Bin edges between whole steps, so wide that some eighty bins would fill the hold."""
    width = -(-hold // _BINS)
    return np.arange(steps.min(), steps.max() + width + 1, width) - 0.5
