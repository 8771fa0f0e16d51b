"""Two sides of a comparison as a table, and as Markdown."""

from __future__ import annotations

import math

from emulator.study.comparison import TARGETS, Comparison, Row
from emulator.study.metrics import METRICS
from emulator.study.report.markdown import escaped, markdown_table
from emulator.study.report.quantities import Quantity, change_of, metric, span_text
from emulator.study.report.tables import Cell, Table, number, table
from emulator.study.significance import CONFIDENCE

_SMALLEST = 1e-4
_SHARE = Quantity("", "", "%")


def comparison_table(found: Comparison) -> Table:
    """One row per metric: both sides, their difference, how sure it is, and which side is better."""
    first, second = found.names
    rows = [_row(row, found.names) for row in found.rows]
    interval = f"{_SHARE.text(CONFIDENCE)} interval"
    heads = ("metric", first, second, "difference", interval, "p, corrected", f"{found.unit}s", "verdict")
    return table(heads, rows, method(found))


def method(found: Comparison) -> str:
    """How the sides were compared, in a sentence."""
    test = "Wilcoxon's signed-rank test" if found.paired else "Mann and Whitney's test"
    how = f"{found.unit} by {found.unit}, with the same seeds" if found.paired else f"as independent {found.unit}s"
    return f"Medians over {found.unit}s; compared {how}: {test}, p values corrected after Holm."


def comparison_summary(found: Comparison) -> str:
    """The comparison in Markdown."""
    made = comparison_table(found)
    first, second = (escaped(name) for name in found.names)
    notes = [f"- {escaped(note)}" for note in found.notes]
    return (
        "\n".join(
            [f"# {first} against {second}", "", markdown_table(made), "", escaped(made.caption), "", *notes]
        ).rstrip()
        + "\n"
    )


def _row(row: Row, names: tuple[str, str]) -> tuple[Cell | str, ...]:
    quantity = Quantity(TARGETS, "targets met", "%") if row.metric == TARGETS else metric(row.metric)
    apart = change_of(quantity)
    known = not math.isnan(row.low)
    units = str(row.units[0]) if row.units[0] == row.units[1] else f"{row.units[0]} and {row.units[1]}"
    return (
        quantity.label,
        number(quantity, row.first),
        number(quantity, row.second),
        number(apart, row.difference),
        span_text(apart, row.low, row.high) if known else Cell("too few", None, "quiet"),
        _p(row.corrected),
        units,
        _so(row, names),
    )


def _p(value: float) -> Cell:
    if math.isnan(value):
        return Cell("no test", None, "quiet")
    return Cell(f"below {_SMALLEST:g}" if value < _SMALLEST else f"{value:.2g}", value)


def _so(row: Row, names: tuple[str, str]) -> Cell:
    """Which side is better, if one is."""
    if row.same:
        return Cell("the same")
    if math.isnan(row.corrected):
        return Cell("cannot tell", None, "quiet")
    if not row.different:
        return Cell("no difference shown")
    higher = row.difference > 0
    if row.metric != TARGETS and row.metric not in METRICS:
        return Cell(f"{names[higher]} is higher")
    wanted = row.metric == TARGETS or METRICS[row.metric].better == "higher"
    return Cell(f"{names[higher == wanted]} is better", None, "good")
