"""Crossbars of two-way lines as constant scattering matrices: lossless and reciprocal junctions of many ports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg, sparse

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
    if columns < rows:  # weights of any size leave this one regular, where the other has fewer of them than rows
        outer = np.diag(right) + (weight * left) @ weight.T
        costate: Floats = np.asarray(
            2 * np.linalg.solve(outer, np.hstack([weight, -np.eye(columns)])), dtype=np.float64
        )
        from_right = (costate[:, :rows] * left).T
        return np.hstack([2 * np.eye(rows) - from_right @ weight, from_right]), costate
    inner = np.diag(1 / left) + weight.T @ (weight / right[:, None])
    given = np.hstack([np.diag(1 / left), (weight / right[:, None]).T])
    state = np.asarray(np.linalg.solve(inner, 2 * given), dtype=np.float64)
    costate = np.asarray(
        (weight @ state - 2 * np.hstack([np.zeros((columns, rows)), np.eye(columns)])) / right[:, None]
    )
    return state, costate


def scattering(graph: ScatteringGraph, layout: BilateralLayout) -> sparse.csr_array:
    """The scattering matrices of all crossbars, (P, P): from the waves at taps to what leaves ports."""
    values, ports, taps = [np.zeros(0)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for crossing in crossings(graph, layout):
        here = crossing.here
        state, costate = scattering_matrix(crossing.weight, crossing.left, crossing.right)
        made = crossing.answer @ np.vstack([state, costate]) @ crossing.reach.toarray()
        ports.append(np.repeat(here, len(here)))
        taps.append(np.tile(here, len(here)))
        values.append((made + np.diag(layout.crossbars.keep[here])).ravel())
    where = np.concatenate(ports), np.concatenate(taps)
    return sparse.csr_array((np.concatenate(values), where), shape=(layout.ports, layout.ports))


@dataclass(frozen=True)
class Crossing:
    """One crossbar of R rows and C columns between its H ports.

    Parameters
    ----------
    weight : (C, R)
    left, right : (R,), (C,)
        Impedances of both sides.
    here : (H,)
        Numbers of its ports.
    reach, answer : sparse (R + C, H), (H, R + C)
        From the waves at its ports to those of rows and columns, and from states of rows and costates of columns to what leaves.
    """

    weight: Floats
    left: Floats
    right: Floats
    here: np.ndarray
    reach: sparse.csr_array
    answer: sparse.csr_array

    @cached_property
    def _inner(self) -> tuple[Floats, bool]:
        """A Cholesky factor of what joins the rows, or of what joins the columns where those are fewer."""
        weight, left, right = self.weight, self.left, self.right
        if len(left) <= len(right):
            return linalg.cho_factor(np.diag(1 / left) + weight.T @ (weight / right[:, None]), lower=True)
        return linalg.cho_factor(np.diag(right) + (weight * left) @ weight.T, lower=True)

    def leaving(self, waves: Floats) -> Floats:
        """What leaves its ports (H, k), but for what they keep, of waves (H, k); no scattering matrix is made."""
        weight, rows, right = self.weight, len(self.left), self.right[:, None]
        came = self.reach @ waves
        given = came[:rows] / self.left[:, None] + weight.T @ (came[rows:] / right)
        if rows <= len(right):
            state = 2 * linalg.cho_solve(self._inner, given)
        else:  # the inverse of a matrix with a term of low rank
            given = self.left[:, None] * given
            state = 2 * (given - self.left[:, None] * (weight.T @ linalg.cho_solve(self._inner, weight @ given)))
        costate = (weight @ state - 2 * came[rows:]) / right
        return np.asarray(self.answer @ np.vstack([state, costate]))


def crossings(graph: ScatteringGraph, layout: BilateralLayout) -> Iterator[Crossing]:
    """All crossbars."""
    crossbars = layout.crossbars
    for block in layout.blocks:
        if block.layer is None:
            continue
        rows, columns = block.row_taps, block.column_taps - len(crossbars.driver)
        here, both = crossbars.ports_of(block), len(rows) + len(columns)
        at, share = np.arange(len(rows)), crossbars.row_share[rows]
        beyond = np.arange(len(rows), both)
        to = np.concatenate([at, at, beyond, beyond])
        taps = (
            crossbars.row_tap[rows],
            crossbars.row_stub[rows],
            crossbars.column_tap[columns],
            crossbars.column_stub[columns],
        )
        values = np.concatenate([share, 1 - share, np.ones(len(columns)), -crossbars.stubbed[columns]])
        of = np.searchsorted(here, np.concatenate(taps))
        left = crossbars.as_row[here] > 0
        number = np.where(
            left, crossbars.port_row[here] - rows[0], crossbars.port_column[here] - columns[0] + len(rows)
        )
        sent = np.where(left, crossbars.as_row[here], crossbars.as_column[here])
        yield Crossing(
            graph.network.parameters[block.layer].weight,
            crossbars.row_impedance[rows],
            crossbars.column_impedance[columns],
            here,
            sparse.csr_array((values, (to, of)), shape=(both, len(here))),
            sparse.csr_array((sent, (np.arange(len(here)), number)), shape=(len(here), both)),
        )


class Crossed:
    """What leaves ports (P,) of the waves at taps (P,), of all crossbars one by one: as `scattering`, without its matrices."""

    def __init__(self, graph: ScatteringGraph, layout: BilateralLayout) -> None:
        self._all, self._keep = tuple(crossings(graph, layout)), layout.crossbars.keep

    def __matmul__(self, waves: Floats) -> Floats:
        """Of waves (P, ...)."""
        flat = waves.reshape(len(waves), -1)
        found = self._keep[:, None] * flat
        for one in self._all:
            found[one.here] += one.leaving(flat[one.here])
        return found.reshape(waves.shape)


def entries(layout: BilateralLayout) -> int:
    """Numbers of all scattering matrices."""
    found = [len(layout.crossbars.ports_of(block)) for block in layout.blocks if block.layer is not None]
    return sum(count * count for count in found)
