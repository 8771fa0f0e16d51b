"""Costs as a circuit can have them: conductances to ground, squared rows, and whatever else adds up to one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy  # type: ignore[import-untyped]
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: eigenvalues this far below 0, relative to the largest, are round-off
_ROUNDING = 1e-13


@dataclass(frozen=True)
class Cost:
    """``sum(diagonal v^2)/2 + |rows v + offset|^2/2 + other + constant`` of n variables v.

    Parameters
    ----------
    diagonal : (n,)
        At least 0: conductances to ground.
    rows : (r, n)
    offset : (r,)
    other : sympy.Expr
        What is no convex quadratic form; 0 if nothing is left.
    constant : float
    """

    diagonal: Floats
    rows: Floats
    offset: Floats
    other: sympy.Expr
    constant: float


def cost_of(formula: sympy.Expr, symbols: Sequence[sympy.Symbol], weight: float) -> Cost:
    """`weight` times a formula of these symbols, taken apart.

    The convex quadratic form in it is completed to squares: on its own axes it is conductances, elsewhere rows. A quadratic
    form that is not convex, or falls without end along a line, is left with the rest.
    """
    count = len(symbols)
    inner, rest = [], []
    for term in sympy.Add.make_args(_opened(formula, symbols)):
        inner.append(term) if term.is_polynomial(*symbols) and _degree(term, symbols) <= 2 else rest.append(term)
    poly = sympy.Poly(sympy.Add(*inner), *symbols)
    constant, linear, bend = 0.0, np.zeros(count), np.zeros((count, count))
    for powers, coefficient in poly.terms():
        at, value = [k for k, power in enumerate(powers) for _ in range(power)], weight * float(coefficient)
        if not at:
            constant += value
        elif len(at) == 1:
            linear[at[0]] += value
        else:
            bend[at[0], at[1]] += value
            bend[at[1], at[0]] += value
    found = _squares(bend, linear)
    if found is None:
        return Cost(np.zeros(count), np.zeros((0, count)), np.zeros(0), weight * formula, 0.0)
    diagonal, rows, offset = found
    return Cost(diagonal, rows, offset, weight * sympy.Add(*rest), constant - float(offset @ offset) / 2)


def _squares(bend: Floats, linear: Floats) -> tuple[Floats, Floats, Floats] | None:
    """Conductances, rows and offsets that make a quadratic form; None if it is not bounded below."""
    count = len(linear)
    if not (bend - np.diag(np.diag(bend))).any() and not linear.any() and (np.diag(bend) >= 0).all():
        return np.diag(bend).copy(), np.zeros((0, count)), np.zeros(0)
    values, vectors = np.linalg.eigh(bend)
    if values.min() < -_ROUNDING * max(abs(values).max(), 1e-300):
        return None
    kept = values > _ROUNDING * max(abs(values).max(), 1e-300)
    root = np.sqrt(values[kept])
    rows = root[:, None] * vectors[:, kept].T
    offset = (vectors[:, kept].T @ linear) / root
    if np.abs(rows.T @ offset - linear).max() > 1e-12 * np.abs(linear).max(initial=0.0):
        return None
    rows[np.abs(rows) < 1e-15 * np.abs(rows).max(initial=1.0)] = 0.0
    return np.zeros(count), rows, offset


def _opened(formula: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
    """The formula with squares of sums multiplied out, and nothing of higher degree."""
    parts = []
    for term in sympy.Add.make_args(formula):
        simple = term.is_polynomial(*symbols) and _degree(term, symbols) <= 2
        parts.append(sympy.expand(term) if simple else term)
    whole = sympy.Add(*parts)
    return sympy.expand(whole, deep=False, multinomial=False, power_exp=False, power_base=False, log=False, basic=False)


def _degree(term: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> int:
    if term.is_Symbol:
        return int(term in symbols)
    if term.is_Add:
        return max(_degree(one, symbols) for one in term.args)
    if term.is_Mul:
        return sum(_degree(one, symbols) for one in term.args)
    if term.is_Pow:
        return _degree(term.args[0], symbols) * int(term.args[1])
    return 0
