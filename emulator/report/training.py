"""The picture of a training: how loss, accuracy and port power went."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emulator.report.samples import Floats
from emulator.report.style import COSTATE, MARK, STATE, letters, new_figure, time_unit
from emulator.training import TrainResult

_POWERS = {
    "available": "available: what held ports would reflect",
    "absorbed": "absorbed by the ports",
    "reflected": "reflected by the ports",
}


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
        axes.set_yscale("log")
        _stretches(axes, x, columns["loss"][trained], color=STATE, linewidth=1.2, label="as samples were met: means")
        if len(samples):
            axes.plot(samples, test_loss, color=COSTATE, marker="o", markersize=4, clip_on=False, label="test set")
        axes.set_ylabel("loss per sample")
        axes.legend(loc="upper right")
        if classifies:
            axes = grid[1]
            _stretches(axes, x, 100 * columns["accuracy"][trained], color=STATE, linewidth=1.2)
            axes.plot(samples, 100 * test_accuracy, color=COSTATE, marker="o", markersize=4, clip_on=False)
            axes.annotate(f"{100 * test_accuracy[-1]:.1f} %", (samples[-1], 100 * test_accuracy[-1]), ha="right",
                          va="top", xytext=(0, -8), textcoords="offset points", color=COSTATE)  # fmt: skip
            axes.set_ylim(max(axes.get_ylim()[0], 0.0), 100)
            axes.set_ylabel("accuracy (%)")
        axes = grid[-1]
        axes.set_yscale("log")
        for name, colour, style in (("available", MARK, ":"), ("absorbed", STATE, "-"), ("reflected", COSTATE, "--")):
            values = columns[name][trained]
            if (values > 1e-12 * columns["available"][trained].max(initial=0.0)).any():
                _stretches(
                    axes, x, np.where(values > 0, values, np.nan), color=colour, linestyle=style, label=_POWERS[name]
                )
        axes.set_ylabel("power at parameter ports\n(loss per hold)")
        if axes.lines:
            axes.legend(loc="upper right")
        axes.set_xlabel("samples presented")
        axes.set_xlim(0, x[-1] if len(x) else 1)
        _time_axis(grid[0], result)
    return figure


def _stretches(axes: Axes, ends: Floats, means: Floats, **style: Any) -> None:
    """Means over the samples since the last one, from the first sample on; each ends at one of `ends`."""
    if len(ends):
        axes.plot([0, *ends], [means[0], *means], drawstyle="steps-pre", **style)


def _time_axis(axes: Axes, result: TrainResult) -> None:
    """The substrate's own time on top."""
    per_sample = result.hold * result.step
    unit = time_unit(max(result.samples, 1) * per_sample)
    factor = per_sample / unit.seconds
    ways = (lambda samples: samples * factor, lambda time: time / factor)
    axes.secondary_xaxis("top", functions=ways).set_xlabel(f"time on the substrate ({unit.name})")
