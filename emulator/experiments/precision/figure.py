"""Errors against word length and receiver noise, with the slopes that first-order theory expects."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emulator.experiments.precision.curves import QUANTITIES, Curve, PrecisionStudy
from emulator.report.style import MARK, QUIET, letters, new_figure, series

_STYLES = {quantity: series(number) for number, quantity in enumerate(QUANTITIES)}


def precision_figure(study: PrecisionStudy, title: str) -> Figure:
    """Two panels: errors against bits, without noise and with it, and errors against the rms of the noise."""
    with letters():
        figure = new_figure(title, width=10.0, height=5.0)
        left, right = figure.subplots(1, 2, sharey=True)
        for quantity in QUANTITIES:
            _curve(left, study.bits, quantity, "-", quantity)
            _curve(left, study.bits_with_noise, quantity, ":", None)
            _curve(right, study.noise, quantity, "-", None)
        left.plot([], [], ":o", color=MARK, fillstyle="none", label=f"with receiver noise of rms {study.floor:g}")
        x = study.bits.x
        _guide(
            left, x, 3 * study.bits.costates[0] * 2.0 ** -(x - x[0]), "slope expected: a factor 2 per bit, 1 in noise"
        )
        x = study.noise.x
        _guide(right, x, 3 * study.noise.costates[0] * x / x[0], None)
        left.set_yscale("log")
        right.set_xscale("log")
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.set_xlabel("word length of waves, both ways (bits)")
        right.set_xlabel("receiver noise, rms (units of the state)")
        left.set_ylabel("error over exact value (norms)")
        for axes in (left, right):
            axes.grid(color=QUIET, alpha=0.25)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _curve(axes: Axes, curve: Curve, quantity: str, line: str, label: str | None) -> None:
    own = _STYLES[quantity]
    axes.plot(curve.x, getattr(curve, quantity), line, color=own.color, marker=own.marker, markersize=5, linewidth=1.3, label=label,
              fillstyle="full" if line == "-" else "none")  # fmt: skip


def _guide(axes: Axes, x: np.ndarray, y: np.ndarray, label: str | None) -> None:
    axes.plot(x, y, "--", color=MARK, linewidth=0.9, label=label)
