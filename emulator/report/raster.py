"""Wave events: which port sent when."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from emulator.measure import SettleResult
from emulator.report.samples import sample_trace
from emulator.report.style import COSTATE, STATE, legend_below, letters, name_rows, new_figure, time_unit, transit_axis


def event_raster(result: SettleResult, sample: int = -1) -> Figure:
    """Every event of one recorded sample: time against port, and events per step on top.

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
        for label, colour, mine in kinds:
            axes.scatter(
                time[mine], height[trace.port[mine]], s=9, marker="|", linewidths=1.2, color=colour, label=label
            )
            above = below + np.bincount(np.rint(time[mine] / step).astype(int), minlength=result.hold)
            rate.stairs(above, np.arange(result.hold + 1) * step, baseline=below, color=colour, fill=True)
            below = above
        rate.set_ylabel("events\nper step")
        axes.hlines(np.arange(1, count), 0, result.hold * step, color="#CCCCCC", linewidth=0.6)
        axes.set_xlim(-step / 2, result.hold * step)
        axes.set_ylim(0, count)
        name_rows(axes, graph)
        axes.set_ylabel("ports (by row, input to output)")
        axes.set_xlabel(f"time since the sample was presented ({unit.name})")
        transit_axis(rate, unit, graph.transit_seconds)
        legend_below(figure, axes)
    return figure


def port_heights(result: SettleResult) -> np.ndarray:
    """Height (2N,) of every port in the raster: row k spans k to k + 1, forward ports in its lower half."""
    heights = np.empty(2 * result.graph.neurons)
    for number, site in enumerate(result.graph.sites):
        inside = (np.arange(site.size) + 0.5) / site.size
        heights[site.start : site.stop] = number + 0.05 + 0.42 * inside
        heights[result.graph.neurons + site.start : result.graph.neurons + site.stop] = number + 0.53 + 0.42 * inside
    return heights
