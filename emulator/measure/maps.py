"""A passage as it is worked with: row of neurons by row of neurons, and in squares."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from emulator.engine.kept import MOST_KEPT, Kept
from emulator.graph import ScatteringGraph
from emulator.measure.passage import Passage
from emulator.measure.synapses import Floats


@dataclass(frozen=True)
class RowMap:
    """What one row of n neurons gets of all N.

    Parameters
    ----------
    matrix : sparse (n, k)
    of : slice
        The k neurons among which those are that it gets something of.
    """

    matrix: sparse.csr_array
    of: slice

    @classmethod
    def cut(cls, matrix: sparse.csr_array, begin: int, end: int) -> RowMap:
        """Those of one row of a map (N, N)."""
        row = matrix[begin:end]
        of = slice(int(row.indices.min(initial=row.shape[1])), int(row.indices.max(initial=-1)) + 1)
        return cls(row[:, of], of) if row.nnz else cls(row[:, :0], slice(0, 0))

    def __call__(self, values: Floats) -> Floats:
        """Applied to each row of values (B, N)."""
        return times(self.matrix, values[:, self.of])


Matrices = tuple[RowMap, ...]
#: of every graph, of the last of its passages
_made: Kept[Maps] = Kept()


@dataclass(frozen=True)
class Maps:
    """A passage as it is used: cut into rows of neurons, in order, forward and backward, as it is and in squares.

    Parameters
    ----------
    passage : Passage
    cuts : tuple of int
        Where the R rows begin, and the last one ends.
    """

    passage: Passage
    cuts: tuple[int, ...]
    squares: dict[type, tuple[Matrices, Matrices]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: ScatteringGraph, passage: Passage) -> Maps:
        """Cut a passage of a graph; the same as the last time, if that was of the same passage."""
        found = _made.get(graph)
        if found is None or found.passage is not passage:
            found = cls(passage, (0, *(site.stop for site in graph.sites)))
            if passage.forward.nnz <= MOST_KEPT:
                _made.put(graph, found)
        return found

    @cached_property
    def forward(self) -> Matrices:
        """Maps (n, N) to every row."""
        return self._rows(self.passage.forward)

    @cached_property
    def backward(self) -> Matrices:
        """The same of costates."""
        return self._rows(self.passage.backward)

    @cached_property
    def forward_size(self) -> sparse.csr_array:
        """Magnitudes (N, N)."""
        return abs(self.passage.forward)

    @cached_property
    def backward_size(self) -> sparse.csr_array:
        """Magnitudes (N, N), of costates."""
        return abs(self.passage.backward)

    def squared(self, kind: type) -> tuple[Matrices, Matrices]:
        """Squares of both, row by row, in numbers of this kind."""
        if kind not in self.squares:
            wide = (one.astype(kind).power(2) for one in (self.forward_size, self.backward_size))
            there, back = (self._rows(one) for one in wide)
            self.squares[kind] = there, back
        return self.squares[kind]

    @cached_property
    def norms(self) -> dict[str, Floats]:
        """By how much the largest value of a row can grow on its way to another, (R, R) each: from, to.

        ``forward`` and ``backward``, and what is so of variances, ``forward_squared`` and ``backward_squared``.
        """
        found, sizes = {}, np.diff(self.cuts)
        row = np.repeat(np.arange(len(sizes)), sizes)
        members = sparse.csr_array((np.ones(len(row)), (np.arange(len(row)), row)), shape=(len(row), len(sizes)))
        for name, size in (("forward", self.forward_size), ("backward", self.backward_size)):
            for called, matrix in ((name, size), (f"{name}_squared", size.power(2))):
                sums = (matrix @ members).toarray()
                found[called] = np.maximum.reduceat(sums, self.cuts[:-1], axis=0).T
        return found

    def _rows(self, matrix: sparse.csr_array) -> Matrices:
        return tuple(RowMap.cut(matrix, begin, end) for begin, end in zip(self.cuts, self.cuts[1:], strict=False))


def times(matrix: sparse.csr_array, values: Floats) -> Floats:
    """A map of neurons, applied to each row of values (B, N)."""
    return np.asarray((matrix @ values.T).T)
