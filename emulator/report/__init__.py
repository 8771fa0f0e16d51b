"""Pictures of runs, and reports of studies."""

from emulator.report.pictures import draw_pictures
from emulator.report.raster import event_raster
from emulator.report.reflections import reflection_figure
from emulator.report.settling import settling_curve, settling_histogram
from emulator.report.study import read_evidence, report_of, study_page, study_summary, write_report
from emulator.report.worldsheet import worldsheet

__all__ = [
    "draw_pictures",
    "event_raster",
    "read_evidence",
    "reflection_figure",
    "report_of",
    "settling_curve",
    "settling_histogram",
    "study_page",
    "study_summary",
    "worldsheet",
    "write_report",
]
