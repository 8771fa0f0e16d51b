"""What becomes of the waves that ports send until they are held at taps, delays and low-passes aside: a linear map.

arrives at p = gain[p] sent by partner[p] + offset[p]        sent by p = u[p], where the port is alive
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
        Of what arrives; 1 and 0 at terminations.
    partner : (P,) int32
        Whose wave arrives.
    """

    gain: Floats
    offset: Floats
    partner: np.ndarray

    @cached_property
    def ideal(self) -> bool:
        """Whether all arrives as it was made."""
        return bool((self.gain == 1).all() and not self.offset.any())

    @cached_property
    def mix(self) -> sparse.csr_array:
        """From the waves that come to taps to what is taken in there, (P, P)."""
        return sparse.csr_array(sparse.diags_array(self.gain))

    @cached_property
    def through(self) -> sparse.csr_array:
        """From the waves that ports make to those that are taken in, (P, P)."""
        count = len(self.partner)
        swap = sparse.csr_array((np.ones(count), (np.arange(count), self.partner)), shape=(count, count))
        return sparse.csr_array(self.mix @ swap)

    def arriving(self, waves: Floats) -> Floats:
        """What is taken in (..., P) of waves that have been made for long."""
        return waves[..., self.partner] if self.ideal else np.asarray((self.through @ waves.T).T + self.offset)

    def coming(self, waves: Floats) -> Floats:
        """What a wave (P,) that leaves each port is once it is taken in at the other end."""
        return waves if self.ideal else self.gain[self.partner] * waves + self.offset[self.partner]


def carriage_of(layout: BilateralLayout) -> Carriage:
    """What the lines of a substrate do."""
    passes, rest = layout.lines.passes, layout.ports - 2 * layout.lines.count
    gain = np.concatenate([passes.gain_backward, passes.gain_forward, np.ones(rest)])
    offset = np.concatenate([passes.offset_backward, passes.offset_forward, np.zeros(rest)])
    return Carriage(gain, offset, layout.partner)
