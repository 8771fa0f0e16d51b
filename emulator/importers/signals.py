"""What an importer knows of a tensor: which linear view of which layer it is, before it becomes elements.

A tensor is ``matrix @ layer + offset``. Wiring (reshaping, transposing, slicing) permutes the rows, a scaler or a
normalisation multiplies them; neither costs a device as long as it can be folded into a crossbar that comes before or
after. A crossbar is made when something that is not linear, or another crossbar, needs the tensor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from emulator.importers.onnx_check import NEURON, bounded
from emulator.network.arrays import FloatArray
from emulator.network.layers import Activation, Add, Concat, Input, Layer
from emulator.network.windows import crossbar

#: which number of a kernel each weight and each offset is, if any
Kernel = tuple[sparse.csr_matrix, np.ndarray] | None


@dataclass(frozen=True)
class Signal:
    """``matrix @ layer + offset`` in the shape of one sample.

    Parameters
    ----------
    layer : str
    shape : tuple of int
        Without the axis of the batch.
    matrix : (n, n_layer) sparse
        Stored zeros are devices whose weight is 0.
    offset : (n,) float64
    crossbar : bool
        Whether the matrix holds weights of the model, which no other weights can be multiplied into.
    name : str
        What the crossbar would be called.
    trainable : bool
        Whether the weights are the model's own and may learn; what only routes or averages is fixed.
    kernel : (matrix, (n,) int) or None
        Which number of a kernel each weight and each offset is; see `emulator.network.windows.crossbar`.
    """

    layer: str
    shape: tuple[int, ...]
    matrix: sparse.csr_matrix
    offset: FloatArray
    crossbar: bool = False
    name: str = "wiring"
    trainable: bool = False
    kernel: Kernel = None

    @property
    def size(self) -> int:
        """Elements of the tensor."""
        return len(self.offset)

    @property
    def plain(self) -> bool:
        """Whether it is the layer itself."""
        n, width = self.matrix.shape
        same = n == width and self.matrix.nnz == n and not self.offset.any()
        return bool(same and (self.matrix.indices == np.arange(n)).all() and (self.matrix.data == 1).all())

    def scaled(self, factor: FloatArray | float, shift: FloatArray | float = 0.0) -> Signal:
        """``factor * tensor + shift``, both in a shape that broadcasts to that of the tensor."""
        rows = np.broadcast_to(np.asarray(factor, float), self.shape).ravel()
        matrix = self.matrix.copy()
        matrix.data = matrix.data * np.repeat(rows, np.diff(matrix.indptr))
        offset = self.offset * rows + np.broadcast_to(np.asarray(shift, float), self.shape).ravel()
        return replace(self, matrix=matrix, offset=offset)

    def rewired(self, index: np.ndarray) -> Signal:
        """The elements numbered by `index`, in its shape; -1 stands for a zero."""
        bounded(f"a view of layer {self.layer!r}", index.size, each=NEURON)
        flat = index.ravel()
        kernel = self.kernel and (_chosen(self.kernel[0], flat), np.where(flat < 0, 0, self.kernel[1][flat]))
        offset = np.where(flat < 0, 0.0, self.offset[flat])
        return replace(self, matrix=_chosen(self.matrix, flat), offset=offset, shape=index.shape, kernel=kernel)

    def numbered(self) -> np.ndarray:
        """The number of each element, in the tensor's shape."""
        return np.arange(self.size).reshape(self.shape)


