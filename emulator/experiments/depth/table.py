"""The table of settling times against depth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from emulator.experiments.depth.curves import Point
from emulator.experiments.findings import Table


def depth_table(
    points: Sequence[Point], depths: Sequence[int], tolerance: float, within: float
) -> tuple[Table, list[tuple[str, str]]]:
    """A row per curve, and under each depth the measured steps and the predicted ones; beside it what needs a word."""
    table: Table = [("steps: measured (predicted)", *(f"{layers} layers" for layers in depths))]
    for name in dict.fromkeys(point.curve for point in points):
        table.append((name, *(_cell(point) for point in points if point.curve == name)))
    notes = []
    for point in points:
        where = f"{point.curve}, {point.depth} layers"
        if point.lost > tolerance:
            notes.append(
                (where, f"the impedances' range leaves the first costates uncertain by {point.lost:.1g}, and the tolerance is "
                 f"{tolerance:g}: a smaller taper")
            )  # fmt: skip
        if math.isfinite(point.measured) and not point.near(within):
            notes.append((where, f"predicted {point.error:+.0%} beside what was measured"))
        if not math.isfinite(point.measured) and math.isfinite(point.predicted):
            notes.append((where, f"predicted to settle after {point.predicted:,.0f} steps: {point.outcome(tolerance)}"))
    return table, notes


def _cell(point: Point) -> str:
    measured, predicted = ("never" if math.isinf(x) else f"{x:,.0f}" for x in (point.measured, point.predicted))
    return f"{measured} ({predicted})"
