"""What the range of impedances asks of numbers: costates are currents, and fall by the taper at every layer or cell.

Where waves at the output have a multiple `t` of the impedance of those at the inputs, the first costates are differences of
waves `t` times as large, so that a relative rounding of the waves by `e` costs them about ``100 t e`` (measured, tanh
networks of up to 32 layers). Double precision rounds by ``2^-52``; the hardware's own words, where they are shorter, by
their last bit.
"""

from __future__ import annotations

import numpy as np

from emulator.graph import ScatteringGraph
from emulator.laws import family_of

#: how many roundings, of the waves' own size, meet in the first costates
_ROUNDINGS = 100.0


def impedance_range(graph: ScatteringGraph) -> float:
    """The largest impedance of any wave over the smallest; 1 where costates are no differences of waves."""
    return family_of(graph.law).impedance_range(graph) or 1.0


def lost_share(graph: ScatteringGraph) -> float:
    """Share of the first costates that rounding may cost; 0 where they are no differences of waves."""
    if family_of(graph.law).impedance_range(graph) is None:
        return 0.0
    precision = graph.hardware.precision
    bits = [q.bits for q in (precision.forward, precision.backward) if q.bits is not None]
    rounding = max([float(np.finfo(np.float64).eps), *(2.0 ** (1 - count) for count in bits)])
    return _ROUNDINGS * impedance_range(graph) * rounding


def lost_in_rounding(graph: ScatteringGraph, tolerance: float) -> str | None:
    """What there is to say of a range of impedances that numbers do not bear, as a sentence; None if they do."""
    share = lost_share(graph)
    if not share > tolerance:
        return None
    return (
        f"impedances span {impedance_range(graph):.3g} : 1, so that rounding leaves the first costates uncertain by "
        f"{share:.1g} of their size; allowed for a tolerance of {tolerance:g}: a range up to "
        f"{impedance_range(graph) * tolerance / share:.3g}, by a smaller law.taper"
    )
