"""Pictures of runs."""

from emulator.report.pictures import draw_pictures
from emulator.report.raster import event_raster
from emulator.report.reflections import reflection_figure
from emulator.report.settling import settling_curve
from emulator.report.times import settling_times
from emulator.report.worldsheet import worldsheet

__all__ = [
    "draw_pictures",
    "event_raster",
    "reflection_figure",
    "settling_curve",
    "settling_times",
    "worldsheet",
]
