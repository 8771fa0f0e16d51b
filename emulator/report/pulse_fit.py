"""The picture of a fit to trains of pulses: steps with the fitted law, and what the law leaves over along the range."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from emulator.report.style import COSTATE, MARK, QUIET, STATE, letters, save
from emulator.text import for_picture
from hwmodels.fit_pulses import PulseFit

_BINS, _MOST = 12, 4000


def pulse_fit_figure(fit: PulseFit) -> Figure:
    """Steps against the conductance before them, and their residuals: points, and means of bins with two standard errors."""
    with letters():
        figure = Figure(figsize=(7.5, 6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        shown = np.linspace(0, len(fit.x) - 1, min(len(fit.x), _MOST)).astype(int)
        line, edges = np.linspace(0, 1, 200), np.linspace(0, 1, _BINS + 1)
        residual = fit.step - fit.fitted
        for way, colour, marker, name in ((1, STATE, "^", "up"), (-1, COSTATE, "v", "down")):
            mine = shown[fit.sign[shown] == way]
            upper.plot(fit.x[mine], fit.step[mine], ".", color=colour, alpha=0.15, markersize=3, rasterized=True)
            upper.plot(
                line, fit.law.mean_step(line, way), color=MARK, linestyle="-" if way > 0 else "--", label=f"law, {name}"
            )
            for low, high in pairwise(edges):
                inside = (fit.sign == way) & (fit.x >= low) & (fit.x <= high)
                if np.count_nonzero(inside) > 3:
                    error = 2 * residual[inside].std() / np.sqrt(np.count_nonzero(inside))
                    at = (low + high) / 2 + 0.006 * way
                    lower.errorbar(at, residual[inside].mean(), error, color=colour, marker=marker, markersize=5)
            lower.plot([], [], color=colour, marker=marker, linestyle="", label=f"pulses {name}")
        lower.axhline(0, color=QUIET, linewidth=1)
        upper.set_ylabel("step, in shares of the range")
        lower.set_ylabel("left over by the law")
        ends = [f"{fit.parameters[name]:.3g} S ({at})" for name, at in (("g_min_S", 0), ("g_max_S", 1))]
        lower.set_xlabel(f"conductance before the pulse, from {ends[0]} to {ends[1]}")
        upper.legend(loc="best")
        lower.legend(loc="best")
        upper.set_title(for_picture(f"{fit.file}: {fit.n} steps, {fit.law.shape} law"))
    return figure


def pulse_fit_picture(fit: PulseFit, path: Path) -> None:
    """Write the picture to a file."""
    save(pulse_fit_figure(fit), path)
