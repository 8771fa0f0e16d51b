"""What the targets demand of each knob, what the hardware offers, and the margin between."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from emulator.study.evidence import Evidence
from emulator.study.margins import fails_as_it_is, first_to_break, margin, undecided, unknown
from emulator.study.report.quantities import Quantity, axis_quantity, knob
from emulator.study.report.tables import Cell, Table, count, named, number, table
from emulator.study.store import Tolerance
from emulator.study.tolerance import NEVER, THROUGHOUT

#: what is said of what breaks first: where the search cannot tell, where nothing holds before anything is turned, where none
#: was made, and where nothing that the hardware has breaks
UNKNOWN, FAILS, UNSEARCHED, NOTHING = "cannot tell", "fails as it is", "not searched", "nothing it has"


def knob_of(evidence: Evidence, found: Tolerance) -> Quantity:
    """The knob that was turned."""
    return knob(evidence, found.detail["key"], found.unit)


def ranked(evidence: Evidence) -> list[Tolerance]:
    """What was searched, place by place.

    Within a place what breaks first is at the top: what never holds, then by margin, then what did not break.
    """

    def order(found: Tolerance) -> tuple[int, float]:
        factor, verdict = margin(found), found.detail["verdict"]
        if verdict == NEVER:
            return 0, 0.0
        return (2, 0.0) if factor is None else (1, factor) if verdict != THROUGHOUT else (3, factor)

    return [found for place in _by_place(evidence.tolerances) for found in sorted(place, key=order)]


def by_knob(evidence: Evidence) -> list[list[Tolerance]]:
    """What was searched, the places of each knob together."""
    return _grouped(evidence.tolerances, lambda found: str(found.detail["key"]))


class Breaking(NamedTuple):
    """What breaks first: a knob, or in a word why there is none."""

    word: str
    found: Tolerance | None


def breaking(evidence: Evidence, where: Mapping[str, Any] | None = None) -> Breaking:
    """What breaks first of what the hardware has, at one place of the grid axes or at any.

    Places where the targets do not hold whatever is turned fail as they are: there no knob is to blame. Where nothing
    is known to break, but of some knobs nothing is known, it cannot be told.
    """
    chosen = [
        found
        for found in evidence.tolerances
        if where is None or all(found.detail["where"].get(key) == value for key, value in where.items())
    ]
    if not chosen:
        return Breaking(UNSEARCHED, None)
    places = _by_place(chosen)
    if all(map(fails_as_it_is, places)):
        return Breaking(FAILS, None)
    holding = [one for place in places if not fails_as_it_is(place) for one in place]
    first = first_to_break([one for one in holding if one.detail["verdict"] != THROUGHOUT])
    if first is not None:
        return Breaking(knob_of(evidence, first).label, first)
    unsure = next((one for one in holding if unknown(one, str) is not None), None)
    return Breaking(NOTHING, None) if unsure is None else Breaking(UNKNOWN, unsure)


def unknown_text(evidence: Evidence, found: Tolerance) -> str:
    """Why nothing is known of a knob."""
    quantity, place = knob_of(evidence, found), place_text(evidence, found)
    return f"{place + ': ' if place else ''}{quantity.label}: {unknown(found, quantity.text)}"


def breaking_text(evidence: Evidence, found: Tolerance) -> str:
    """How the knob that breaks first stands."""
    quantity, place = knob_of(evidence, found), place_text(evidence, found)
    place = f"{place}: " if place else ""
    if found.detail["verdict"] == NEVER:
        return f"{place}the targets do not hold even at {quantity.text(found.detail['good'])}"
    tried = f" ({between})" if (between := _tried(evidence, found)) else ""
    if _untried(found):
        offered = _offered_text(evidence, found)
        return f"{place}whether the offered {offered} holds is not known{tried}: more tolerance.halvings tell"
    return f"{place}needed {_needed(evidence, found).text}{tried}, offered {_offered_text(evidence, found)}"


def _untried(found: Tolerance) -> bool:
    """Whether what is offered lies between the last value that held and the first that did not, where nothing was tried."""
    beyond = found.detail.get("first_failed")
    if found.value is None or found.offered is None or beyond is None:
        return False
    return min(found.value, beyond) < found.offered < max(found.value, beyond)


def _tried(evidence: Evidence, found: Tolerance) -> str:
    """The last value that held and the first that did not: what lies between was not tried; empty where all held."""
    beyond = found.detail.get("first_failed")
    if found.value is None or beyond is None:
        return ""
    quantity = knob_of(evidence, found)
    fails = "cannot be told" if undecided(found, beyond) else "does not"
    return f"tried: {quantity.text(found.value)} holds, {quantity.text(beyond)} {fails}"


def place_text(evidence: Evidence, found: Tolerance) -> str:
    """The place on the grid axes at which a knob was turned; empty if there is only one."""
    return ", ".join(axis_quantity(evidence, key).text(value) for key, value in found.detail["where"].items())


def left_early(found: Tolerance, trial: Mapping[str, Any]) -> bool:
    """Whether what its chips were decided how many of them there are: their interval must allow for that."""
    sampled = trial["total"] + trial.get("failed", 0)
    return bool(found.detail.get("sequential", False) or sampled < found.detail.get("chips", sampled))


def requirements_table(evidence: Evidence) -> Table:
    """One row per knob."""
    found = ranked(evidence)
    placed = any(one.detail["where"] for one in found)
    rows = [
        (
            *((place_text(evidence, one),) if placed else ()),
            named(knob_of(evidence, one)),
            _needed(evidence, one),
            Cell(_tried(evidence, one) or ("none" if one.value is None else "none failed"), None, ""),
            _bracket(evidence, one),
            _offered(evidence, one),
            _margin(one),
            count(one.evaluations),
        )
        for one in found
    ]
    heads = ("knob", "needed", "last and next value tried", "true value between", "offered", "margin", "values tried")
    unsure = [f"{unknown_text(evidence, one)}." for one in found if unknown(one, str) is not None]
    return table((*(("where",) if placed else ()), *heads), rows, " ".join([*_conditions(found), *unsure]))


def _by_place(found: Sequence[Tolerance]) -> list[list[Tolerance]]:
    return _grouped(found, lambda one: json.dumps(one.detail["where"], sort_keys=True))


def _grouped(found: Sequence[Tolerance], key: Callable[[Tolerance], str]) -> list[list[Tolerance]]:
    groups: dict[str, list[Tolerance]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    return list(groups.values())


def _conditions(found: list[Tolerance]) -> Iterator[str]:
    """What was asked of every value."""
    asked = {(one.detail["share"], one.detail["confidence"], one.detail.get("sequential", False)) for one in found}
    for share, confidence, sequential in sorted(asked):
        percent = Quantity("", "", "%")
        if sequential:
            yield "Chips were sampled until they told; the confidence holds however often they were looked at."
        elif any(left_early(one, trial) for one in found for trial in one.detail["trials"]):
            yield "A value is left as soon as it is sure to fail, whatever the chips are that remain."
        yield f"A value holds if at least {percent.text(share)} of chips meet the targets, with {percent.text(confidence)} confidence."


def _needed(evidence: Evidence, found: Tolerance) -> Cell:
    quantity, verdict = knob_of(evidence, found), found.detail["verdict"]
    if verdict == NEVER:
        return Cell(NEVER, None, "bad")
    if found.value is None:
        return Cell(verdict, None, "fair")
    rising = found.detail["bad"] > found.detail["good"]
    text = f"{'≤' if rising else '≥'} {quantity.text(found.value)}"
    return Cell(f"{text}, as far as searched" if verdict == THROUGHOUT else text, found.value)


def _bracket(evidence: Evidence, found: Tolerance) -> Cell:
    if found.value is None:
        return Cell("none", None, "quiet")
    quantity = knob_of(evidence, found)
    good, bad = (found.detail[end] for end in ("good", "bad"))
    low = quantity.text(found.low) if found.low is not None else f"before {quantity.text(good)}"
    high = quantity.text(found.high) if found.high is not None else f"beyond {quantity.text(bad)}"
    falling = found.low is not None and found.high is not None and found.low > found.high
    return Cell(f"{high} and {low}" if falling else f"{low} and {high}")


def _offered(evidence: Evidence, found: Tolerance) -> Cell:
    return Cell(_offered_text(evidence, found), found.offered, "quiet" if found.offered is None else "")


def _offered_text(evidence: Evidence, found: Tolerance) -> str:
    return "none stated" if found.offered is None else knob_of(evidence, found).text(found.offered)


def _margin(found: Tolerance) -> Cell:
    value = margin(found)
    if value is None or math.isnan(value):
        return number(Quantity("", ""), None)
    if math.isinf(value):
        return Cell("has none of it", None, "good")
    if _untried(found):
        return Cell(f"at least {value:.3g} \N{MULTIPLICATION SIGN}", value, "fair")
    tone = "bad" if value < 1 else "fair" if value < 2 else "good"
    more = "> " if found.detail["verdict"] == THROUGHOUT else ""
    return Cell(f"{more}{value:.3g} \N{MULTIPLICATION SIGN}", value, tone)