class Draft:
    """Layers of the network to be, in order."""

    def __init__(self) -> None:
        self.layers: dict[str, Layer] = {}
        self.sizes: dict[str, int] = {}

    def input(self, name: str, shape: tuple[int, ...]) -> Signal:
        """An input of the model."""
        size = int(np.prod(shape))
        return self._whole(self._append(Input(self._name(name), size), size), shape)

    def crossbar(
        self,
        given: Signal,
        matrix: sparse.csr_matrix,
        bias: FloatArray,
        shape: tuple[int, ...],
        name: str,
        trainable: bool = True,
        kernel: Kernel = None,
    ) -> Signal:
        """``matrix @ tensor + bias``: folded into the tensor's own matrix where that is but wiring and scales."""
        if given.crossbar:
            given = self.settled(given)
        matrix = matrix.tocsr()
        product, wired = _product(matrix, given.matrix), given.matrix.copy()
        wired.data = np.ones_like(wired.data)
        held = kernel and (_product(kernel[0], wired), kernel[1])
        return Signal(given.layer, shape, product, matrix @ given.offset + bias, True, name, trainable, held)

    def settled(self, given: Signal) -> Signal:
        """The same tensor as a whole layer."""
        if given.plain:
            return given
        name = self._name(given.name)
        bounded(f"layer {name!r}", *given.matrix.shape, each=9)
        kernel = given.kernel if _one_kernel(given) else None
        self._append(crossbar(name, given.layer, given.matrix, given.offset, given.trainable, kernel), given.size)
        return self._whole(name, given.shape)

    def activation(self, given: Signal, function: str, name: str, slope: float | None = None) -> Signal:
        """An elementwise function of the tensor; of a layer seen through mere wiring, it is taken before the wiring."""
        through = _selection(given)
        before = given if through is None else self._whole(given.layer, (self.sizes[given.layer],))
        source = self.settled(before)
        extra = {} if slope is None else {"slope": slope}
        made = self._append(Activation(self._name(name), source.layer, function, **extra), source.size)
        whole = self._whole(made, given.shape if through is None else before.shape)
        return whole if through is None else whole.rewired(through.reshape(given.shape))

    def beside(self, parts: list[Signal], index: np.ndarray) -> Signal:
        """Elements of several tensors, numbered through in their order, in the shape of `index`."""
        parts = [self.settled(part) if part.crossbar else part for part in parts]
        names = list(dict.fromkeys(part.layer for part in parts))
        source = names[0]
        if len(names) > 1:
            source = self._append(Concat(self._name("concat"), tuple(names)), sum(self.sizes[name] for name in names))
        starts = dict(zip(names, np.cumsum([0, *(self.sizes[name] for name in names)])[:-1], strict=True))
        width = self.sizes[source]
        blocks = []
        for part in parts:
            coo = part.matrix.tocoo()
            blocks.append(sparse.csr_matrix((coo.data, (coo.row, coo.col + starts[part.layer])), (part.size, width)))
        size = sum(part.size for part in parts)
        joined = Signal(source, (size,), sparse.vstack(blocks).tocsr(), np.concatenate([p.offset for p in parts]))
        return joined.rewired(index)

    def add(self, parts: list[Signal], name: str) -> Signal:
        """The sum of tensors of one shape."""
        shape = parts[0].shape
        sources = tuple(self.settled(part).layer for part in parts)
        return self._whole(self._append(Add(self._name(name), sources), parts[0].size), shape)

    def _whole(self, layer: str, shape: tuple[int, ...]) -> Signal:
        size = self.sizes[layer]
        return Signal(layer, shape, sparse.identity(size, format="csr"), np.zeros(size))

    def _append(self, layer: Layer, size: int) -> str:
        self.layers[layer.name], self.sizes[layer.name] = layer, size
        return layer.name

    def _name(self, wanted: str) -> str:
        name, count = wanted, 2
        while name in self.layers:
            name, count = f"{wanted}_{count}", count + 1
        return name


def _product(matrix: sparse.csr_matrix, view: sparse.csr_matrix) -> sparse.csr_matrix:
    """``matrix @ view`` that keeps the stored zeros of `matrix`: they are devices."""
    entries = np.diff(view.indptr)
    if (entries > 1).any():
        return (matrix @ view).tocsr()
    coo = matrix.tocoo()
    there = entries[coo.col] == 1
    row, at = coo.row[there], view.indptr[coo.col[there]]
    made = sparse.coo_matrix(
        (coo.data[there] * view.data[at], (row, view.indices[at])), (matrix.shape[0], view.shape[1])
    )
    return made.tocsr()


def _chosen(matrix: sparse.csr_matrix, rows: np.ndarray) -> sparse.csr_matrix:
    """Rows of a matrix; one numbered -1 is empty."""
    found = matrix[np.maximum(rows, 0)]
    if (rows < 0).any():
        kept = np.repeat(rows >= 0, np.diff(found.indptr))
        coo = found.tocoo()
        found = sparse.coo_matrix((coo.data[kept], (coo.row[kept], coo.col[kept])), found.shape).tocsr()
    return found


def _one_kernel(given: Signal) -> bool:
    """Whether a tensor is made by a kernel that is the same at every place still, whatever was folded into it."""
    if given.kernel is None:
        return False
    matrix, numbers = given.matrix.copy(), given.kernel[0].copy()
    matrix.sort_indices()
    numbers.sort_indices()
    if not (np.array_equal(matrix.indices, numbers.indices) and np.array_equal(matrix.indptr, numbers.indptr)):
        return False
    number = np.concatenate([numbers.data, given.kernel[1]]).astype(int)
    value = np.concatenate([matrix.data, given.offset])
    low, high = np.full((2, number.max(initial=0) + 1), np.nan)
    np.fmin.at(low, number, value)
    np.fmax.at(high, number, value)
    return bool((low[1:] == high[1:])[~np.isnan(low[1:])].all())


def _selection(given: Signal) -> np.ndarray | None:
    """Which elements of its layer a tensor is, if it is nothing else; None where it is the layer, or more."""
    if given.crossbar or given.plain or given.offset.any():
        return None
    one_each = (np.diff(given.matrix.indptr) == 1).all() and (given.matrix.data == 1).all()
    return given.matrix.indices.copy() if one_each else None
