"""The picture of a fit to trains of pulses: steps with the fitted law, and what the law leaves over along the range."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from emulator.report.style import COSTATE, MARK, QUIET, STATE, letters, save
from emulator.text import for_picture
from emulator.units import si
from hwmodels.fit_pulses import PulseFit

Floats = NDArray[np.float64]
_BINS, _MOST = 12, 4000


def pulse_fit_figure(fit: PulseFit) -> Figure:
    """Steps against the conductance before them, and their residuals: points, and means of bins with two standard errors."""
    with letters():
        figure = Figure(figsize=(7.5, 6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        shown = np.linspace(0, len(fit.x) - 1, min(len(fit.x), _MOST)).astype(int)
        line = np.linspace(0, 1, 200)
        residual = fit.step - fit.fitted
        for way, colour, marker, name in ((1, STATE, "^", "up"), (-1, COSTATE, "v", "down")):
            mine = shown[fit.sign[shown] == way]
            upper.plot(fit.x[mine], fit.step[mine], marker, color=colour, alpha=0.15, markersize=3, rasterized=True)
            upper.plot([], [], marker, color=colour, label=f"pulses {name}")
            upper.plot(
                line, fit.law.mean_step(line, way), color=MARK, linestyle="-" if way > 0 else "--", label=f"law, {name}"
            )
            middles, means, errors = _binned(fit.x, residual, fit.sign == way)
            lower.errorbar(
                middles + 0.006 * way, means, errors, color=colour, marker=marker, ms=5, linestyle="", label=name
            )
        lower.axhline(0, color=QUIET, linewidth=1)
        upper.set_ylabel("step, in shares of the range")
        lower.set_ylabel("left over by the law,\nin shares of the range")
        ends = [f"{si(fit.parameters[name], 'S')} ({at})" for name, at in (("g_min_S", 0), ("g_max_S", 1))]
        lower.set_xlabel(f"conductance before the pulse, from {ends[0]} to {ends[1]}")
        upper.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
        lower.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, title="means, bars of two standard errors")
        figure.suptitle(for_picture(f"{fit.file}: {fit.n} steps, {fit.law.shape} law"))
    return figure


def _binned(x: Floats, residual: Floats, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Of bins with more than three of the chosen points: middles, means and two standard errors."""
    rows = []
    for low, high in pairwise(np.linspace(0, 1, _BINS + 1)):
        inside = residual[chosen & (x >= low) & (x <= high)]
        if len(inside) > 3:
            rows.append(((low + high) / 2, inside.mean(), 2 * inside.std() / np.sqrt(len(inside))))
    middles, means, errors = np.array(rows).reshape(-1, 3).T
    return middles, means, errors


def pulse_fit_picture(fit: PulseFit, path: Path) -> None:
    """Write the picture to a file."""
    save(pulse_fit_figure(fit), path)
