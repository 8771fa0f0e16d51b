"""ONNX operators with windows: convolutions, pools, means."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from emulator.errors import FileFormatError
from emulator.importers.onnx_check import DEVICE, MOST_KERNEL, NEURON, bounded
from emulator.importers.onnx_nodes import attributes, label
from emulator.importers.onnx_tensors import Tensors
from emulator.importers.signals import Signal
from emulator.network.windows import average, contenders, convolution, kernel_of, patches, tournament


def window(
    tensors: Tensors, node: Any, place: str, kernel: list[int] | None = None
) -> tuple[Signal, np.ndarray, dict[str, Any]]:
    """The source, the elements that each window covers, and the attributes."""
    source = tensors.signal(node.input[0], place)
    given: dict[str, Any] = attributes(node)
    sizes = source.shape[2:]
    kernel = list(kernel or given["kernel_shape"])
    axes = len(kernel)
    if axes != len(sizes) or axes not in (1, 2):
        raise FileFormatError(
            f"{place} has windows of {axes} axes on a tensor {source.shape}; allowed: 1 or 2, as it has"
        )
    given = {"strides": [1] * axes, "dilations": [1] * axes, "pads": [0] * 2 * axes, "ceil_mode": 0, **given}
    _require_window(place, given, kernel)
    given["pads"] = _pads(given, sizes, kernel)
    _require_window(place, given, kernel)
    pads, strides = given["pads"], given["strides"]
    padded = [n + before + after for n, before, after in zip(sizes, pads[:axes], pads[axes:], strict=True)]
    bounded(place, source.shape[1], *padded, each=NEURON)
    bounded(place, source.shape[1], *kernel, *(-(-n // s) for n, s in zip(padded, strides, strict=True)), each=DEVICE)
    index = source.numbered()[0]
    covered = patches(index, kernel, given["strides"], given["pads"], given["dilations"], bool(given["ceil_mode"]))
    if covered.size == 0:
        raise FileFormatError(f"{place}: its window is larger than its input {source.shape}; allowed: at most as large")
    return source, covered, given


def _require_window(place: str, given: dict[str, Any], kernel: list[int]) -> None:
    """Numbers of every axis, from 1 on, and pads from 0 on."""
    axes = len(kernel)
    for name, count, least in (
        ("kernel", axes, 1),
        ("strides", axes, 1),
        ("dilations", axes, 1),
        ("pads", 2 * axes, 0),
    ):
        values = kernel if name == "kernel" else given[name]
        if len(values) != count or min(values, default=least) < least:
            raise FileFormatError(f"{place} has {name} {list(values)}; allowed: {count} numbers from {least}")
    if math.prod(kernel) > MOST_KERNEL:
        raise FileFormatError(f"{place} has windows of {math.prod(kernel)} numbers; allowed: at most {MOST_KERNEL}")


def conv(tensors: Tensors, node: Any, place: str) -> None:
    """A sparse crossbar: only the devices that exist."""
    weight = tensors.weight(node, 1, place)
    source, covered, given = window(tensors, node, place, list(weight.shape[2:]))
    groups = given.get("group", 1)
    flat = weight.reshape(*weight.shape[:2], -1)
    matrix = convolution(covered, flat, groups, source.size)
    spots = covered.shape[2:]
    bias = np.repeat(np.broadcast_to(tensors.bias(node, 2, len(weight), place), len(weight)), int(np.prod(spots)))
    kernel = kernel_of(covered, flat.shape, groups, source.size)
    tensors.crossbar(node, matrix, bias, (1, len(weight), *spots), kernel=kernel)


def conv_transpose(tensors: Tensors, node: Any, place: str) -> None:
    """The crossbar of a convolution, turned round."""
    source, weight, given = tensors.signal(node.input[0], place), tensors.weight(node, 1, place), attributes(node)
    axes, groups = weight.ndim - 2, given.get("group", 1)
    given = {
        "strides": [1] * axes,
        "dilations": [1] * axes,
        "pads": [0] * 2 * axes,
        "output_padding": [0] * axes,
    } | given
    if given.get("auto_pad", b"NOTSET") != b"NOTSET" or "output_shape" in given:
        raise FileFormatError(f"{place}: auto_pad or output_shape is set; allowed: pads")
    kernel, channels = weight.shape[2:], weight.shape[1] * groups
    size = [s * (n - 1) + extra + d * (k - 1) + 1 - before - after for n, s, extra, d, k, before, after in zip(
        source.shape[2:], given["strides"], given["output_padding"], given["dilations"], kernel,
        given["pads"][:axes], given["pads"][axes:], strict=True)]  # fmt: skip
    _require_window(place, given, list(kernel))
    if min(size) < 1:
        raise FileFormatError(f"{place} makes a state of {size}; allowed: sizes from 1")
    bounded(place, channels, *kernel, *(n + before + after for n, before, after in zip(
        size, given["pads"][:axes], given["pads"][axes:], strict=True)), each=DEVICE)  # fmt: skip
    index = np.arange(channels * int(np.prod(size))).reshape(channels, *size)
    covered = patches(index, kernel, given["strides"], given["pads"], given["dilations"])
    spots = tuple(slice(0, n) for n in source.shape[2:])
    covered = covered[(slice(None), slice(None), *spots)]
    flat = weight.reshape(*weight.shape[:2], -1)
    forward = convolution(covered, flat, groups, index.size)
    numbers, _ = kernel_of(covered, flat.shape, groups, index.size)
    kernel = numbers.T.tocsr(), np.repeat(np.arange(channels) + flat.size + 1, int(np.prod(size)))
    bias = np.repeat(np.broadcast_to(tensors.bias(node, 2, channels, place), channels), int(np.prod(size)))
    tensors.crossbar(node, forward.T.tocsr(), bias, (1, channels, *size), kernel=kernel)


def average_pool(tensors: Tensors, node: Any, place: str) -> None:
    """A fixed sparse crossbar."""
    source, covered, given = window(tensors, node, place)
    matrix = average(covered, source.size, bool(given.get("count_include_pad", 0)))
    tensors.crossbar(node, matrix, np.zeros(matrix.shape[0]), (1, source.shape[1], *covered.shape[2:]), trainable=False)


def global_average(tensors: Tensors, node: Any, place: str) -> None:
    """A fixed crossbar, one column per channel."""
    source = tensors.signal(node.input[0], place)
    covered = source.numbered()[0].reshape(source.shape[1], -1, 1)
    matrix = average(covered, source.size, True)
    tensors.crossbar(
        node, matrix, np.zeros(matrix.shape[0]), (1, source.shape[1], *[1] * (len(source.shape) - 2)), False
    )


def reduce_mean(tensors: Tensors, node: Any, place: str) -> None:
    """A fixed crossbar."""
    source, given = tensors.signal(node.input[0], place), attributes(node)
    axes = (
        tensors.constants[node.input[1]].tolist()
        if len(node.input) > 1
        else given.get("axes", range(1, len(source.shape)))
    )
    axes = [int(a) % len(source.shape) for a in axes]
    if 0 in axes:
        raise FileFormatError(f"{place} averages over the batch; allowed: axes of one sample")
    moved = np.moveaxis(source.numbered(), axes, range(-len(axes), 0))
    kept = moved.shape[: len(source.shape) - len(axes)]
    covered = moved.reshape(int(np.prod(kept)), -1, 1)
    matrix = average(covered, source.size, True)
    shape = tuple(1 if a in axes else n for a, n in enumerate(source.shape)) if given.get("keepdims", 1) else kept
    tensors.crossbar(node, matrix, np.zeros(matrix.shape[0]), shape, trainable=False)


def max_pool(tensors: Tensors, node: Any, place: str) -> None:
    """The largest of every window."""
    if len(node.output) > 1 and node.output[1] and tensors.uses[node.output[1]]:
        raise FileFormatError(f"{place} gives the places of its maxima; allowed: the maxima alone")
    source, covered, _ = window(tensors, node, place)
    largest(tensors, node, place, source, covered, (1, source.shape[1], *covered.shape[2:]))


def global_max(tensors: Tensors, node: Any, place: str) -> None:
    """The largest of every channel."""
    source = tensors.signal(node.input[0], place)
    covered = source.numbered()[0].reshape(source.shape[1], -1, 1)
    largest(tensors, node, place, source, covered, (1, source.shape[1], *[1] * (len(source.shape) - 2)))


def largest(
    tensors: Tensors, node: Any, place: str, source: Signal, covered: np.ndarray, shape: tuple[int, ...]
) -> None:
    """The largest of every window by a tournament of ``a + relu(b - a)``; at a tie the first takes it."""
    name = label(node.output[0])
    current = tensors.draft.settled(source)
    draft, windows = tensors.draft, contenders(covered)
    order, rounds = windows[0], 0
    for lead, best in tournament(windows, current.size):
        n, total = lead.shape[0], best.shape[0]
        ahead = draft.crossbar(current, lead, np.zeros(n), (n,), f"{name}_lead", trainable=False)
        ahead = draft.activation(ahead, "relu", f"{name}_ahead")
        both = draft.beside([current, ahead], np.arange(current.size + n))
        current = draft.settled(draft.crossbar(both, best, np.zeros(total), (total,), f"{name}_best", trainable=False))
        order, rounds = np.arange(total), rounds + 1
    tensors.signals[node.output[0]] = current.rewired(order.reshape(shape))
    tensors.notes.append((place, f"winner-take-all of relu comparators, {rounds} rounds, ties to the first"))


def _pads(given: dict[str, Any], sizes: tuple[int, ...], kernel: list[int]) -> list[int]:
    auto = given.get("auto_pad", b"NOTSET")
    if auto in (b"NOTSET", b"VALID"):
        return list(given["pads"]) if auto == b"NOTSET" else [0] * 2 * len(kernel)
    before, after = [], []
    for n, k, s, d in zip(sizes, kernel, given["strides"], given["dilations"], strict=True):
        total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
        small, large = total // 2, total - total // 2
        before.append(small if auto == b"SAME_UPPER" else large)
        after.append(large if auto == b"SAME_UPPER" else small)
    return [*before, *after]
