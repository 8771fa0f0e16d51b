"""Waves and weights that are cut off because a quantiser's full scale is smaller than what the network needs.

A clipped wave is silent: it arrives, settles, and is wrong. What counts is what the substrate holds at the end of each
hold (or, of a network that learns, what its exact pass would send).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.reference import Reference
from hwmodels import HardwareModel, Quantizer

if TYPE_CHECKING:
    from emulator.engine import Layout, Recording

Floats = NDArray[np.float64]

#: shares of clipped waves or weights that are worth a warning whatever they do, and any of them at this gradient cosine
MANY, COSINE = 0.01, 0.99
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Clipping:
    """Shares, from 0 to 1, of what is cut off at full scale; 0 where nothing is quantised.

    Parameters
    ----------
    forward, backward : float
        Of the waves that ports send into lines, over ports and samples.
    weights : float
        Of the network's weights.
    """

    forward: float = 0.0
    backward: float = 0.0
    weights: float = 0.0

    @property
    def any(self) -> bool:
        """Whether anything is cut off."""
        return max(self.forward, self.backward, self.weights) > 0

    def to_dict(self) -> dict[str, float]:
        """The same as a plain table."""
        return asdict(self)

    def text(self) -> str:
        """The shares in words."""
        return f"{self.forward:.2%} of forward and {self.backward:.2%} of backward waves, {self.weights:.2%} of weights"

    def warning(self, cosine: float | None = None) -> str | None:
        """What there is to say where it matters, given the cosine of the gradient if it is known; else None.

        It matters if it is much, or if it is anything at all and the gradient is not what it should be.
        """
        wrong = cosine is not None and not cosine >= COSINE
        if not (max(self.forward, self.backward, self.weights) > MANY or (self.any and wrong)):
            return None
        return (
            f"cut off at the hardware's full scale: {self.text()}; what arrives is not what the network computes "
            "(substrate.full_scale=network gives every quantiser the network's own range, calibrate that of 16 samples)"
        )


def clipped_run(graph: ScatteringGraph, layout: Layout, recording: Recording) -> Clipping:
    """What was cut off at the ends of the holds of a run."""
    precision, driven = graph.hardware.precision, layout.lines_of_port > 0
    rails = recording.rails
    if rails is not None:  # waves as they were sent: those at full scale were there or beyond
        half = rails.shape[1] // 2
        parts = [
            _at(q, w) for q, w in zip((precision.forward, precision.backward), np.hsplit(rails, [half]), strict=True)
        ]
        return Clipping(parts[0], parts[1], _weights(graph))
    if recording.offered is not None:
        parts = [_beyond(q, w) for q, w in zip((precision.forward, precision.backward), recording.offered, strict=True)]
        return Clipping(parts[0], parts[1], _weights(graph))
    if not limited(graph.hardware):
        return Clipping()
    count = layout.neurons
    forward = _beyond(precision.forward, recording.u[:, :count][:, driven[:count]])
    backward = _beyond(precision.backward, recording.u[:, count:][:, driven[count : 2 * count]])
    return Clipping(forward, backward, _weights(graph))


def clipped_network(graph: ScatteringGraph, reference: Reference) -> Clipping:
    """What would be cut off of an exact pass: of the states and costates that neurons send."""
    forward, backward = family_of(graph.law).sent(graph, reference)
    precision = graph.hardware.precision
    return Clipping(_beyond(precision.forward, forward), _beyond(precision.backward, backward), _weights(graph))


def limited(hardware: HardwareModel) -> bool:
    """Whether the hardware can cut anything off."""
    precision = hardware.precision
    return any(q.bits is not None and q.saturate for q in (precision.forward, precision.backward, precision.weights))


def _weights(graph: ScatteringGraph) -> float:
    weights = [
        layer.weight.ravel() if layer.devices is None else layer.weight[layer.devices]
        for layer in graph.network.dense.values()
    ]
    return _beyond(graph.hardware.precision.weights, np.concatenate(weights) if weights else np.zeros(0))


def _beyond(quantizer: Quantizer, values: Floats) -> float:
    """Share of values that round to more than full scale."""
    if quantizer.bits is None or not quantizer.saturate or not values.size:
        return 0.0
    step = quantizer.full_scale / (2 ** (quantizer.bits - 1) - 1)
    return float((np.abs(values) > (quantizer.full_scale + step / 2) * (1 + _ROUNDING)).mean())


def _at(quantizer: Quantizer, sent: Floats) -> float:
    """Share of sent waves that are at full scale."""
    if quantizer.bits is None or not quantizer.saturate or not sent.size:
        return 0.0
    return float((np.abs(sent) >= quantizer.full_scale * (1 - _ROUNDING)).mean())
