"""ONNX operators that weigh, scale, join and pad."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy import sparse

from emulator.errors import FileFormatError
from emulator.importers import onnx_scalars
from emulator.importers.onnx_check import DEVICE, NEURON, bounded
from emulator.importers.onnx_nodes import attributes
from emulator.importers.onnx_tensors import Tensors

#: how the states at the edge go on
_PADS: dict[bytes, Literal["edge", "reflect", "wrap"]] = {b"edge": "edge", b"reflect": "reflect", b"wrap": "wrap"}


def gemm(tensors: Tensors, node: Any, place: str) -> None:
    """``alpha x W + beta b``: a crossbar."""
    given = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0} | attributes(node)
    if given["transA"]:
        raise FileFormatError(f"{place}: transA is 1; allowed: 0")
    weight = tensors.weight(node, 1, place) * given["alpha"]
    weight = weight if given["transB"] else weight.T
    bias = np.broadcast_to(tensors.bias(node, 2, 1, place) * given["beta"], (1, len(weight))).ravel()
    tensors.crossbar(node, dense_matrix(weight), bias, (1, len(weight)))


def matmul(tensors: Tensors, node: Any, place: str) -> None:
    """``x W``: a crossbar, one for every place of the state."""
    first, second = (name in tensors.constants for name in node.input)
    if first == second:
        tensors.weight(node, 1, place)
    if first:
        raise FileFormatError(f"{place}: the weights come first; allowed: the state first, then the weights")
    source, weight = tensors.signal(node.input[0], place), tensors.weight(node, 1, place)
    if weight.ndim != 2:
        raise FileFormatError(f"{place}: weights have {weight.ndim} axes; allowed: 2")
    if source.shape[-1] != len(weight):
        raise FileFormatError(
            f"{place}: {source.shape} does not fit weights {weight.shape}; allowed: equal inner sizes"
        )
    copies = source.size // source.shape[-1]
    bounded(place, copies, *weight.shape, each=DEVICE)
    matrix, kernel = dense_matrix(weight.T), None
    if copies > 1:
        matrix = sparse.block_diag([matrix] * copies)
        numbers = dense_matrix(np.arange(1.0, weight.size + 1).reshape(weight.T.shape))
        biases = np.tile(np.arange(weight.shape[1]) + weight.size + 1, copies)
        kernel = sparse.block_diag([numbers] * copies).tocsr(), biases
    shape = (*source.shape[:-1], weight.shape[1])
    tensors.crossbar(node, matrix, np.zeros(copies * weight.shape[1]), shape, kernel=kernel)


def batch_norm(tensors: Tensors, node: Any, place: str) -> None:
    """A scale and a shift per channel."""
    given = {"epsilon": float(np.float32(1e-5)), "training_mode": 0} | attributes(node)
    if given["training_mode"]:
        raise FileFormatError(f"{place} is in training mode; allowed: a model exported with model.eval()")
    scale, shift, mean, variance = (tensors.weight(node, k, place) for k in range(1, 5))
    factor = scale / np.sqrt(variance + given["epsilon"])
    source = tensors.scalable(node.input[0], tensors.signal(node.input[0], place))
    spread = (-1, *[1] * (len(source.shape) - 2))
    tensors.signals[node.output[0]] = source.scaled(factor.reshape(spread), (shift - mean * factor).reshape(spread))
    tensors.notes.append((place, "folded into the neighbouring crossbar"))


def concat(tensors: Tensors, node: Any, place: str) -> None:
    """Wiring."""
    axis = attributes(node)["axis"]
    parts = []
    for name in node.input:
        if name in tensors.constants:
            raise FileFormatError(f"{place} adds constants to a state; allowed: states")
        parts.append(tensors.signal(name, place))
    starts = np.cumsum([0, *(part.size for part in parts)])
    index = np.concatenate([p.numbered() + start for p, start in zip(parts, starts, strict=False)], axis=axis)
    if axis % index.ndim == 0:
        raise FileFormatError(f"{place} joins batches; allowed: an axis of one sample")
    tensors.signals[node.output[0]] = tensors.draft.beside(parts, index)
    tensors.notes.append((place, "wiring"))


def pad(tensors: Tensors, node: Any, place: str) -> None:
    """Wiring, and places without any."""
    mode = attributes(node).get("mode", b"constant")
    source = tensors.signal(node.input[0], place)
    value = tensors.constants.get(node.input[2], np.zeros(1)) if len(node.input) > 2 and node.input[2] else np.zeros(1)
    if mode == b"constant" and np.any(value != 0):
        raise FileFormatError(f"{place} pads with {value}; allowed: zeros")
    pads = tensors.constants[node.input[1]].astype(int)
    axes = len(source.shape)
    if len(pads) != 2 * axes:
        raise FileFormatError(f"{place} names axes; allowed: pads of all axes")
    width = list(zip(pads[:axes], pads[axes:], strict=True))
    if any(p < 0 for pair in width for p in pair):
        raise FileFormatError(f"{place} has negative pads; allowed: from 0, Slice cuts")
    bounded(place, *(n + before + after for n, (before, after) in zip(source.shape, width, strict=True)), each=NEURON)
    numbers = source.numbered()
    if mode == b"constant":
        index = np.pad(numbers, width, constant_values=-1)
    elif mode in _PADS:
        index = np.pad(numbers, width, mode=_PADS[mode])
    else:
        raise FileFormatError(f"{place} pads by {mode!r}; allowed: constant, edge, reflect, wrap")
    source = tensors.draft.settled(source) if source.crossbar else source
    tensors.signals[node.output[0]] = source.rewired(index)
    tensors.notes.append((place, "wiring"))


def prelu(tensors: Tensors, node: Any, place: str) -> None:
    """One slope below 0."""
    slope = tensors.weight(node, 1, place)
    if slope.size != 1:
        raise FileFormatError(f"{place} has {slope.size} slopes; allowed: one")
    onnx_scalars.leaky(tensors, node, float(slope.ravel()[0]))


def clip(tensors: Tensors, node: Any, place: str) -> None:
    """Between two constant ends."""
    ends = []
    for which, far in ((1, -np.inf), (2, np.inf)):
        there = len(node.input) > which and node.input[which]
        ends.append(float(tensors.weight(node, which, place)) if there else far)
    onnx_scalars.clip(tensors, node, *ends, place=place)


def state_sum(tensors: Tensors, node: Any, place: str) -> None:
    """An adder."""
    onnx_scalars.add_states(tensors, node, list(node.input), [1.0] * len(node.input), place)


def dense_matrix(weight: np.ndarray) -> sparse.csr_matrix:
    """A full matrix whose zeros are devices too."""
    rows, columns = weight.shape
    return sparse.csr_matrix(
        (weight.ravel(), np.tile(np.arange(columns), rows), np.arange(0, weight.size + 1, columns)), weight.shape
    )
