"""Crossbars of two-way lines as constant scattering matrices: lossless and reciprocal junctions of many ports."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from emulator.engine.layout import Floats
from emulator.families.bilateral.layout import BilateralLayout
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


def scattering(graph: ScatteringGraph, layout: BilateralLayout) -> sparse.csr_array:
    """The scattering matrices of all crossbars, (P, P): from the waves at taps to what leaves ports."""
    crossbars, entries = layout.crossbars, []
    ports, taps = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for block in layout.blocks:
        if block.layer is None:
            continue
        rows, columns = block.row_taps, block.column_taps - len(crossbars.driver)
        weight = graph.network.parameters[block.layer].weight
        matrices = scattering_matrix(weight, crossbars.row_impedance[rows], crossbars.column_impedance[columns])
        here = crossbars.ports_of(block)
        reach, answer = np.zeros((len(rows) + len(columns), len(here))), np.zeros((len(here), len(rows) + len(columns)))
        share, at = crossbars.row_share[rows], np.arange(len(rows))
        np.add.at(reach, (at, np.searchsorted(here, crossbars.row_tap[rows])), share)
        np.add.at(reach, (at, np.searchsorted(here, crossbars.row_stub[rows])), 1 - share)
        at = np.arange(len(columns)) + len(rows)
        np.add.at(reach, (at, np.searchsorted(here, crossbars.column_tap[columns])), 1.0)
        np.add.at(reach, (at, np.searchsorted(here, crossbars.column_stub[columns])), -crossbars.stubbed[columns])
        left = crossbars.as_row[here] > 0
        answer[left, crossbars.port_row[here[left]] - rows[0]] = crossbars.as_row[here[left]]
        right = here[~left]
        answer[~left, crossbars.port_column[right] - columns[0] + len(rows)] = crossbars.as_column[right]
        made = answer @ np.vstack(matrices) @ reach + np.diag(crossbars.keep[here])
        ports.append(np.repeat(here, len(here)))
        taps.append(np.tile(here, len(here)))
        entries.append(made.ravel())
    where = np.concatenate(ports), np.concatenate(taps)
    return sparse.csr_array((np.concatenate([np.zeros(0), *entries]), where), shape=(layout.ports, layout.ports))
