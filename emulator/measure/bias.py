"""How far the rest of a law is from backpropagation, where it is not that: a property of the law, not of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emulator.measure.agreement import Floats, cosine, relative_error


@dataclass(frozen=True)
class Bias:
    """A computed rest against exact backpropagation, over a batch.

    Parameters
    ----------
    gradient, cosine : float
        Norm of the error of the averaged gradient over its norm, and the cosine between the two.
    state, costate : float
        Largest difference, over all neurons, of states and pre-activations, and of the costates of both.
    found : float
        Share of the samples whose rest was found; the others are left out.
    """

    gradient: float
    cosine: float
    state: float
    costate: float
    found: float

    @classmethod
    def of(cls, ours: Sequence[Floats], exact: Sequence[Floats], state: float, costate: float, found: float) -> Bias:
        """Of averaged gradients, in parts; NaN where there is nothing to compare with."""
        us, them = np.concatenate(ours), np.concatenate(exact)
        error, angle = relative_error(us, them), cosine(us, them)
        return cls(math.nan if error is None else error, math.nan if angle is None else angle, state, costate, found)
