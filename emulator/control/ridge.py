"""Formulas as sums of functions of one argument: what dense layers and activations can compute.

Every formula of sums, products, quotients, powers and functions of one argument is an affine form of *features*
``g(z)``, where `z` is an affine form of names and earlier features. Three rules make them, in this order:

1. what depends on one affine form alone is one feature: ``1/(2 + sin(x)**2)``, ``z*exp(-z)`` with ``z = x + y``;
2. a monomial is a sum of powers of sums (polarisation): ``x y = ((x + y)^2 - (x - y)^2)/4``, and alike for more factors;
3. a product of other features is ``((a + b)^2 - (a - b)^2)/4`` of the affine forms that they are by then.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, field

import sympy  # type: ignore[import-untyped]

from emulator.network.expressions import S, code

#: highest degree of a monomial that is taken apart at once
_DEGREE = 6
_EXPANDED = {"power_exp": False, "power_base": False, "log": False, "basic": False}


@dataclass(frozen=True)
class Affine:
    """``constant + sum(coefficient * name)``; names in order, no coefficient is 0."""

    constant: float = 0.0
    terms: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, constant: float, terms: dict[str, float]) -> Affine:
        """From a table."""
        return cls(float(constant), tuple(sorted((name, float(c)) for name, c in terms.items() if c != 0)))

    def __add__(self, other: Affine) -> Affine:
        terms = Counter(dict(self.terms))
        for name, coefficient in other.terms:
            terms[name] += coefficient  # type: ignore[assignment]
        return Affine.of(self.constant + other.constant, dict(terms))

    def __mul__(self, factor: float) -> Affine:
        return Affine.of(factor * self.constant, {name: factor * c for name, c in self.terms})


@dataclass(frozen=True)
class Feature:
    """``g(z)``: a neuron with the activation `text`, an expression of `s`; `level` is 1 where `z` has no features."""

    name: str
    z: Affine
    text: str
    level: int


@dataclass
class Ridges:
    """Several formulas of the same names, with the features that they share.

    Parameters
    ----------
    symbols : dict of str to sympy.Symbol
    """

    symbols: dict[str, sympy.Symbol]
    features: dict[tuple[Affine, str], Feature] = field(default_factory=dict)

    def lower(self, formula: sympy.Expr) -> Affine:
        """The formula as an affine form of names and features."""
        known = self._affine(formula)
        if known is not None:
            return known
        alone = self._alone(formula)
        if alone is not None:
            return self._sum_of(*alone)
        poly = self._polynomial(formula)
        if poly is not None:
            return self._polarised(poly)
        if formula.is_Add:
            return _sum(self.lower(part) for part in formula.args)
        if formula.is_Mul:
            return self._product(formula)
        return self._feature(self.lower(formula.args[0]), formula.func(S, *formula.args[1:]))

    def levels(self) -> list[list[Feature]]:
        """Features by level, in the order in which they can be computed."""
        deepest = max((one.level for one in self.features.values()), default=0)
        return [[one for one in self.features.values() if one.level == k] for k in range(1, deepest + 1)]

    def _affine(self, formula: sympy.Expr) -> Affine | None:
        poly = self._polynomial(formula)
        if poly is None or poly.total_degree() > 1:
            return None
        terms = {name: float(poly.coeff_monomial(symbol)) for name, symbol in self._named(poly)}
        return Affine.of(float(poly.coeff_monomial(1)), terms)

    def _polynomial(self, formula: sympy.Expr) -> sympy.Poly | None:
        symbols = [one for one in self.symbols.values() if formula.has(one)]
        if not symbols:
            return sympy.Poly(formula, next(iter(self.symbols.values())))
        if not formula.is_polynomial(*symbols) or _degree(formula) > _DEGREE:
            return None
        return sympy.Poly(formula, *symbols)

    def _named(self, poly: sympy.Poly) -> list[tuple[str, sympy.Symbol]]:
        return [(name, symbol) for name, symbol in self.symbols.items() if symbol in poly.gens]

    def _alone(self, formula: sympy.Expr) -> tuple[Affine, sympy.Expr] | None:
        """One affine form that all of the formula depends on through it, and the formula of it."""
        known = self._affine(formula)
        if known is not None:
            return (known, S) if known.terms else (known, formula)
        if not (formula.is_Add or formula.is_Mul):
            inner = self._alone(formula.args[0])
            return None if inner is None else (inner[0], formula.func(inner[1], *formula.args[1:]))
        direction: Affine | None = None
        parts = []
        for part in formula.args:
            found = self._alone(part)
            if found is None:
                return None
            z, g = found
            if not z.terms:
                parts.append(part)
                continue
            direction = direction or z
            along = _along(z, direction)
            if along is None:
                return None
            parts.append(g.xreplace({S: along[0] * S + along[1]}) if along != (1.0, 0.0) else g)
        return None if direction is None else (direction, formula.func(*parts))

    def _sum_of(self, z: Affine, g: sympy.Expr) -> Affine:
        """``g(z)``, its terms as features of their own, so that coefficients become weights."""
        expanded = sympy.expand(g, deep=False, mul=True, multinomial=True, **_EXPANDED)
        found = Affine()
        for term in sympy.Add.make_args(expanded):
            coefficient, rest = term.as_coeff_Mul()
            if not rest.has(S):
                found += Affine(float(term))
            else:
                found += (z if rest == S else self._feature(z, rest)) * float(coefficient)
        return found

    def _polarised(self, poly: sympy.Poly) -> Affine:
        found = Affine()
        names = dict((symbol, name) for name, symbol in self._named(poly))
        for powers, coefficient in poly.terms():
            factors = [names[gen] for gen, power in zip(poly.gens, powers, strict=True) for _ in range(power)]
            found += self._monomial(factors) * float(coefficient)
        return found

    def _monomial(self, factors: list[str]) -> Affine:
        """``prod v_i = sum_e prod(e) (v_1 + sum e_i v_i)^d / (2^(d-1) d!)`` over all signs e."""
        degree = len(factors)
        if degree == 0:
            return Affine(1.0)
        if len(set(factors)) == 1:
            z = Affine.of(0.0, {factors[0]: 1.0})
            return z if degree == 1 else self._feature(z, S**degree)
        found = Affine()
        for signs in itertools.product((1, -1), repeat=degree - 1):
            terms = Counter({factors[0]: 1})
            for name, sign in zip(factors[1:], signs, strict=True):
                terms[name] += sign
            z, sign = Affine.of(0.0, dict(terms)), math.prod(signs)
            if z.terms and z.terms[0][1] < 0:
                z, sign = z * -1.0, sign * (-1) ** degree
            if z.terms:
                found += self._feature(z, S**degree) * (sign / (2 ** (degree - 1) * math.factorial(degree)))
        return found

    def _product(self, formula: sympy.Expr) -> Affine:
        coefficient, rest = formula.as_coeff_Mul()
        factors = list(sympy.Mul.make_args(rest))
        first = factors.pop(0)
        for other in list(factors):  # what goes along with the first factor is one feature with it
            if self._alone(first * other) is not None:
                first = first * other
                factors.remove(other)
        if not factors:
            return self.lower(first) * float(coefficient)
        a, b = self.lower(first), self.lower(sympy.Mul(*factors))
        squares = [self._feature(z, S**2) for z in (a + b, a + b * -1.0)]
        return (squares[0] + squares[1] * -1.0) * (0.25 * float(coefficient))

    def _feature(self, z: Affine, g: sympy.Expr) -> Affine:
        key = z, code(g)
        if key not in self.features:
            known = {one.name: one.level for one in self.features.values()}
            level = 1 + max((known.get(name, 0) for name, _ in z.terms), default=0)
            self.features[key] = Feature(f"#{len(self.features)}", z, key[1], level)
        return Affine.of(0.0, {self.features[key].name: 1.0})


def _sum(parts: object) -> Affine:
    found = Affine()
    for part in parts:  # type: ignore[attr-defined]
        found += part
    return found


def _along(z: Affine, direction: Affine) -> tuple[float, float] | None:
    """`a` and `b` with ``z = a direction + b``, if there are such."""
    mine, its = dict(z.terms), dict(direction.terms)
    if mine.keys() != its.keys():
        return None
    name, size = max(direction.terms, key=lambda term: abs(term[1]))
    factor = mine[name] / size
    if any(abs(mine[one] - factor * its[one]) > 4e-16 * abs(mine[one]) for one in its):
        return None
    return factor, z.constant - factor * direction.constant


def _degree(formula: sympy.Expr) -> int:
    """A bound of the degree of a polynomial, without multiplying it out."""
    if formula.is_Symbol:
        return 1
    if formula.is_Add:
        return max(_degree(one) for one in formula.args)
    if formula.is_Mul:
        return sum(_degree(one) for one in formula.args)
    if formula.is_Pow:
        return _degree(formula.args[0]) * int(formula.args[1])
    return 0
