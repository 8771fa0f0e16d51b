"""A passage as it is worked with: row of neurons by row of neurons, and in squares."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from emulator.graph import ScatteringGraph
from emulator.measure.passage import Passage
from emulator.measure.synapses import Floats


@dataclass(frozen=True)
class Maps:
    """A passage as it is used: cut into rows of neurons, in order, forward and backward, as it is and in squares.

    Parameters
    ----------
    passage : Passage
    forward, backward : tuple of sparse (n, N)
        Of every row of neurons.
    forward_size, backward_size : sparse (N, N)
        Magnitudes.
    """

    passage: Passage
    forward: tuple[sparse.csr_array, ...]
    backward: tuple[sparse.csr_array, ...]
    forward_size: sparse.csr_array
    backward_size: sparse.csr_array
    squares: dict[type, tuple[tuple[sparse.csr_array, ...], tuple[sparse.csr_array, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: ScatteringGraph, passage: Passage) -> Maps:
        """Cut a passage."""
        forward, backward = passage.forward, passage.backward
        return cls(passage, _rows(graph, forward), _rows(graph, backward), abs(forward), abs(backward))

    def squared(self, graph: ScatteringGraph, kind: type) -> tuple[tuple[sparse.csr_array, ...], ...]:
        """Squares of both, row by row, in numbers of this kind."""
        if kind not in self.squares:
            wide = (one.astype(kind).power(2) for one in (self.forward_size, self.backward_size))
            there, back = (_rows(graph, one) for one in wide)
            self.squares[kind] = there, back
        return self.squares[kind]


def _rows(graph: ScatteringGraph, matrix: sparse.csr_array) -> tuple[sparse.csr_array, ...]:
    return tuple(matrix[site.start : site.stop] for site in graph.sites)


def times(matrix: sparse.csr_array, values: Floats) -> Floats:
    """A map of neurons, applied to each row of values (B, N)."""
    return np.asarray((matrix @ values.T).T)
