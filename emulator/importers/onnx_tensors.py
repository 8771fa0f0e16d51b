"""The tensors of an ONNX model as far as they are known: constants, views of layers, and functions of these."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from scipy import sparse

from emulator.errors import FileFormatError
from emulator.importers.onnx_nodes import label
from emulator.importers.scalars import Affine, Elementwise, Known, Pieces, recognised
from emulator.importers.signals import Draft, Kernel, Signal


class Tensors:
    """What operators read, and where they put what they make.

    Parameters
    ----------
    constants : dict of str to array
    uses : Counter
        How many operators, and ends of the model, read each tensor.
    """

    def __init__(self, constants: dict[str, np.ndarray], uses: Counter[str]) -> None:
        self.draft, self.constants, self.uses = Draft(), constants, uses
        self.signals: dict[str, Signal] = {}
        self.functions: dict[str, Elementwise] = {}
        self.notes: list[tuple[str, str]] = []

    def signal(self, name: str, place: str) -> Signal:
        """The tensor of this name as a view of a layer."""
        if name not in self.signals:
            function = self.functions[name]
            self.signals[name] = self._resolved(function, name, place)
        return self.signals[name]

    def _resolved(self, function: Elementwise, name: str, place: str) -> Signal:
        start, found = self._formula(function)
        if found is None:
            raise FileFormatError(
                f"{place}: the elementwise function that ends in {name!r} is none that is known; allowed: Relu, "
                "LeakyRelu, PRelu, Tanh, Sigmoid, Softplus, Gelu, Silu, Elu, Selu, Celu, Clip, scaling and shifting, or one of "
                "emulator.register_activation"
            )
        root = self.signal(start, place)
        if isinstance(found, Affine):
            return self.scalable(start, root).scaled(found.factor, found.shift)
        called = label(name)
        if isinstance(found, Pieces):
            return self._pieced(start, root, found, called)
        self.notes.append((f"tensor {name!r}", f"neurons: {found.function}"))
        made = self.draft.activation(self.scalable(start, root), found.function, called, found.slope)
        return made.scaled(found.factor, found.shift) if (found.factor, found.shift) != (1.0, 0.0) else made

    def _formula(self, function: Elementwise) -> tuple[str, Affine | Known | Pieces | None]:
        """What a tensor is a known function of: a formula as a whole before its last step."""
        nearest, near = function.views[0]
        for start, value in reversed(function.views[1:]):
            whole = recognised(value)
            if isinstance(whole, Known):
                return start, whole
        return nearest, function.known or recognised(near)

    def _pieced(self, start: str, root: Signal, pieces: Pieces, label: str) -> Signal:
        at, factor, weight = (np.array(one) for one in (pieces.at, pieces.factor, pieces.weight))
        if len(at) == 1:
            bent = self.scalable(start, root).scaled(factor[0], -factor[0] * at[0])
            return self.draft.activation(bent, pieces.functions[0], label).scaled(weight[0], pieces.offset)
        made, order = [], []
        for function in dict.fromkeys(pieces.functions):
            which = [k for k, name in enumerate(pieces.functions) if name == function]
            tall = self.draft.beside([root] * len(which), np.arange(root.size * len(which)).reshape(len(which), -1))
            bent = tall.scaled(factor[which, None], -(factor * at)[which, None])
            made.append(self.draft.activation(bent, function, label))
            order += which
        whole = made[0] if len(made) == 1 else self.draft.beside(made, np.arange(root.size * len(at)))
        weights = sparse.hstack([sparse.identity(root.size) * weight[k] for k in order]).tocsr()
        return self.draft.crossbar(whole, weights, np.full(root.size, pieces.offset), root.shape, label, False)

    def scalable(self, name: str, found: Signal) -> Signal:
        """A tensor that may be scaled: one with other readers becomes a layer first."""
        if found.crossbar and self.uses[name] > 1:
            found = self.draft.settled(found)
            self.signals[name] = found
        return found

    def weight(self, node: Any, which: int, place: str) -> np.ndarray:
        """A constant input as float64."""
        name = node.input[which]
        if name not in self.constants:
            raise FileFormatError(
                f"{place} multiplies two states, and a product of two waves is no passive linear element; allowed: weights "
                "that are constants of the file"
            )
        return self.constants[name].astype(float)

    def bias(self, node: Any, which: int, size: int, place: str) -> np.ndarray:
        """A constant input as float64, or zeros where it is left out."""
        if len(node.input) <= which or not node.input[which]:
            return np.zeros(size)
        return self.weight(node, which, place)

    def crossbar(
        self,
        node: Any,
        matrix: Any,
        bias: np.ndarray,
        shape: tuple[int, ...],
        trainable: bool = True,
        kernel: Kernel = None,
    ) -> None:
        """A crossbar after the first input."""
        source = self.signal(node.input[0], node.op_type)
        made = self.draft.crossbar(
            source, sparse.csr_matrix(matrix), bias, shape, label(node.output[0]), trainable, kernel
        )
        self.signals[node.output[0]] = made
        kind = "crossbar" if trainable else "fixed crossbar"
        rows, columns = matrix.shape
        self.notes.append(
            (f"operator {node.op_type}", f"{kind} of {columns} rows and {rows} columns, {made.matrix.nnz} devices")
        )
