"""Progress where messages go to a file: rare lines, with the time left."""

from __future__ import annotations

from emulator.commands.console import Lines
from tests.support.clock import Clock


def _lines(*calls: tuple[float, str, float | None]) -> list[str]:
    clock, said = Clock(), []
    lines = Lines(said.append, clock)
    for seconds, stage, fraction in calls:
        clock.now = 100.0 + seconds
        lines(stage, fraction)
    return said


def test_what_is_soon_done_is_not_spoken_of():
    assert _lines((0, "compiling", None), (5, "settling", 0.0), (29, "settling", 1.0)) == []


def test_a_line_every_half_minute_with_the_time_left():
    said = _lines(*((5.0 * k, f"point {k}", k / 100) for k in range(20)))
    assert said == [
        "point 6, 0:00:30 so far, 0:07:50 left",
        "point 12, 0:01:00 so far, 0:07:20 left",
        "point 18, 0:01:30 so far, 0:06:50 left",
    ]


def test_work_that_was_done_before_does_not_make_the_rest_look_fast():
    """A study that goes on at 90 % is judged by what it does now."""
    said = _lines((0, "point 900", 0.9), (40, "point 910", 0.91))
    assert said == ["point 910, 0:00:40 so far, 0:06:00 left"]


def test_a_stage_without_end_has_no_time_left_and_the_next_stage_starts_anew():
    said = _lines((0, "learning", 0.5), (31, "searching", None), (40, "drawing", 0.0), (70, "drawing", 0.5))
    assert said == ["searching, 0:00:31 so far", "drawing, 0:01:10 so far, 0:00:30 left"]
