"""Whether a substrate settles near a rest, and how fast: the spectral radius of its linearised engine step.

The deviation from rest is mapped by one linear operator a step (see `linearise`); it dies out iff the largest
magnitude of the eigenvalues, the spectral radius, is below 1. Where the state does not listen to the costate
the step is triangular in the order of the graph, and the radius is that of the nodes alone: long chains are
far from normal, and no numerical eigenvalue would be right. Otherwise small operators are solved densely,
larger ones by ARPACK, which sees several steps at a time: that sets apart the many eigenvalues of long lines
that lie close together. Where ARPACK does not converge, a dense solution or one random wave decides. No matrix
is made for that, so that a million synapses take seconds to minutes; beyond `MOST_NUMBERS` a smaller basis and a shorter wave have to do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.linear_step import MOST_NUMBERS, Floats, LinearStep, numbers
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint
from hwmodels.seeds import rng

#: up to this many rows, dense eigenvalues are fastest; up to the second number they are affordable
_DENSE, _AFFORDABLE = 120, 2000
#: what is asked of ARPACK: eigenvalues, vectors of its basis, restarts, and accuracy; and of a large step
_ACCURACY = 1e-9
_ASKED = {"k": 4, "ncv": 40, "maxiter": 40, "tol": _ACCURACY}
_ASKED_LARGE = {"k": 2, "ncv": 12, "maxiter": 6, "tol": 1e-6}
#: steps at a time that ARPACK sees, one after the other until it converges
_AT_A_TIME = (16, 64)
#: longest window, in steps, over which a wave is followed, and how well its growth in two windows must agree; and of a large step
_FOLLOWED, _FOLLOWED_LARGE = (1 << 14, 1e-4), (1 << 12, 5e-4)


@dataclass(frozen=True)
class Prediction:
    """What the linearised step says about settling near a rest.

    Parameters
    ----------
    radius : float
        Spectral radius: factor per step by which a deviation changes in the long run.
    tolerance : float
        The factor to fall by.
    method : str
        Where the radius comes from: ``triangular``, ``dense``, ``arpack``, or ``power`` (accurate to 1e-3).
    """

    radius: float
    tolerance: float
    method: str

    @property
    def settles(self) -> bool:
        """Whether small deviations die out; with a radius of 1 within its accuracy some ring for ever."""
        return self.radius < 1.0 - _ACCURACY

    @property
    def decay(self) -> float:
        """Nepers lost per step, ``-ln(radius)``; negative where deviations grow."""
        return math.inf if self.radius == 0.0 else -math.log(self.radius)

    @property
    def steps(self) -> float:
        """Steps in which a deviation falls by `tolerance` in the long run; inf if never, 0 if radius is 0."""
        return float(math.ceil(-math.log(self.tolerance) / self.decay)) if self.settles else math.inf

    @property
    def sentence(self) -> str:
        """The same in words."""
        if not self.settles:
            return f"the spectral radius {self.radius:.4g} is not below 1: deviations from rest do not die"
        if self.radius == 0.0:
            return "the spectral radius is 0: every deviation from rest is gone once its waves have landed"
        return (
            f"the spectral radius is {self.radius:.4g}: deviations from rest fall by a factor "
            f"{self.tolerance:g} in about {self.steps:.0f} steps in the long run"
        )


def linearised(graph: ScatteringGraph, point: Reference | OperatingPoint) -> LinearStep:
    """The linearised engine step of a graph, whatever its law."""
    step = family_of(graph.law).linearised(graph, point)
    step.numbers = numbers(graph)
    return step


def spectral_radius(graph: ScatteringGraph, point: Reference | OperatingPoint) -> float:
    """Factor per step by which small deviations from a rest change in the long run; see `predict`."""
    return radius_of(linearised(graph, point))[0]


def predict(graph: ScatteringGraph, point: Reference | OperatingPoint, tolerance: float = 1e-3) -> Prediction:
    """Predict whether, and how fast, a graph with its law and delays settles near a rest.

    Parameters
    ----------
    graph : ScatteringGraph
    point : Reference or OperatingPoint
        The rest: of a reference, the first sample.
    tolerance : float
        Factor by which deviations are to fall, above 0 and below 1.

    Raises
    ------
    EngineError
        If the tolerance is outside its range, the point does not suit the graph, the law cannot be
        linearised, or no radius was found.
    """
    if not 0 < tolerance < 1:
        raise EngineError(f"prediction: tolerance is {tolerance!r}; allowed: above 0 and below 1")
    radius, method = radius_of(linearised(graph, point))
    return Prediction(radius, tolerance, method)


def radius_of(step: LinearStep) -> tuple[float, str]:
    """Spectral radius of a linearised step, and the method that found it.

    Raises
    ------
    EngineError
        If no method did.
    """
    if step.triangular is not None:
        return step.triangular, "triangular"
    size = step.shape[0]
    if size <= _DENSE:
        return _dense(step), "dense"
    large = step.numbers > MOST_NUMBERS
    asked = _ASKED_LARGE if large else _ASKED
    for count in _AT_A_TIME[:1] if large else _AT_A_TIME:
        try:
            return _sought(step, count, asked), "arpack"
        except ArpackError:
            continue
    if size <= _AFFORDABLE:
        return _dense(step), "dense"
    return _followed(step, *(_FOLLOWED_LARGE if large else _FOLLOWED)), "power"


def _sought(step: LinearStep, count: int, asked: dict[str, float]) -> float:
    """By ARPACK, from the eigenvalues of `count` steps at a time."""

    def several(vector: Floats) -> Floats:
        for _ in range(count):
            vector = step.matvec(vector)
        return vector

    start = rng(0, "stability", "arpack start").normal(size=step.shape[0])
    power = LinearOperator(step.shape, matvec=several, dtype=step.dtype)
    found = eigs(power, return_eigenvectors=False, v0=start, **asked)
    return float(np.abs(found).max() ** (1 / count))


def _dense(step: LinearStep) -> float:
    matrix = step @ np.eye(step.shape[0])
    return float(np.abs(linalg.eigvals(matrix)).max())


def _followed(step: LinearStep, longest: int, agree: float) -> float:
    """Growth per step of a random wave, once two windows, each twice as long as the last, agree on it."""
    wave = rng(0, "stability", "wave").normal(size=step.shape[0])
    before, rate, window = math.nan, math.nan, 64
    while window <= longest:
        grown = 0.0
        for _ in range(window):
            wave = step @ wave
            size = float(np.linalg.norm(wave))
            if size == 0.0:
                return 0.0
            wave /= size
            grown += math.log(size)
        before, rate, window = rate, grown / window, 2 * window
        if abs(rate - before) <= agree:
            return math.exp(rate)
    raise EngineError(
        f"spectral radius of a step with {step.shape[0]} amplitudes: ARPACK does not converge, and "
        f"the growth of a wave still changes after {window // 2} steps ({math.exp(before):.6g}, then "
        f"{math.exp(rate):.6g} a step); allowed: at most {_AFFORDABLE} amplitudes, which are solved densely"
    )
