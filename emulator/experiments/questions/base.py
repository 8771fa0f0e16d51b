"""What a question is, what answers it, and what several of them measure with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emulator.compile import compile_network
from emulator.errors import EngineError
from emulator.experiments.claims.base import Panel
from emulator.experiments.findings import Row, Table
from emulator.laws import WavePMP
from emulator.measure import Reference
from emulator.measure.stability import spectral_radius
from emulator.network import Network
from emulator.scenario.experiments import QuestionsConfig
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.work import Task, Work
from hwmodels import rng

Floats = NDArray[np.float64]
#: steps along the sources that are tried, and how close the largest stable one is sought
_ALPHAS, _CLOSE = np.linspace(0.1, 2.0, 14), 0.01


@dataclass(frozen=True)
class Answer:
    """What was found.

    Parameters
    ----------
    sentence : str
        The answer, with its figures.
    table : Table
    panel : Panel or None
        Its picture.
    """

    sentence: str
    table: Table
    panel: Panel | None = None


@dataclass(frozen=True)
class Question:
    """A question, the points that answer it, and how.

    Parameters
    ----------
    title : str
    setup : str
        What is simulated.
    asks : callable
        The points of a scenario; their names begin with that of the question and a stroke.
    measure : callable
        What is seen at a point, by metric: numbers, None where one is not known.
    metrics : tuple of str
    answer : callable
        What follows from the points, in their order.
    """

    title: str
    setup: str
    asks: Callable[[Scenario, QuestionsConfig], Sequence[Ask]]
    measure: Callable[[Work, Scenario, Task], dict[str, float | None]]
    metrics: tuple[str, ...]
    answer: Callable[[QuestionsConfig, Sequence[Row]], Answer]


def random_network(name: str, sizes: Sequence[int], activation: str, *, biased: bool = True) -> Network:
    """Weights N(0, 1/fan-in), and biases N(0, 0.01) if asked for; the same for the same name."""
    draws = rng(0, "questions", name)
    weights = [draws.normal(0.0, a**-0.5, (b, a)) for a, b in pairwise(sizes)]
    biases = [draws.normal(0.0, 0.1, b) for b in sizes[1:]] if biased else None
    return Network.mlp(weights, biases, activation)


def random_sample(name: str, network: Network) -> tuple[Floats, Floats]:
    """One input and one target."""
    draws = rng(0, "questions", name, "sample")
    return draws.normal(size=(1, network.size("x0"))), draws.normal(size=(1, network.size(network.output)))


def stable_alphas(network: Network, exact: Reference, nu: float, transport: str) -> tuple[float, float | None]:
    """Steps along the sources at which Wave-PMP is predicted to be stable at its rest.

    Returns
    -------
    largest : float
        0 if none is.
    island : float or None
        The first of those below it that is not stable.
    """

    def stable(alpha: float) -> bool:
        try:
            graph = compile_network(network, law=WavePMP(nu, float(alpha), transport=transport))
            return spectral_radius(graph, exact) < 1
        except EngineError:
            return False

    found = [stable(alpha) for alpha in _ALPHAS]
    if not any(found):
        return 0.0, float(_ALPHAS[0])
    last = int(np.flatnonzero(found)[-1])
    low = float(_ALPHAS[last])
    if last + 1 < len(_ALPHAS):
        high = float(_ALPHAS[last + 1])
        while high - low > _CLOSE:
            middle = (low + high) / 2
            low, high = (middle, high) if stable(middle) else (low, middle)
    island = next((float(alpha) for alpha, ok in zip(_ALPHAS[:last], found, strict=False) if not ok), None)
    return low, island


def told(value: float, digits: int = 3) -> str:
    """A figure as a text, a dash where there is none."""
    return f"{value:.{digits}g}" if value == value else "-"
