"""The verdict of every corner: what it settles to beside the typical rest, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emulator.export.bundle import CORNERS
from emulator.export.claim import Claim
from emulator.export.compared import Check, compare_bundles, moments, saved_column
from emulator.export.testbench import TOLERANCE
from emulator.measure.synapses import Floats

#: share of a transient at its end through which a corner must rest: one that drifts is always near its own end at the end
_REST = 0.1


@dataclass(frozen=True)
class CornerCheck:
    """What a corner settles to, and when.

    Parameters
    ----------
    corner : str
    check : Check
        Of settled values.
    output_error : float
        Largest error of an output over the largest output.
    settling : float or None
        Seconds from the sample's appearance until the states stay within 1e-3 of where they end; None if they do so for less
        than the last tenth of the transient.
    """

    corner: str
    check: Check
    output_error: float
    settling: float | None


def corner_checks(saved: Mapping[str, Floats], claim: Claim, folder: Path, allowed: float) -> tuple[CornerCheck, ...]:
    """The verdict of every corner."""
    time = moments(saved, folder / CORNERS, claim.corners_stop)
    outputs = f"x{claim.rows - 1}"
    found = []
    for corner, volts in claim.corners.items():
        scale = volts / claim.volts
        rest = {name: values * scale for name, values in claim.settled.items()}

        def node(name: str, corner: str = corner) -> str:
            return claim.corner_node(name, corner)

        check = compare_bundles(f"corner {corner}", saved, rest, claim, allowed, node=node, scaled=scale)
        last, late = 0.0, False
        for name, values in rest.items():
            for k in range(len(values) if name.startswith("x") else 0):
                column = saved_column(saved, f"v({node(f'{name}_{k}')})")
                band = TOLERANCE * max(float(np.abs(values).max(initial=0.0)), TOLERANCE * volts)
                moment = settled_at(time, column, band, claim.start)
                late |= moment is None
                last = max(last, moment or 0.0)
        wanted = rest.get(outputs, np.zeros(0))
        ends = np.array([saved_column(saved, f"v({node(f'{outputs}_{k}')})")[-1] for k in range(len(wanted))])
        error = float(np.abs(ends - wanted).max(initial=0.0) / (np.abs(wanted).max(initial=0.0) or volts))
        found.append(CornerCheck(corner, check, error, None if late else max(last - claim.start, 0.0)))
    return tuple(found)


def settled_at(time: Floats, column: Floats, band: float, start: float) -> float | None:
    """The last moment outside of `band` around the end, 0 if there is none; None if it lies in the last tenth after `start`."""
    outside = np.flatnonzero(~(np.abs(column - column[-1]) <= band))
    last = float(time[outside[-1]]) if outside.size else 0.0
    return last if last <= time[-1] - _REST * (time[-1] - start) else None
