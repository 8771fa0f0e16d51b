"""What becomes of the waves that ports make until they are held at taps, delays and low-passes aside: a linear map.

    comes to p = what partner[p] sent, less what leaks to the neighbouring lines, and more what leaks from them
    taken in at p = gain[p] what comes + offset[p]

A port sends the wave that it makes, or always the same where it is stuck: then a matched source stands in the place of that
end of the line, and at a dead junction matched resistors do. What a neighbour gets, a line lacks: lines that run side by
side are passive. A line that is broken carries nothing: each of its ends is its own partner.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from emulator.engine.layout import Floats
from emulator.families.bilateral.layout import BilateralLayout


@dataclass(frozen=True)
class Carriage:
    """Of P ports.

    Parameters
    ----------
    gain, offset : (P,)
        Of what comes; 1 and 0 at terminations.
    partner : (P,) int32
        Whose wave comes.
    stuck, stuck_at : (P,)
        Which ports always send the same wave, and which wave.
    spill : float
        Share of what comes that leaks to each neighbour.
    left, right : (P,) int32
        Taps of the neighbouring lines in the same direction; the tap itself where there is none.
    whole : bool
        Whether no line is broken.
    """

    gain: Floats
    offset: Floats
    partner: np.ndarray
    stuck: np.ndarray
    stuck_at: Floats
    spill: float
    left: np.ndarray
    right: np.ndarray
    whole: bool = True

    @cached_property
    def ideal(self) -> bool:
        """Whether all is taken in as it was made."""
        plain = bool((self.gain == 1).all() and not self.offset.any() and not self.stuck.any())
        return plain and self.whole and not self.spill

    @cached_property
    def mix(self) -> sparse.csr_array:
        """From the waves that come to taps to what is taken in there, (P, P)."""
        count = len(self.gain)
        tap, one = np.arange(count), sparse.eye_array(count, format="csr")
        leaks = sum(
            (sparse.csr_array((np.ones(count), (tap, side)), shape=(count, count)) for side in (self.left, self.right)),
            start=-2.0 * one,
        )
        return sparse.csr_array(sparse.diags_array(self.gain) @ (one + self.spill * leaks if self.spill else one))

    @cached_property
    def landing(self) -> sparse.csr_array:
        """From the waves that ports send to those that are taken in, (P, P)."""
        count = len(self.partner)
        swap = sparse.csr_array((np.ones(count), (np.arange(count), self.partner)), shape=(count, count))
        return sparse.csr_array(self.mix @ swap)

    @cached_property
    def through(self) -> sparse.csr_array:
        """From the waves that ports make to those that are taken in, (P, P)."""
        return sparse.csr_array(self.landing @ sparse.diags_array(np.where(self.stuck, 0.0, 1.0)))

    @cached_property
    def constant(self) -> Floats:
        """What is taken in (P,) when nothing is made."""
        return np.asarray(self.offset + self.landing @ np.where(self.stuck, self.stuck_at, 0.0))

    def sent(self, waves: Floats) -> Floats:
        """What ports send (..., P) of the waves that they make."""
        return np.where(self.stuck, self.stuck_at, waves) if self.stuck.any() else waves

    def arriving(self, sent: Floats) -> Floats:
        """What is taken in (..., P) of waves that have been sent for long."""
        return sent[..., self.partner] if self.ideal else np.asarray((self.landing @ sent.T).T + self.offset)

    @property
    def metered(self) -> bool:
        """Whether the wave that a port makes tells what will be taken in at the other end."""
        return not self.stuck.any() and not self.spill

    def coming(self, waves: Floats) -> Floats:
        """What a wave (P,) that leaves each port is once it is taken in at the other end."""
        return self.gain[self.partner] * waves + self.offset[self.partner]


def carriage_of(layout: BilateralLayout) -> Carriage:
    """What the lines and ports of a substrate do."""
    lines, rest = layout.lines, layout.ports - 2 * layout.lines.count
    passes, count = lines.passes, lines.count
    gain = np.concatenate([passes.gain_backward, passes.gain_forward, np.ones(rest)])
    offset = np.concatenate([passes.offset_backward, passes.offset_forward, np.zeros(rest)])
    mishaps, none = lines.mishaps, np.zeros(rest)
    stuck = np.concatenate([mishaps.stuck_near, mishaps.stuck_far, none > 0])
    level = np.concatenate([mishaps.near_at, mishaps.far_at, none])
    left, right = np.arange(layout.ports), np.arange(layout.ports)
    if mishaps.spill:
        for start in (0, count):
            for side, step in ((left, -1), (right, 1)):
                at = np.flatnonzero(lines.beside if step < 0 else np.append(lines.beside[1:], False))
                side[start + at] += step
    return Carriage(
        gain, offset, layout.partner, stuck, level, mishaps.spill, left, right, not mishaps.broken.any(),
    )  # fmt: skip
