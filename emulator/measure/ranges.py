"""The range of amplitudes that a network needs, and quantisers set to it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure import Reference
from emulator.network import Network
from hwmodels import HardwareModel

#: samples that a chip is shown to set its full scales by, where they are calibrated
CALIBRATION = 16


class Ranges(NamedTuple):
    """Largest magnitudes of a network over a batch."""

    forward: float
    """Of the states that neurons send."""
    backward: float
    """Of the costates that come back."""
    weights: float
    """Of the weights."""


def ranges(network: Network, reference: Reference, samples: int | None = None) -> Ranges:
    """Largest state, costate and weight of an exact pass, of its first `samples` or all; 1 where all are 0 or missing."""
    kinds = (
        [rows[:samples] for rows in reference.states.values()],
        [rows[:samples] for rows in reference.costates.values()],
        [parameters.weight for parameters in network.parameters.values()],
    )
    return Ranges(*(max((float(np.abs(a).max(initial=0.0)) for a in arrays), default=0.0) or 1.0 for arrays in kinds))


def carried_by(graph: ScatteringGraph, reference: Reference, needed: Ranges) -> Ranges:
    """The same, and what else the lines of a graph carry where its law sends more than states and costates."""
    if not graph.law.carries_waves:
        return needed
    forward, backward = (float(np.abs(sent).max(initial=0.0)) for sent in family_of(graph.law).sent(graph, reference))
    return needed._replace(forward=max(needed.forward, forward), backward=max(needed.backward, backward))


def needed(network: Network, reference: Reference) -> dict[str, Ranges]:
    """Ranges by how full scales are to be set: from all samples (``network``), or the first few (``calibrate``)."""
    return {"network": ranges(network, reference), "calibrate": ranges(network, reference, CALIBRATION)}


def fitted(model: HardwareModel, needed: Ranges) -> HardwareModel:
    """The model with the full scale of every quantiser set to the range that a network needs."""
    changes: dict[str, Any] = {
        f"precision.{kind}.full_scale": getattr(needed, kind)
        for kind in Ranges._fields
        if getattr(model.precision, kind).bits is not None
    }
    return model.replace(changes) if changes else model
