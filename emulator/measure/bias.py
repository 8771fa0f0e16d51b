"""How far the rest of a law is from backpropagation, where it is not that: a property of the law, not of a run."""

from __future__ import annotations

from dataclasses import dataclass


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
