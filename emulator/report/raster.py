"""Wave events: which port sent when."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emulator.measure import SettleResult
from emulator.report.samples import SampleTrace, sample_trace
from emulator.report.style import (
    COSTATE,
    HEAT,
    STATE,
    TimeUnit,
    legend_below,
    letters,
    name_rows,
    new_figure,
    time_unit,
    transit_axis,
)

#: more events than the picture has room for are drawn as rates
_MOST_MARKS = 20_000


def event_raster(result: SettleResult, sample: int = -1) -> Figure:
    """Every event of one recorded sample: time against port, and events per step on top; very many as rates.

    Ports stand in rows of neurons; in each row the ports that send states forward lie below those that send costates
    backward.

    Parameters
    ----------
    result : SettleResult
        Made with ``traces=True``.
    sample : int
        Which recorded sample; by default the last, since the first starts from an empty substrate.
    """
    graph, sample = result.graph, sample % len(result.settled)
    trace = sample_trace(result, sample)
    unit = time_unit(result.hold * graph.step)
    time, height = trace.event_seconds / unit.seconds, port_heights(result)
    step, count = graph.step / unit.seconds, len(graph.sites)
    forward = trace.port < graph.neurons
    kinds = (("forward (states)", STATE, forward), ("backward (costates)", COSTATE, ~forward))
    with letters():
        title = f"Wave events of sample {sample}: {len(time):,} sent by {2 * graph.neurons:,} ports"
        figure = new_figure(title, 8.5, float(np.clip(3.6 + 0.4 * count, 5.5, 13)))
        rate, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 3))
        below = np.zeros(result.hold)
        dense = len(time) > _MOST_MARKS
        if dense:
            _rates(figure, axes, result, trace, unit)
        for label, colour, mine in kinds:
            if not dense:
                axes.scatter(
                    time[mine], height[trace.port[mine]], s=9, marker="|", linewidths=1.2, color=colour, label=label,
                    clip_on=False,
                )  # fmt: skip
            above = below + np.bincount(np.rint(time[mine] / step).astype(int), minlength=result.hold)
            rate.stairs(above, np.arange(result.hold + 1) * step, baseline=below, color=colour, fill=True, label=label)
            below = above
        rate.set_ylabel("events\nper step")
        axes.hlines(np.arange(1, count), 0, result.hold * step, color="#CCCCCC", linewidth=0.6)
        axes.set_xlim(0, result.hold * step)
        axes.set_ylim(0, count)
        name_rows(axes, graph)
        axes.set_ylabel("ports (by row, input to output)")
        axes.set_xlabel(f"time since the sample was presented ({unit.name})")
        transit_axis(rate, unit, graph.transit_seconds)
        legend_below(figure, rate if dense else axes, larger=3)
    return figure


def _rates(figure: Figure, axes: Axes, result: SettleResult, trace: SampleTrace, unit: TimeUnit) -> None:
    """Events per port and step as colour, two bands per row of neurons: forward below, backward above."""
    graph, hold = result.graph, result.hold
    at = np.rint(trace.event_seconds / graph.step).astype(int)
    sites = np.repeat(np.arange(len(graph.sites)), [site.size for site in graph.sites])
    band = np.concatenate([2 * sites, 2 * sites + 1])[trace.port]
    rate = np.zeros((2 * len(graph.sites), hold))
    np.add.at(rate, (band, at), 1.0)
    rate /= np.repeat([site.size for site in graph.sites], 2)[:, np.newaxis]
    drawn = axes.imshow(
        rate, extent=(0, hold * graph.step / unit.seconds, 0, len(graph.sites)), origin="lower", aspect="auto",
        interpolation="nearest", cmap=HEAT, vmin=0,
    )  # fmt: skip
    label = "events per port and step (in each row: forward below, backward above)"
    figure.colorbar(drawn, ax=axes, label=label, location="bottom", aspect=50, shrink=0.8)


def port_heights(result: SettleResult) -> np.ndarray:
    """Height (2N,) of every port in the raster: row k spans k to k + 1, forward ports in its lower half."""
    heights = np.empty(2 * result.graph.neurons)
    for number, site in enumerate(result.graph.sites):
        inside = (np.arange(site.size) + 0.5) / site.size
        heights[site.start : site.stop] = number + 0.05 + 0.42 * inside
        heights[result.graph.neurons + site.start : result.graph.neurons + site.stop] = number + 0.53 + 0.42 * inside
    return heights
