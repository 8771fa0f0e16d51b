"""What the targets demand of each knob, what the hardware offers, and the margin between."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from emulator.report.study.quantities import Quantity, axis_quantity, knob
from emulator.report.study.tables import Cell, Table, count, named, number, table
from emulator.study.evidence import Evidence
from emulator.study.store import Tolerance
from emulator.study.tolerance import first_to_break, margin

_NEVER, _THROUGHOUT = "never holds", "holds throughout"


def knob_of(evidence: Evidence, found: Tolerance) -> Quantity:
    """The knob that was turned."""
    return knob(evidence, found.detail["key"], found.unit)


def ranked(evidence: Evidence) -> list[Tolerance]:
    """What was searched, what breaks first at the top: what never holds, then by margin, then what has none known."""

    def order(found: Tolerance) -> tuple[int, float]:
        factor = margin(found)
        if found.detail["verdict"] == _NEVER:
            return 0, 0.0
        return (2, 0.0) if factor is None else (1, factor)

    return sorted(evidence.tolerances, key=order)


def breaking(evidence: Evidence, where: Mapping[str, Any] | None = None) -> Tolerance | None:
    """The knob that breaks first, at a place of the grid axes if it is given."""
    chosen = [
        found
        for found in evidence.tolerances
        if where is None or all(found.detail["where"].get(key) == value for key, value in where.items())
    ]
    return first_to_break(chosen)


def breaking_text(evidence: Evidence, found: Tolerance) -> str:
    """How the knob that breaks first stands."""
    quantity, place = knob_of(evidence, found), place_text(evidence, found)
    if found.detail["verdict"] == _NEVER:
        return f"{place}the targets do not hold even at {quantity.text(found.detail['good'])}"
    return f"{place}needed {_needed(evidence, found).text}, offered {quantity.text(found.offered)}"


def place_text(evidence: Evidence, found: Tolerance) -> str:
    """The place on the other axes at which a knob was turned, with a colon, or nothing."""
    places = found.detail["where"]
    return ", ".join(axis_quantity(evidence, key).text(value) for key, value in places.items()) + ": " if places else ""


def requirements_table(evidence: Evidence) -> Table:
    """One row per knob."""
    found = ranked(evidence)
    placed = any(one.detail["where"] for one in found)
    rows = [
        (
            *((place_text(evidence, one).removesuffix(": "),) if placed else ()),
            named(knob_of(evidence, one)),
            _needed(evidence, one),
            _bracket(evidence, one),
            number(knob_of(evidence, one), one.offered),
            _margin(one),
            count(one.evaluations),
        )
        for one in found
    ]
    heads = ("knob", "needed", "true value between", "offered", "margin", "values tried")
    return table((*(("where",) if placed else ()), *heads), rows, " ".join(_conditions(found)))


def _conditions(found: list[Tolerance]) -> Iterator[str]:
    """What was asked of every value."""
    asked = {(one.detail["share"], one.detail["confidence"]) for one in found}
    for share, confidence in sorted(asked):
        percent = Quantity("", "", "%")
        yield f"A value holds if at least {percent.text(share)} of chips meet the targets, with {percent.text(confidence)} confidence."


def _needed(evidence: Evidence, found: Tolerance) -> Cell:
    quantity, verdict = knob_of(evidence, found), found.detail["verdict"]
    if verdict == _NEVER:
        return Cell(_NEVER, None, "bad")
    if found.value is None:
        return number(quantity, None)
    rising = found.detail["bad"] > found.detail["good"]
    text = f"{'≤' if rising else '≥'} {quantity.text(found.value)}"
    return Cell(f"{text}, as far as searched" if verdict == _THROUGHOUT else text, found.value)


def _bracket(evidence: Evidence, found: Tolerance) -> Cell:
    quantity = knob_of(evidence, found)
    good, bad = (found.detail[end] for end in ("good", "bad"))
    low = quantity.text(found.low) if found.low is not None else f"before {quantity.text(good)}"
    high = quantity.text(found.high) if found.high is not None else f"beyond {quantity.text(bad)}"
    return Cell(f"{low} and {high}")


def _margin(found: Tolerance) -> Cell:
    value = margin(found)
    if value is None or math.isnan(value):
        return number(Quantity("", ""), None)
    tone = "bad" if value < 1 else "fair" if value < 2 else "good"
    return (
        Cell("has none of it", None, tone)
        if math.isinf(value)
        else Cell(f"{value:.3g} \N{MULTIPLICATION SIGN}", value, tone)
    )
