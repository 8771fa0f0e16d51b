"""Samples on two-way lines that the precision of numbers, and not their hold, keeps from being settled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.engine import JunctionRecording

#: share of its largest term that may be left of a junction's equation
SOLVED = 1e-9


def exact(recording: JunctionRecording, tolerance: float) -> NDArray[np.bool_]:
    """Samples (B,) whose junctions were solved, and whose costates rounding leaves within the tolerance."""
    return np.asarray((recording.unsolved <= SOLVED) & (recording.rounding <= tolerance))


def inexact(recording: JunctionRecording, sample: int, tolerance: float) -> str | None:
    """Why a sample is not exact, as a clause; None if it is."""
    found = []
    unsolved, rounding = float(recording.unsolved[sample]), float(recording.rounding[sample])
    if not unsolved <= SOLVED:
        found.append(
            f"at some step a junction was not solved: {unsolved:.2g} of its equation's largest term was left "
            f"(allowed: {SOLVED:g})"
        )
    if not rounding <= tolerance:
        found.append(
            "costates are differences of waves over impedances, of which the rounding of numbers may be "
            f"{rounding:.2g} of the largest, more than the tolerance of {tolerance:g}; "
            "raise the impedance, or lower the taper"
        )
    return "; ".join(found) or None
