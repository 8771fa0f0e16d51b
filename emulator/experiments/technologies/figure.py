"""Technologies side by side: accuracy, gradient error, settling time and energy."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emulator.experiments.technologies.result import TechnologyResult
from emulator.report.style import COSTATE, MARK, QUIET, STATE, letters, new_figure
from emulator.text import for_picture

#: errors below are round-off
FLOOR = 1e-12


def technologies_figure(results: Sequence[TechnologyResult], title: str) -> Figure:
    """Four panels with one row per technology that could be emulated, the same order in all; the others are named."""
    shown = [result for result in results if result.complete]
    rows = range(len(shown))
    with letters():
        figure = new_figure(title, width=11.0, height=2.4 + 0.42 * max(len(shown), 2))
        accuracy, error, time, energy = figure.subplots(1, 4, sharey=True)
        for axes in (accuracy, error, time, energy):
            axes.grid(axis="x", color=QUIET, alpha=0.25)
            axes.set_ylim(len(shown) - 0.5, -0.5)
        accuracy.set_yticks(list(rows), [for_picture(result.name) for result in shown])
        for k, result in enumerate(shown):
            _point(accuracy, k, None if result.accuracy is None else 100 * result.accuracy, STATE, "o", "no classes")
            _point(error, k, max(result.gradient_error or 0.0, FLOOR), COSTATE, "s")
            if (result.gradient_error or 0.0) < FLOOR:
                error.annotate("exact", (FLOOR, k), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8,
                               color=QUIET)  # fmt: skip
            _point(time, k, result.inference_seconds, STATE, "o", "never")
            _point(time, k, result.settling_seconds, COSTATE, "s", "never")
            for cost, colour, mark in ((result.inference, STATE, "o"), (result.gradient, COSTATE, "s")):
                if cost is not None and cost.joules > 0:
                    _point(energy, k, cost.joules, colour, mark, open_=bool(cost.missing))
            if result.gradient is not None and result.gradient.missing and result.gradient.joules == 0:
                energy.text(0.5, k, "missing", transform=energy.get_yaxis_transform(), ha="center", va="center",
                            color=QUIET)  # fmt: skip
        for axes in (error, time, energy):
            axes.set_xscale("log")
        accuracy.set_xlabel("accuracy (%)")
        accuracy.set_xlim(_room(accuracy.get_xlim()[0]), 100)
        accuracy.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        error.set_xlabel("gradient error over exact\ngradient (norms)")
        time.set_xlabel("settling time, median (s)")
        energy.set_xlabel("energy per sample (J)")
        for colour, mark, label in ((STATE, "o", "inference"), (COSTATE, "s", "with gradient")):
            energy.plot([], [], mark, color=colour, label=label)
        energy.plot([], [], "D", color=MARK, fillstyle="none", label="lower bound: some figures are missing")
        left_out = [for_picture(result.name) for result in results if not result.complete]
        if left_out:
            energy.plot([], [], " ", label=f"incomplete, not emulated: {', '.join(left_out)}")
        figure.legend(*energy.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _point(
    axes: Axes, row: int, value: float | None, colour: str, mark: str, absent: str = "", open_: bool = False
) -> None:
    if value is None or not math.isfinite(value):
        axes.text(0.5, row, absent, transform=axes.get_yaxis_transform(), ha="center", va="center", color=QUIET)
    else:
        axes.plot(value, row, mark, color=colour, fillstyle="none" if open_ else "full", markersize=7,
                  clip_on=False)  # fmt: skip


def _room(low: float) -> float:
    """Where an axis of percents begins that ends at 100."""
    return max(0.0, 10 * math.floor(min(low, 90.0) / 10))
