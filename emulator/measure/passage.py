"""What the lines and crossbars of a substrate deliver once every wave has landed, hardware errors included.

A port sends its wave rounded, clipped or stuck; a receiver has its gain and its offset, and hears its neighbours; a crossbar
has the weights that were programmed into it. Of what has landed the sums at the neurons are linear in the waves as sent:

    F = forward sent(x) + forward_offset        B = backward sent(mu) + backward_offset
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from emulator.engine import Layout
from emulator.engine.effects import Effects, Value, lsb
from emulator.graph import ScatteringGraph
from emulator.measure.synapses import Floats, synapses
from hwmodels import Quantizer


@dataclass(frozen=True)
class Passage:
    """Maps between N neurons.

    Parameters
    ----------
    forward, backward : sparse (N, N)
        From states as sent to pre-activations, and from their costates as sent to costates.
    forward_offset, backward_offset : (N,)
        What arrives when nothing is sent.
    quantisers : (Quantizer, Quantizer)
        Of waves sent forward and backward.
    stuck, stuck_at : (2N,)
        Ports that send the same wave whatever happens, and which.
    certain : bool
        Whether what arrives follows from what was sent: not where events get lost or weights are read anew.
    """

    forward: sparse.csr_array
    backward: sparse.csr_array
    forward_offset: Floats
    backward_offset: Floats
    quantisers: tuple[Quantizer, Quantizer]
    stuck: np.ndarray
    stuck_at: Floats
    certain: bool = True

    def sent(self, wave: Floats, back: bool, part: slice = slice(None)) -> Floats:
        """Waves (B, n) of a part of the neurons as the ports send them: states, or with `back` costates."""
        half = slice(-self.forward.shape[0], None) if back else slice(self.forward.shape[0])
        sent = _rounded(self.quantisers[back], wave)
        stuck = self.stuck[half][part]
        return np.where(stuck, self.stuck_at[half][part], sent) if stuck.any() else sent


@dataclass(frozen=True)
class Heard:
    """What C receivers have of what ports send: lines with their losses, and neighbours that leak in.

    Parameters
    ----------
    tap, port, of : (K,) int
        A receiver, the port that it hears, and the tap of the line on which that port's wave came.
    gain : (K,)
    offset : (C,)
        What a receiver has when nothing is sent.
    """

    tap: np.ndarray
    port: np.ndarray
    of: np.ndarray
    gain: Floats
    offset: Floats


def heard_at(layout: Layout, effects: Effects) -> Heard:
    """What every receiver hears of a wave that has landed."""
    values, tap = effects.values, np.arange(len(layout.tap_port))
    gain, offset = (
        np.broadcast_to(np.asarray(values.get(name, default), dtype=np.float64), len(tap))
        for name, default in (("gain", 1.0), ("offset", 0.0))
    )
    victims, aggressors = effects.pairs
    leak = np.full(len(victims), float(np.asarray(values.get("spill", 0.0))))
    to, of = np.concatenate([tap, victims]), np.concatenate([tap, aggressors])
    return Heard(to, layout.tap_port[of], of, np.concatenate([gain, leak]), offset)


def passage_of(graph: ScatteringGraph, layout: Layout, effects: Effects, weight: Value) -> Passage:
    """The passage of a substrate with node laws, with the programmed `weight` of every synapse."""
    count, taps, values = layout.neurons, len(layout.tap_port), effects.values
    found = heard_at(layout, effects)
    heard, offset = sparse.csr_array((found.gain, (found.tap, found.port)), shape=(taps, layout.ports)), found.offset
    weight = np.asarray(weight, dtype=np.float64)
    shape = (count, taps)
    forward = sparse.csr_array((weight, (layout.to_state - count, layout.row)), shape=shape)
    backward = sparse.csr_array((weight, (layout.to_costate, layout.column)), shape=shape)
    precision = graph.hardware.precision
    return Passage(
        forward=sparse.csr_array((forward @ heard)[:, :count]),
        backward=sparse.csr_array((backward @ heard)[:, count:]),
        forward_offset=forward @ offset,
        backward_offset=backward @ offset,
        quantisers=(precision.forward, precision.backward),
        stuck=np.asarray(values.get("stuck", np.zeros(layout.ports))) > 0,
        stuck_at=np.asarray(values.get("stuck_at", np.zeros(layout.ports)), dtype=np.float64),
        certain=not (effects.drops or effects.read_noise),
    )


def plain_passage(graph: ScatteringGraph) -> Passage:
    """The passage of lines that carry on what they are given, between crossbars of the network's weights."""
    count, found = graph.neurons, synapses(graph)
    forward = sparse.csr_array((found.weight, (found.sink, found.source)), shape=(count, count))
    none = np.zeros(count)
    exact = Quantizer()
    return Passage(
        forward, sparse.csr_array(forward.T), none, none, (exact, exact), np.zeros(2 * count, bool), np.zeros(2 * count)
    )


def _rounded(quantiser: Quantizer, wave: Floats) -> Floats:
    """Levels as the engine computes them; those drawn at random are left to the noise."""
    if quantiser.bits is None:
        return wave
    step = lsb(quantiser)
    if quantiser.rounding == "nearest":
        wave = np.sign(wave) * np.floor(np.abs(wave) / step + 0.5) * step
    elif quantiser.rounding == "magnitude_truncation":
        wave = np.sign(wave) * np.floor(np.abs(wave) / step + 1e-9) * step
    return np.clip(wave, -quantiser.full_scale, quantiser.full_scale) if quantiser.saturate else wave
