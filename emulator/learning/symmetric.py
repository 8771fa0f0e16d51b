"""A parameter port whose weight 0 is where pulses up and down undo each other: a symmetric pair, by zero shifting.

A device whose steps shrink along its range is driven by random pulses in turn to its *symmetry point*, where a pulse up and
one down are alike, and not to weight 0: with noisy gradients weights end up at the symmetry point. Zero shifting makes the
two the same: before training every device gets pulses up and down in turn until it is there, that conductance is copied to
a reference beside it, which is written no more, and the weight is the difference (H. Kim, M. Rasch, T. Gokmen et al., Zero-
shifting technique for deep neural network training on resistive cross-point arrays, arXiv:1907.10228, 2019). What drags a
weight then drags it to 0, as weight decay does.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.learning.coincidence import Coincidence
from emulator.learning.ports import require_number


@dataclass(frozen=True)
class SymmetricPair(Coincidence):
    """Devices beside references at their symmetry points, pulsed where random trains coincide.

    Takes what `emulator.learning.Coincidence` takes, and single devices (``differential = false``). A weight of `w_max` is half
    the range away from the symmetry point; a device whose point is off the middle reaches less on one side, more on the other.
    Programming error, read noise and stuck devices are those of the conductance without the shift.

    Parameters
    ----------
    zero_error : float
        Standard deviation of a reference from its device's symmetry point, as a share of the range.
    """

    zero_error: float = 0.0
    name: str = "symmetric-pair"
    rule = "devices beside references at their symmetry points (zero shifting), pulsed where random trains coincide"
    zeroed = True

    def __post_init__(self) -> None:
        require_number(self, "zero_error", low=0.0, below=0.5)
        super().__post_init__()
