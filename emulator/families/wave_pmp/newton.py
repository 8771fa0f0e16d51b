"""Newton's method for the stationary equations of Wave-PMP."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from emulator.families.wave_pmp.equations import Equations, Point
from emulator.measure.result import Floats

#: how often levels of rounding are looked up anew at the rest that the last ones lead to
_LOOKED_UP = 8


def _solved(matrix: sparse.csr_array, right: Floats) -> Floats:
    """The solution of linear equations; not finite if there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", linalg.MatrixRankWarning)
        return np.asarray(linalg.spsolve(matrix.tocsc(), right))


def solve(equations: Equations, start: Floats, ext: Floats, near: float = 1e-13, most: int = 60) -> tuple[Point, bool]:
    """A rest near the unknowns `start` (2N,), by Newton's method with halved steps, and whether it was found."""
    at = start
    point = equations.at(at, ext)
    left = np.concatenate([point.left_a, point.left_c])
    for _ in range(most):
        least = float(np.abs(left).max())
        if not np.isfinite(least):
            return point, False
        if least <= near * max(float(np.abs(at).max()), 1e-300):
            return point, True
        change = _solved(equations.slopes(point), left)
        if not np.isfinite(change).all():
            return point, False
        size = 1.0
        while size > 1e-4:
            moved = at - size * change
            tried = equations.at(moved, ext)
            rest = np.concatenate([tried.left_a, tried.left_c])
            if float(np.abs(rest).max()) < least:
                break
            size /= 2
        else:
            return point, least <= 100 * near * max(float(np.abs(at).max()), 1e-300)
        at, point, left = moved, tried, rest
    return point, False


def solve_levels(equations: Equations, start: Floats, ext: Floats) -> tuple[Point, bool]:
    """The same where ports round: the levels are those of the rest, begun with those that `equations` hold.

    Where none agree with their own rest, as where the least step is passed back and forth, the first ones stand for them.
    """
    first, found = solve(equations, start, ext)
    sending = equations.sending
    if not found or not sending.errors:
        return first, found
    begun, point = dict(sending.errors), first
    for _ in range(_LOOKED_UP):
        levels = {name: sending.error(name, getattr(point, name)) + getattr(point, name) for name in sending.errors}
        held = {name: sending.errors[name] + getattr(point, name) for name in sending.errors}
        if all(np.allclose(levels[name], held[name], rtol=0, atol=1e-9) for name in levels):
            return point, True
        sending.errors = {name: sending.error(name, getattr(point, name)) for name in sending.errors}
        point, found = solve(equations, equations.start(point.x, point.lam), ext)
        if not found:
            break
    sending.errors = begun
    return first, True
