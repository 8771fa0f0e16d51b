"""What every linearised engine step offers, whatever the law."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from emulator.graph import ScatteringGraph

Floats = NDArray[np.float64]
#: a step with more numbers than this is large: its eigenvalues are sought with a smaller basis, and no remedies are tried
MOST_NUMBERS = 2_000_000


class LinearStep(LinearOperator):
    """One engine step for small deviations from a rest: a linear map of vectors of M amplitudes.

    Attributes
    ----------
    rest : (M,)
        The vector of the undisturbed rest; a blank substrate deviates from it by ``-rest``.
    resting : (N,), (N,)
        State and costate of every neuron at rest.
    triangular : float or None
        Where no state listens to a costate, the step is triangular in the order of the graph: its spectral
        radius, that of the nodes alone.
    numbers : int
        About how many it holds; 0 where nobody said.
    lead : int
        1 if the first application gives what the substrate shows in the step in which a sample begins, 0 if that
        of the step after.
    """

    rest: Floats
    resting: tuple[Floats, Floats]
    triangular: float | None = None
    numbers: int = 0
    lead: int = 1

    @abstractmethod
    def newest(self, vector: Floats) -> tuple[Floats, Floats]:
        """State and costate (N,) in a vector (M,)."""

    def swept(self, deviation: Floats) -> Iterator[tuple[Floats, tuple[Floats, Floats]]]:
        """What becomes of a deviation (M,) while it is as large as what rests: after each step, and what it shows as `newest`.

        That is the first round trip, in which a law that bends may answer otherwise than near its rest. None by default.
        """
        return iter(())


def numbers(graph: ScatteringGraph) -> int:
    """About how many numbers a linearised step holds: each synapse in both directions, and the amplitudes."""
    sizes = [len(c.rows) if c.layer is None else len(c.rows) * len(c.columns) for c in graph.couplings]
    return 2 * sum(sizes) + (2 * graph.longest_delay + 1) * graph.neurons
