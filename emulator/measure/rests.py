"""Where every sample of a run rests, for pictures of how far it still is: never from its own last step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from emulator.graph import ScatteringGraph
from emulator.measure.deviation import Deviation
from emulator.measure.reference import reference
from emulator.measure.rest import operating_point
from emulator.measure.synapses import Floats

#: distance from rest, in values of the rest, beyond which what is held has lost the digits that the rest follows from
FAR = 1e3


def rests(
    graph: ScatteringGraph, found: Iterable[Deviation], data: Mapping[str, Floats], wanted: Floats | None
) -> tuple[Floats, Floats]:
    """States and costates (B, N) at rest.

    They follow from the rest equations with the substrate's own static errors; of samples that ran away from there, they
    are those of the law's rest without errors.

    Parameters
    ----------
    graph : ScatteringGraph
    found : iterable of Deviation
        What was held at the end of each hold, and how far that was from rest; of one run of samples after another.
    data : mapping of (B, n)
        Samples by the name of their input.
    wanted : (B, outputs), optional
        Targets.
    """
    with np.errstate(all="ignore"):
        found = tuple(found)
        x, lam, off_x, off_lam = (
            np.concatenate([getattr(getattr(one, of), name) for one in found])
            for of in ("rest", "off")
            for name in ("x", "lam")
        )
        near = np.ones(len(x), dtype=bool)
        for off, rest in ((off_x, x), (off_lam, lam)):
            near &= np.abs(off).max(axis=1) <= FAR * np.abs(rest).max(axis=1)  # not of what is no number
    for sample in np.flatnonzero(~near):
        one = {name: rows[sample : sample + 1] for name, rows in data.items()}
        point = operating_point(graph, reference(graph.network, one, None if wanted is None else wanted[[sample]]))
        x[sample], lam[sample] = point.x, point.lam
    return x, lam
