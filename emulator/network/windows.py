"""Convolutions and pools as crossbars: which element of the input meets which weight, and where there are devices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from emulator.errors import NetworkError
from emulator.network.arrays import FloatArray
from emulator.network.layers import Dense


def crossbar(
    name: str,
    source: str,
    matrix: sparse.spmatrix,
    bias: FloatArray,
    trainable: bool,
    kernel: tuple[sparse.spmatrix, np.ndarray] | None = None,
    sharing: str = "free",
) -> Dense:
    """A dense layer with a device for every stored entry of a sparse matrix (n_out, n_in), stored zeros included.

    `kernel` has a matrix with the same entries, and a number for every bias: 1 + the number of the kernel's that each is, and 0
    for one that is none.
    """
    stored = matrix.tocoo()
    devices = np.zeros(stored.shape, bool)
    devices[stored.row, stored.col] = True
    numbers = None
    if kernel is not None:
        ordered = kernel[0].tocsr()
        ordered.sort_indices()
        held = np.concatenate([ordered.data, kernel[1]]).astype(np.int64)
        numbers = np.where(held > 0, np.searchsorted(np.unique(held[held > 0]), held), -1)
    return Dense(name, source, stored.toarray(), bias, devices, trainable, numbers, sharing)


def kernel_of(
    covered: np.ndarray, shape: tuple[int, ...], groups: int, width: int
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Which number of its kernel each device and each bias of a convolution is, from 1 on, as `crossbar` takes it.

    Parameters
    ----------
    covered : (channels, places of the kernel, *output)
    shape : (out_channels, channels / groups, places of the kernel)
    groups, width : int
    """
    count, spots = math.prod(shape), math.prod(covered.shape[2:])
    numbers = convolution(covered, np.arange(1, count + 1, dtype=np.float64).reshape(shape), groups, width)
    return numbers, np.repeat(np.arange(count + 1, count + 1 + shape[0]), spots)


def covered_by(
    place: str,
    shape: Sequence[int],
    kernel: int | Sequence[int],
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
) -> np.ndarray:
    """`patches` of a state in the shape (channels, *sizes), of 1 or 2 axes; one number stands for all axes.

    Raises
    ------
    NetworkError
        If a number is none, or the kernel is larger than the padded state.
    """
    whole = [isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in shape]
    if len(shape) not in (2, 3) or not all(whole):
        raise NetworkError(f"{place}: shape is {tuple(shape)}; allowed: (channels, size) or (channels, height, width)")
    axes = len(shape) - 1
    size, step, far = (
        _per_axis(place, what, value, axes, 1)
        for what, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation))
    )
    beside = _per_axis(place, "padding", padding, axes, 0)
    reach = [d * (k - 1) + 1 for k, d in zip(size, far, strict=True)]
    room = [n + 2 * p for n, p in zip(shape[1:], beside, strict=True)]
    if any(r > n for r, n in zip(reach, room, strict=True)):
        raise NetworkError(f"{place}: its kernel spans {tuple(reach)} of a padded state of {tuple(room)}; "
                           "allowed: at most as much")  # fmt: skip
    index = np.arange(int(np.prod(shape))).reshape(tuple(shape))
    return patches(index, size, step, [*beside, *beside], far)


def _per_axis(place: str, what: str, value: int | Sequence[int], axes: int, least: int) -> list[int]:
    given: list[Any] = [value] * axes if np.ndim(value) == 0 else list(np.ravel(np.asarray(value, dtype=object)))
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= least for n in given)
    if len(given) != axes or not whole:
        raise NetworkError(f"{place}: {what} is {value!r}; allowed: a whole number from {least}, or {axes} of them")
    return [int(n) for n in given]


