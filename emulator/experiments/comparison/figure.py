"""Several trainings side by side: test accuracy, mean and spread."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emulator.experiments.comparison.outcome import Outcome
from emulator.report.style import COSTATE, MARK, QUIET, THIRD, letters, new_figure, series, time_unit
from emulator.text import for_picture

_NAMES = {"descent": "exact online gradient descent", "pipelined": "pipelined backpropagation, stale weights"}


def comparison_figure(outcomes: Sequence[Outcome], title: str, x_label: str) -> Figure:
    """Test accuracy (of regressions r2) of several trainings, mean and spread over their repeats, with baselines as bands.

    Parameters
    ----------
    outcomes : sequence of Outcome
    title, x_label : str
    """
    variants = [o for o in outcomes if not o.is_baseline]
    per = 100 if variants[0].score == "accuracy" else 1
    placed = all(o.x is not None for o in variants)
    x = np.array([o.x for o in variants] if placed else np.arange(len(variants)), dtype=float)
    with letters():
        figure = new_figure(title, height=5.0)
        axes = figure.subplots()
        baselines = [o for o in outcomes if o.is_baseline]
        for outcome, colour, line in zip(baselines, (MARK, THIRD), ("--", "-."), strict=False):
            _band(axes, outcome, colour, line, per)
        good = np.array([not np.isnan(o.mean) for o in variants])
        mean = np.array([per * o.mean for o in variants])
        spread = np.array([per * o.spread for o in variants])
        repeats = len(variants[0].scores)
        label = f"on the substrate (mean, standard deviation, {repeats} seeds)" if repeats > 1 else "on the substrate"
        names = list(dict.fromkeys(o.series for o in variants))
        several = len(names) > 1
        for number, name in enumerate(names):
            look = series(number)
            on = [k for k, o in enumerate(variants) if o.series == name]
            at = [k for k in on if good[k]]
            axes.errorbar(
                x[at], mean[at], spread[at], color=look.color, marker=look.marker, linestyle=look.linestyle if placed else "",
                markersize=5, capsize=4,
                label=for_picture(name) if several else label,
            )  # fmt: skip
            _scores(axes, [variants[k] for k in on], x[on], look.color, per)
        if several and x.min() > 0:
            axes.set_xscale("log")
            ticks = sorted(set(x))
            axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
            axes.minorticks_off()
        if not placed:
            axes.set_xticks(x, [for_picture(o.name) for o in variants], rotation=25, ha="right")
            axes.set_xlim(-0.5, len(x) - 0.5)
        axes.set_xlabel(for_picture(x_label))
        if placed:
            _time_axis(axes, variants)
        if per == 100:
            _accuracy_axis(axes, [per * value for o in outcomes for value in o.scores])
        else:
            axes.set_ylabel("test r2 (1 is perfect)")
        axes.grid(axis="y", color=QUIET, alpha=0.25)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    return figure


def _time_axis(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    """On top, the time that a training takes on the substrate, where that is in proportion to the place on the axis."""
    known = [(o.substrate_seconds, o.x) for o in outcomes if math.isfinite(o.substrate_seconds) and o.x]
    rates = [seconds / x for seconds, x in known]
    if not rates or max(rates) > 1.001 * min(rates):
        return
    unit = time_unit(max(seconds for seconds, _ in known))
    factor = rates[0] / unit.seconds
    ways = (lambda x: x * factor, lambda time: time / factor)
    top = axes.secondary_xaxis("top", functions=ways)
    top.set_xlabel(f"a training's time on the substrate ({unit.name})")
    if axes.get_xscale() == "log":
        ticks = [factor * t for t in axes.get_xticks()]
        top.set_xticks(ticks, [f"{t:.3g}" for t in ticks])
        top.minorticks_off()


def _scores(axes: Axes, outcomes: Sequence[Outcome], x: np.ndarray, colour: str, per: int) -> None:
    """Every repeat as a dot, and where any diverged, how many."""
    for outcome, place in zip(outcomes, x, strict=True):
        values = per * np.array(outcome.scores)
        axes.plot(np.full(len(values), place), values, ".", color=colour, alpha=0.4, markersize=4)
        if np.isnan(outcome.mean):
            lost = int(np.isnan(values).sum())
            axes.annotate(f"{lost} of {len(values)} diverged", (place, 0.02), xycoords=("data", "axes fraction"),
                          rotation=90, ha="center", va="bottom", color=COSTATE)  # fmt: skip


def _accuracy_axis(axes: Axes, values: Sequence[float]) -> None:
    """Accuracy in percent, stretched towards 100 as the logarithm of the error is."""
    ways = (lambda a: -np.log10(np.maximum(101.0 - a, 1e-3)), lambda b: 101.0 - 10.0**-b)
    axes.set_yscale("function", functions=ways)
    good = [v for v in values if not np.isnan(v)] or [0.0]
    low, high = max(0.0, min(good) - 2), min(100.0, max(good) + 0.5)
    axes.set_ylim(low, high)
    axes.set_yticks([t for t in (0, 20, 40, 60, 70, 80, 85, 90, 92, 94, 95, 96, 97, 98, 99, 100) if low <= t <= high])
    axes.minorticks_off()
    axes.set_ylabel("test accuracy (%)")


def _band(axes: Axes, outcome: Outcome, colour: str, line: str, per: int) -> None:
    """A baseline: mean as a line, spread as a band."""
    label = _NAMES.get(outcome.name, for_picture(outcome.name))
    if np.isnan(outcome.mean):
        axes.plot([], [], color=colour, linestyle=line, label=f"{label}: diverged")
        return
    axes.axhline(per * outcome.mean, color=colour, linestyle=line, linewidth=1.2, label=label)
    low, high = per * (outcome.mean - outcome.spread), per * (outcome.mean + outcome.spread)
    axes.axhspan(low, high, color=colour, alpha=0.1, linewidth=0)
