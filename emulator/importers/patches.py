"""Convolutions and pools as crossbars: which element of the input meets which weight."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from emulator.network.arrays import FloatArray


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