def patches(
    index: np.ndarray,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    ceil: bool = False,
) -> np.ndarray:
    """The elements that a kernel covers, (channels, places of the kernel, *output); -1 outside.

    Parameters
    ----------
    index : (channels, *input) int
        Numbers of the elements.
    kernel, strides, dilations : sequence of int, one per axis
    pads : sequence of int
        Before every axis, then behind every axis.
    ceil : bool
        Whether a last window may reach beyond the padding.
    """
    axes = len(kernel)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    out, behind = [], []
    for n, r, s, before, after in zip(index.shape[1:], reach, strides, pads[:axes], pads[axes:], strict=True):
        room = n + before + after - r
        count = (-(-room // s) if ceil else room // s) + 1
        if ceil and (count - 1) * s >= n + before:  # a window that begins behind the input is none
            count -= 1
        out.append(count)
        behind.append(max(after, (count - 1) * s + r - n - before))
    padded = np.pad(index, [(0, 0), *zip(pads[:axes], behind, strict=True)], constant_values=-1)
    found = []
    for place in itertools.product(*map(range, kernel)):
        window = [
            slice(p * d, p * d + (count - 1) * s + 1, s)
            for p, d, count, s in zip(place, dilations, out, strides, strict=True)
        ]
        found.append(padded[(slice(None), *window)])
    return np.stack(found, axis=1)


def convolution(covered: np.ndarray, weight: FloatArray, groups: int, width: int) -> sparse.csr_matrix:
    """A convolution's crossbar, (out_channels * places of the output, width); weights that are 0 are devices too.

    Parameters
    ----------
    covered : (channels, places of the kernel, *output)
        From `patches`.
    weight : (out_channels, channels / groups, places of the kernel)
    groups, width : int
        Groups of channels; elements of the input.
    """
    channels, places = covered.shape[:2]
    covered = covered.reshape(groups, 1, channels // groups, places, -1)
    outputs = weight.shape[0]
    weights = weight.reshape(groups, outputs // groups, channels // groups, places, 1)
    spots = covered.shape[-1]
    columns, values = np.broadcast_arrays(covered, weights)
    rows = (np.arange(outputs).reshape(groups, -1, 1, 1, 1) * spots) + np.arange(spots)
    rows = np.broadcast_to(rows, columns.shape)
    inside = columns >= 0
    return sparse.coo_matrix((values[inside], (rows[inside], columns[inside])), (outputs * spots, width)).tocsr()


def average(covered: np.ndarray, width: int, count_outside: bool) -> sparse.csr_matrix:
    """An average pool's crossbar; `count_outside` divides by the kernel's size also at the edge."""
    channels, places = covered.shape[:2]
    flat = np.moveaxis(covered.reshape(channels, places, -1), 1, 2).reshape(-1, places)
    inside = flat >= 0
    count = np.full(len(flat), places) if count_outside else inside.sum(axis=1)
    row, _ = np.nonzero(inside)
    return sparse.csr_matrix((1.0 / count[row], (row, flat[inside])), (len(flat), width))


def contenders(covered: np.ndarray) -> np.ndarray:
    """Elements of every window, (contenders, windows); instead of what is outside, one of the window's own again.

    A window that is outside as a whole has -1.
    """
    windows = np.moveaxis(covered, 1, 0).reshape(covered.shape[1], -1)
    return np.where(windows < 0, np.max(windows, axis=0), windows)


def tournament(windows: np.ndarray, width: int) -> Iterator[tuple[sparse.csr_matrix, sparse.csr_matrix]]:
    """The largest of every window by rounds of ``a + relu(b - a)``, in which the first takes a tie.

    A round maps the state of `width` elements, its contenders among them, to what is left of them: in the order of the
    windows, one row of contenders after another.

    Parameters
    ----------
    windows : (contenders, windows) int
        From `contenders`.
    width : int

    Yields
    ------
    lead : (n, width) sparse
        By how much the second of each pair is ahead of the first.
    best : (left, width + n) sparse
        Of the state and what relu leaves of the leads: the larger of each pair, and who had no other.
    """
    while len(windows) > 1:
        pairs = len(windows) // 2
        first, second, rest = (
            windows[0 : 2 * pairs : 2].ravel(),
            windows[1 : 2 * pairs : 2].ravel(),
            windows[2 * pairs :],
        )
        n, ones, each = first.size, np.ones(first.size), np.arange(first.size)
        places = np.concatenate([each, each]), np.concatenate([second, first])
        lead = sparse.coo_matrix((np.concatenate([ones, -ones]), places), (n, width))
        keep = np.concatenate([first, rest.ravel()])
        total = np.arange(len(keep))
        places = np.concatenate([total, each]), np.concatenate([keep, width + each])
        best = sparse.coo_matrix((np.ones(len(keep) + n), places), (len(keep), width + n))
        yield lead.tocsr(), best.tocsr()
        width, windows = len(keep), total.reshape(pairs + len(rest), -1)
