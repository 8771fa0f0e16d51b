"""The pictures of a run. To add one, write a function from a result to a figure and add it to a table here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from emulator.measure import SettleResult
from emulator.report.attempt import attempt
from emulator.report.raster import event_raster
from emulator.report.reflections import reflection_figure
from emulator.report.settling import settling_curve
from emulator.report.style import name_substrate
from emulator.report.times import settling_times
from emulator.report.worldsheet import worldsheet

Picture = Callable[[SettleResult], Figure]

#: of all samples of a run, by file name
OVERVIEWS: dict[str, Picture] = {"settling_times.png": settling_times}
#: of samples that were recorded at every step, by file name
RECORDINGS: dict[str, Picture] = {
    "settling.png": settling_curve,
    "worldsheet.png": worldsheet,
    "events.png": event_raster,
}
#: the same, where two-way lines carried the waves
TWO_WAY: dict[str, Picture] = {"reflections.png": reflection_figure}


def draw_pictures(
    result: SettleResult,
    traced: SettleResult | None,
    folder: Path,
    troubles: list[str] | None = None,
    scenario: str | None = None,
) -> tuple[str, ...]:
    """Draw a run into a folder; a picture that fails costs only itself.

    Parameters
    ----------
    result : SettleResult
        Of the whole run.
    traced : SettleResult or None
        Of a few samples, with traces.
    folder : Path
    troubles : list, optional
        Gets a sentence for every picture that could not be drawn.
    scenario : str, optional
        What the run is called, for the titles.

    Returns
    -------
    tuple of str
        Names of the files written.
    """
    told: list[str] = [] if troubles is None else troubles
    wanted = [(name, partial(_named, picture, result, scenario)) for name, picture in OVERVIEWS.items()]
    if traced is not None:
        recorded = RECORDINGS | TWO_WAY if traced.graph.law.two_way else RECORDINGS
        if traced.traces is not None and len(traced.traces.port) == 0:  # of laws that do not record them one by one
            recorded = {name: picture for name, picture in recorded.items() if picture is not event_raster}
        wanted += [(name, partial(_named, picture, traced, scenario)) for name, picture in recorded.items()]
    return tuple(name for name, draw in wanted if attempt(folder / name, draw, told))


def _named(picture: Picture, result: SettleResult, scenario: str | None) -> Figure:
    return name_substrate(picture(result), result.graph, scenario)
