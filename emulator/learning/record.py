"""What is known of the parameters of one layer after an update, for the analysis of their terminations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PortRecord:
    """An update of the P parameters of one layer: its weights, as they stand in the crossbar, then its biases.

    Parameters
    ----------
    flow : (P,)
        Change of every parameter over the time step.
    before, after : mapping of (P,)
        The port's state by name, before and after; what belongs to neurons is repeated for each of their parameters.
    h : float
        Time step of the update, in holds.
    factor : float
        The schedule's factor on the rate.
    hessian : (P, P), optional
        The curvature that a port with the layer's Hessian has averaged.
    """

    flow: Floats
    before: Mapping[str, Floats]
    after: Mapping[str, Floats]
    h: float
    factor: float
    hessian: Floats | None = None
