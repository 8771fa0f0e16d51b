"""What a substrate holds or lacks, neuron by neuron."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.measure.synapses import Floats


@dataclass(frozen=True)
class Fields:
    """Pre-activation, state, costate, and costate of the pre-activation of every neuron, (B, N) each."""

    s: Floats
    x: Floats
    lam: Floats
    mu: Floats
