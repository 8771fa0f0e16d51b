"""Fixed points ``z = T(z)`` of many maps at once, by Anderson's mixing of the last steps.

For linear maps it is the method of generalised minimal residuals, so that it finds rests which plain iteration runs
away from. Source: D. G. Anderson, "Iterative procedures for nonlinear integral equations", J. ACM 12 (1965).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: steps that are mixed, and passes after which a map is given up
_MEMORY, _MOST = 8, 60


def fixed_point(function: Callable[[Floats], Floats], start: Floats, near: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Fixed points of B maps of n numbers each, and whether each was found.

    Parameters
    ----------
    function : callable
        Of (B, n) to (B, n), row by row.
    start : (B, n)
    near : (B, 1)
        How far a fixed point may be from what its map makes of it.
    """
    at, step = start, function(start) - start
    moves, turns = list[Floats](), list[Floats]()
    best, least = at, _largest(step)
    for _ in range(_MOST):
        if (least <= near).all() or not np.isfinite(step).any():
            break
        mixed = at + step
        if turns:
            change = np.stack(turns, axis=1)
            gram = change @ change.transpose(0, 2, 1)
            lift = 1e-14 * np.trace(gram, axis1=1, axis2=2)[:, None, None] + np.finfo(np.float64).tiny
            share = _solved(gram + lift * np.eye(len(turns)), (change @ step[:, :, None])[:, :, 0])
            mixed = mixed - (share[:, None, :] @ (np.stack(moves, axis=1) + change))[:, 0]
        there = function(mixed) - mixed
        moves, turns = [*moves, mixed - at][-_MEMORY:], [*turns, there - step][-_MEMORY:]
        at, step = mixed, there
        better = _largest(step) < least
        best, least = np.where(better, at, best), np.where(better, _largest(step), least)
    return best, (least <= near)[:, 0]


def _largest(step: Floats) -> Floats:
    return np.asarray(np.abs(step).max(axis=1, keepdims=True, initial=0.0))


def _solved(matrix: Floats, right: Floats) -> Floats:
    """Solutions (B, m); of rows that are not finite, none."""
    good = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    found = np.zeros_like(right)
    found[good] = np.linalg.solve(matrix[good], right[good][:, :, None])[:, :, 0]
    return found
