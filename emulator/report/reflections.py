"""Reflections on two-way lines: the coefficient of every port against time, and which junctions reflected in vain."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emulator.graph import ScatteringGraph
from emulator.measure import SettleResult
from emulator.measure.reflections import Reflections, reflections
from emulator.report.style import STATE, TimeUnit, letters, new_figure, time_unit, transit_axis
from emulator.text import for_picture

#: colour map of reflection coefficients from -1 to 1
SIGNED = "RdBu_r"
_PIXELS = 1200


def reflection_figure(result: SettleResult, sample: int = -1) -> Figure:
    """Reflection coefficient of every port, and the budget of residual reflections by row of neurons and crossbar.

    Parameters
    ----------
    result : SettleResult
        Of a bilateral law, made with ``traces=True``.
    sample : int
        Which recorded sample; by default the last.
    """
    graph, found = result.graph, reflections(result, sample)
    unit = time_unit(result.hold * graph.step)
    names = _in_order(graph, found)
    with letters():
        title = f"Reflections in sample {sample % len(result.settled)}"
        figure = new_figure(title, 11.0, float(np.clip(3.0 + 0.4 * len(names), 4.5, 12)))
        axes, bars = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        _coefficients(axes, found, names, unit)
        transit_axis(axes, unit, graph.transit_seconds)
        budget = found.budget(by_row=True)
        total = sum(budget.values()) or 1.0
        bars.barh(np.arange(len(names)) + 0.5, [100 * budget[name] / total for name in names], 0.7, color=STATE)
        bars.set_xlabel(f"share of the residual reflection\nenergy (%), of {total:.3g} s")
    return figure


def _in_order(graph: ScatteringGraph, found: Reflections) -> list[str]:
    """Rows of neurons and crossbars from input to output."""
    crossbars = {c.layer: int(c.rows.max()) for c in graph.couplings if c.layer is not None}
    depth = {f"crossbar {layer}": last + 0.5 for layer, last in crossbars.items()}
    depth |= {site.name: float(site.stop - 1) for site in graph.sites}
    return sorted(dict.fromkeys(found.rows), key=lambda name: depth[name])


def _coefficients(axes: Axes, found: Reflections, names: list[str], unit: TimeUnit) -> None:
    """A band of equal height per row of neurons or crossbar, a line per port."""
    height = max(8, _PIXELS // len(names))
    row_of = np.array([names.index(row) for row in found.rows])[found.junction]
    bands = []
    for number in range(len(names)):
        ports = np.flatnonzero(row_of == number)
        bands.append(found.coefficient[:, ports[(np.arange(height) * len(ports)) // height]].T)
    span = len(found.coefficient) * found.step / unit.seconds
    drawn = axes.imshow(
        np.vstack(bands), extent=(0, span, 0, len(names)), origin="lower", aspect="auto", interpolation="nearest",
        cmap=mpl.colormaps[SIGNED].with_extremes(bad="#DDDDDD"), vmin=-1, vmax=1,
    )  # fmt: skip
    axes.hlines(np.arange(1, len(names)), 0, span, color="white", linewidth=0.8)
    axes.set_yticks(np.arange(len(names)) + 0.5, [for_picture(name) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel("ports (by junction, input to output)")
    axes.set_xlabel(f"time since the sample was presented ({unit.name})")
    label = "reflection coefficient (of deviations from the end of the hold); grey: none arrives"
    axes.figure.colorbar(drawn, ax=axes, label=label, extend="both", location="bottom", aspect=50, shrink=0.8)
