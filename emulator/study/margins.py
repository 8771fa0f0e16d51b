"""What the tolerance of a knob says once it is found: its margin, what breaks first, and what is not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from emulator.study.statistics import chips_needed, interval_of
from emulator.study.store import Tolerance
from emulator.study.tolerance import BROKEN, NEVER, UNSURE


def undecided(tolerance: Tolerance, value: float) -> bool:
    """Whether the chips at a value that was not shown to hold do not show that it fails, either: it is before all that surely do."""
    high, rising = tolerance.high, tolerance.detail["bad"] > tolerance.detail["good"]
    return high is None or (value < high if rising else value > high)


def _open(tolerance: Tolerance) -> dict[str, Any] | None:
    """What was tried of the offered value, where it was not shown to hold, nor to fail; else None."""
    value, offered, rising = tolerance.value, tolerance.offered, tolerance.detail["bad"] > tolerance.detail["good"]
    if value is None or offered is None or not (value < offered if rising else value > offered):
        return None
    tried = next((one for one in tolerance.detail["trials"] if one["value"] == offered), None)
    return tried if undecided(tolerance, offered) else None


def margin(tolerance: Tolerance) -> float | None:
    """By what factor the offered value may get worse before the targets are missed; below 1 they already are.

    None where it is not known what is offered or tolerated, or whether the targets hold at what is offered; infinite where
    nothing bad is offered.
    """
    value, offered = tolerance.value, tolerance.offered
    if value is None or offered is None or _open(tolerance) is not None:
        return None
    rising = tolerance.detail["bad"] > tolerance.detail["good"]
    worse, better = (value, offered) if rising else (offered, value)
    if better == 0:
        return float("inf")
    return worse / better


def first_to_break(tolerances: Sequence[Tolerance]) -> Tolerance | None:
    """The knob with the least margin: one that never held, else that of the smallest factor; None if none is known."""
    never = [one for one in tolerances if one.value is None and one.detail["verdict"] == NEVER]
    if never:
        return never[0]
    known = [(factor, one) for one in tolerances if (factor := margin(one)) is not None and np.isfinite(factor)]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def fails_as_it_is(tolerances: Sequence[Tolerance]) -> bool:
    """Whether the targets do not hold whatever is turned."""
    return bool(tolerances) and all(one.detail["verdict"] == NEVER for one in tolerances)


def unknown(tolerance: Tolerance, text: Callable[[float], str]) -> str | None:
    """Why nothing is known of a knob; None where something is.

    Parameters
    ----------
    tolerance : Tolerance
    text : callable
        Writes a value of the knob.
    """
    detail = tolerance.detail
    if detail["verdict"] == UNSURE:
        at = min(detail["trials"], key=lambda one: abs(one["value"] - detail["good"]))
        return (
            f"cannot tell with {at['total']:,} chips, of which {at['met']:,} are good at {text(at['value'])}: "
            f"at least {detail['needed']:,} are needed"
        )
    if (at := _open(tolerance)) is not None:
        interval = interval_of(True) if detail.get("sequential", False) else None
        needed = chips_needed(at["total"] - at["met"], detail["share"], detail["confidence"], interval)
        return (
            f"cannot tell with {at['total']:,} chips, of which {at['met']:,} are good at {text(at['value'])}, which is offered: "
            f"at least {needed:,} are needed"
        )
    if detail["verdict"] == BROKEN:
        at = max(detail["trials"], key=lambda one: one.get("failed", 0))
        runs = at["total"] + at.get("failed", 0)
        return (
            f"the search could not be made: {at.get('failed', 0):,} of {runs:,} points at {text(at['value'])} ended in an "
            f"error ({at.get('error')})"
        )
    return None
