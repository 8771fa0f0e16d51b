"""Depth against time: where the waves have been, and where everything has come to rest."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from emulator.graph import ScatteringGraph, Site
from emulator.graph.elements import Steps
from emulator.measure import SettleResult
from emulator.report.samples import Floats, sample_trace
from emulator.report.style import (
    HEAT,
    LINE,
    TimeUnit,
    legend_below,
    letters,
    name_rows,
    new_figure,
    time_unit,
    transit_axis,
)

#: log10 of the smallest deviation that is told apart, and of the largest at most
DECADES = (-6.0, 3.0)


def worldsheet(result: SettleResult, sample: int = -1) -> Figure:
    """Heat map of the distance from rest, a band per row of neurons, against time.

    Inside a band the neurons are sorted by the arrival of their last wave, which is drawn on top, as is the light cone:
    the first moment at which anything can change.

    Parameters
    ----------
    result : SettleResult
        Made with ``traces=True``.
    sample : int
        Which recorded sample; by default the last, since the first starts from an empty substrate.
    """
    graph, sample = result.graph, sample % len(result.settled)
    trace, arrival = sample_trace(result, sample), graph.arrival
    unit = time_unit(result.hold * graph.step)
    panels = [("states", trace.state, arrival.first_state, arrival.state)]
    if result.held_costates:
        panels.append(("costates", trace.costate, arrival.first_costate, arrival.costate))
    with letters():
        verdict = "settled" if result.settled[sample] else "not settled"
        figure = new_figure(f"Worldsheet of sample {sample}: {verdict}", 5.0 * len(panels) + 1.0, _height(graph))
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        images = [heat_image(graph, values, last) for _, values, _, last in panels]
        top = max((float(np.ceil(image[np.isfinite(image)].max(initial=0.0))) for image in images), default=0.0)
        scale = Normalize(DECADES[0], float(np.clip(top, 0.0, DECADES[1])))
        for axes, image, (label, _, first, last) in zip(grid, images, panels, strict=True):
            drawn = _image(axes, graph, image, unit, scale)
            for number, site in enumerate(graph.sites):
                _arrivals(axes, number, site, (first, last), result.hold, graph.step / unit.seconds)
            axes.set_title(label, pad=8)
            axes.set_xlabel(f"time since the sample was presented ({unit.name})")
            transit_axis(axes, unit, graph.transit_seconds)
        grid[0].set_ylabel("depth (rows of neurons, input to output)")
        label = "log10 of the deviation, relative to the row"
        figure.colorbar(drawn, ax=grid, label=label, extend="both", extendfrac=0.03, aspect=40)
        legend_below(figure, grid[0])
    return figure


def heat_image(graph: ScatteringGraph, values: Floats, arrival: Steps) -> Floats:
    """The picture's pixels (rows, T): log10 of `values` (T, N), a band of equal height per site, input first.

    Inside a band neurons are sorted by `arrival` (N,).
    """
    height = _band_height(graph)
    with np.errstate(divide="ignore"):
        logarithm = np.log10(values.T)
    rows = [
        site.start + np.argsort(arrival[site.start : site.stop], kind="stable")[_pixels(height, site.size)]
        for site in graph.sites
    ]
    return np.asarray(logarithm[np.concatenate(rows)])


def _image(axes: Axes, graph: ScatteringGraph, image: Floats, unit: TimeUnit, scale: Normalize) -> AxesImage:
    """Draw the pixels of one panel, with the rows of neurons named."""
    count, span = len(graph.sites), image.shape[1] * graph.step / unit.seconds
    drawn = axes.imshow(
        np.maximum(image, DECADES[0] - 1),
        extent=(0, span, 0, count), origin="lower", aspect="auto", interpolation="nearest",
        cmap=mpl.colormaps[HEAT].with_extremes(bad="#DDDDDD"), norm=scale,
    )  # fmt: skip
    axes.hlines(np.arange(1, count), 0, span, color="white", linewidth=0.8)
    axes.set_xlim(0, span)
    axes.set_ylim(0, count)
    name_rows(axes, graph)
    return drawn


def _arrivals(axes: Axes, number: int, site: Site, arrivals: tuple[Steps, Steps], hold: int, step: float) -> None:
    """First and last arrival at every neuron of a row, in the order of its pixels."""
    order = np.argsort(arrivals[1][site.start : site.stop], kind="stable")
    edges = np.linspace(number, number + 1, site.size + 1)
    names = ("light cone: first wave", "last wave lands (matched law)")
    for times, style, name in zip(arrivals, (":", "-"), names, strict=True):
        steps = times[site.start : site.stop][order]
        axes.stairs(
            np.where(steps < hold, steps * step, np.nan), edges, orientation="horizontal", baseline=None,
            color=LINE, linewidth=1.6, linestyle=style, label=name if number == 0 else "_",
        )  # fmt: skip


def _height(graph: ScatteringGraph) -> float:
    """Inches for all bands."""
    return float(np.clip(2.2 + 0.4 * len(graph.sites), 4.5, 12))


def _band_height(graph: ScatteringGraph) -> int:
    """Pixel rows per band."""
    return int(np.clip(1200 // len(graph.sites), 8, 96))


def _pixels(height: int, size: int) -> NDArray[np.int64]:
    """Which of a row's sorted neurons each pixel row of its band shows."""
    return (np.arange(height) * size) // height
