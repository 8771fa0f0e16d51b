"""Pictures of a training: how loss, accuracy and port power went, and several trainings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emulator.report.style import COSTATE, MARK, QUIET, STATE, letters, new_figure, time_unit
from emulator.text import for_picture
from emulator.training import TrainResult

if TYPE_CHECKING:
    from emulator.scenario.comparison import Outcome

#: a third colour of the same palette, for what is neither state nor costate
THIRD = "#009E73"
_POWERS = {
    "available": "available: what held ports would reflect",
    "absorbed": "absorbed by the ports",
    "reflected": "reflected by the ports",
}
_NAMES = {"descent": "exact online gradient descent", "pipelined": "pipelined backpropagation, stale weights"}


def training_figure(result: TrainResult, title: str) -> Figure:
    """Loss, test error and power at the parameter ports against the number of samples.

    Parameters
    ----------
    result : TrainResult
    title : str
    """
    columns = result.history.columns()
    samples, test_loss, test_accuracy = result.history.evaluations()
    trained = ~np.isnan(columns["loss"])
    x = columns["samples"][trained]
    classifies = len(test_accuracy) > 0 and not np.isnan(test_accuracy).all()
    with letters():
        figure = new_figure(f"{title}: {result.status}", height=7.5 if classifies else 5.5)
        grid = figure.subplots(3 if classifies else 2, 1, sharex=True)
        axes = grid[0]
        axes.semilogy(x, columns["loss"][trained], color=STATE, linewidth=1.2, label="as samples were met")
        if len(samples):
            axes.semilogy(samples, test_loss, color=COSTATE, marker=".", label="test set")
        axes.set_ylabel("loss per sample")
        axes.legend(loc="upper right")
        if classifies:
            axes = grid[1]
            axes.plot(x, 100 * columns["accuracy"][trained], color=STATE, linewidth=1.2)
            axes.plot(samples, 100 * test_accuracy, color=COSTATE, marker=".")
            axes.annotate(f"{100 * test_accuracy[-1]:.1f} %", (samples[-1], 100 * test_accuracy[-1]), ha="right",
                          va="top", xytext=(0, -8), textcoords="offset points", color=COSTATE)  # fmt: skip
            final = 100 * test_accuracy[-1]
            axes.set_ylim(max(0.0, final - 4 * (100 - final) - 5), 100.5)
            axes.set_ylabel("accuracy (%)")
        axes = grid[-1]
        for name, colour, style in (("available", MARK, "-"), ("absorbed", STATE, "-"), ("reflected", COSTATE, "--")):
            values = columns[name][trained]
            if (values > 1e-12 * columns["available"][trained].max(initial=0.0)).any():
                axes.semilogy(
                    x, np.where(values > 0, values, np.nan), color=colour, linestyle=style, label=_POWERS[name]
                )
        axes.set_ylabel("power at parameter ports\n(loss per hold)")
        if axes.lines:
            axes.legend(loc="upper right")
        axes.set_xlabel("samples presented")
        axes.set_xlim(0, x[-1] if len(x) else 1)
        _time_axis(grid[0], result)
    return figure


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
        for outcome, colour in zip([o for o in outcomes if o.is_baseline], (MARK, THIRD), strict=False):
            _band(axes, outcome, colour, per)
        good = np.array([not np.isnan(o.mean) for o in variants])
        mean = np.array([per * o.mean for o in variants])
        spread = np.array([per * o.spread for o in variants])
        repeats = len(variants[0].scores)
        label = f"on the substrate (mean, standard deviation, {repeats} seeds)" if repeats > 1 else "on the substrate"
        marks = "o-" if placed else "o"
        axes.errorbar(x[good], mean[good], spread[good], fmt=marks, color=STATE, markersize=5, capsize=4, label=label)
        for k, outcome in enumerate(variants):
            values = per * np.array(outcome.scores)
            axes.plot(np.full(len(values), x[k]), values, ".", color=STATE, alpha=0.4, markersize=4)
            if not good[k]:
                lost = int(np.isnan(values).sum())
                axes.annotate(f"{lost} of {len(values)} diverged", (x[k], 0.02), xycoords=("data", "axes fraction"),
                              rotation=90, ha="center", va="bottom", color=COSTATE)  # fmt: skip
        if not placed:
            axes.set_xticks(x, [for_picture(o.name) for o in variants], rotation=25, ha="right")
            axes.set_xlim(-0.5, len(x) - 0.5)
        axes.set_xlabel(for_picture(x_label))
        if per == 100:
            _accuracy_axis(axes, [per * value for o in outcomes for value in o.scores])
        else:
            axes.set_ylabel("test r2 (1 is perfect)")
        axes.grid(axis="y", color=QUIET, alpha=0.25)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    return figure


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


def _band(axes: Axes, outcome: Outcome, colour: str, per: int) -> None:
    """A baseline: mean as a line, spread as a band."""
    label = _NAMES.get(outcome.name, for_picture(outcome.name))
    if np.isnan(outcome.mean):
        axes.plot([], [], color=colour, linestyle="--", label=f"{label}: diverged")
        return
    axes.axhline(per * outcome.mean, color=colour, linestyle="--", linewidth=1.2, label=label)
    low, high = per * (outcome.mean - outcome.spread), per * (outcome.mean + outcome.spread)
    axes.axhspan(low, high, color=colour, alpha=0.1, linewidth=0)


def _time_axis(axes: Axes, result: TrainResult) -> None:
    """The substrate's own time on top."""
    per_sample = result.hold * result.step
    unit = time_unit(max(result.samples, 1) * per_sample)
    factor = per_sample / unit.seconds
    ways = (lambda samples: samples * factor, lambda time: time / factor)
    axes.secondary_xaxis("top", functions=ways).set_xlabel(f"time on the substrate ({unit.name})")
