"""Crossbars of two-way lines as constant scattering matrices: lossless and reciprocal junctions of many ports."""

from __future__ import annotations

import numpy as np

from emulator.engine.layout import Block, Floats, Ints, block_of
from emulator.families.bilateral.ends import Ends
from emulator.graph import ScatteringGraph


def scattering_matrix(weight: Floats, left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """What the waves at a crossbar's sides make of its states and of the costates of its columns.

    Parameters
    ----------
    weight : (C, R)
    left, right : (R,), (C,)
        Impedances of both sides.

    Returns
    -------
    state, costate : (R, R + C), (C, R + C)
        ``x`` and ``lam_right = (W x - 2 i_right)/Z2`` as linear maps of ``(i_left, i_right)``.
    """
    rows, columns = len(left), len(right)
    inner = np.diag(1 / left) + weight.T @ (weight / right[:, None])
    given = np.hstack([np.diag(1 / left), (weight / right[:, None]).T])
    state = np.asarray(np.linalg.solve(inner, 2 * given), dtype=np.float64)
    costate = (weight @ state - 2 * np.hstack([np.zeros((columns, rows)), np.eye(columns)])) / right[:, None]
    return state, costate


def scattering_matrices(graph: ScatteringGraph, ends: Ends) -> tuple[Ints, Ints, Floats, tuple[Block, ...]]:
    """Every crossbar's scattering matrix, entry by entry: port, tap, value; and its lines."""
    lines, share, sign = ends.lines, ends.share, ends.sign
    ports, taps, values, blocks, first = [], [], [], [], 0
    number = np.arange(lines.count)
    for crossbar, coupling in enumerate(c for c in graph.couplings if c.layer is not None):
        layer = str(coupling.layer)
        weight = graph.network.parameters[layer].weight
        rows = number[(lines.crossbar == crossbar) & (lines.head < 0)]
        columns = number[(lines.crossbar == crossbar) & (lines.tail < 0)]
        state, costate = scattering_matrix(weight, ends.far[rows], ends.source[columns])
        left, right, tap = [rows + lines.count], [columns], [np.diag(share[rows])]
        if len(ends.fars):
            left.append(ends.fars[rows])
            tap.append(np.diag(1 - share[rows]))
        tap_right = [np.eye(len(columns))]
        if len(ends.sources):
            right.append(ends.sources[columns])
            tap_right.append(-np.eye(len(columns)))
        port = np.concatenate([*left, *right])
        width = sum(len(part) for part in left)
        collect = np.zeros((len(rows) + len(columns), len(port)))
        collect[: len(rows), :width] = np.hstack(tap)
        collect[len(rows) :, width:] = np.hstack(tap_right)
        answer = [np.tile(state @ collect, (len(left), 1))]
        answer += [ends.impedance[side][:, None] * (costate @ collect) for side in right]
        matrix = np.vstack(answer)
        matrix[:width] -= np.eye(len(port))[:width]
        matrix[width:] += np.diag(sign[port])[width:]
        ports.append(np.tile(port, len(port)))  # tap by tap: sums that follow each other do not wait for each other
        taps.append(np.repeat(port, len(port)))
        values.append(matrix.T.ravel())
        blocks.append(block_of(coupling, first, left[0], columns))
        first += matrix.size
    empty = np.zeros(0)
    return (
        np.concatenate([empty, *ports]).astype(np.int32),
        np.concatenate([empty, *taps]).astype(np.int32),
        np.concatenate([empty, *values]),
        tuple(blocks),
    )
