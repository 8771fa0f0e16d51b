"""How a node law answers small deviations from rest: derivatives of its two lines of update code.

The code is read with brian2's own parser for its expression language and differentiated symbolically, so this
serves any `NodeLaw`; a law that is not linear is linearised where it rests, at ``x = F`` and ``lam = B``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy  # type: ignore[import-untyped]
from brian2.parsing.statements import parse_statement
from brian2.parsing.sympytools import str_to_sympy
from sympy.core.function import AppliedUndef  # type: ignore[import-untyped]
from sympy.logic.boolalg import Boolean  # type: ignore[import-untyped]

from emulator.errors import EngineError
from emulator.laws import Law, NodeLaw, node_law
from emulator.measure.synapses import Floats

#: what an update is differentiated in
OPERANDS = ("x", "lam", "F", "B")
#: largest move, relative or absolute, of a law that counts as resting
_REST = 1e-6

_FUNCTIONS = "brian2's differentiable functions, abs, sign, clip and int(condition)"

Values = dict[str, Floats | float]


@dataclass(frozen=True)
class LawSlopes:
    """Partial derivatives at rest, by operand (`x`, `lam`, `F`, `B`), one (N,) array each.

    Parameters
    ----------
    state : dict
        Of the new state in the old `x`, `lam`, in `F`, and in the `B` of the old state.
    costate : dict
        Of the new costate in the *new* `x`, the old `lam`, in `F`, and in the `B` of the new state.
    """

    state: dict[str, Floats]
    costate: dict[str, Floats]


def law_slopes(law: Law, x: Floats, lam: Floats) -> LawSlopes:
    """Differentiate a law's updates at the rest `x`, `lam` (N,).

    Raises
    ------
    EngineError
        If the code cannot be read, names something a law does not see, never assigns its variable, has no
        known derivative, or does not rest at ``x = F``, ``lam = B``.
    """
    given = node_law(law)
    values: Values = {"x": x, "lam": lam, "F": x, "B": lam, "Z": law.impedance, **law.parameters}
    return LawSlopes(
        _differentiate(given, "state_update", "x", values), _differentiate(given, "costate_update", "lam", values)
    )


def _differentiate(law: NodeLaw, update: str, target: str, values: Values) -> dict[str, Floats]:
    place = f"law {law.name}: {update}"
    new = _updated(place, getattr(law, update), target)
    calls = sorted(call.func.__name__.rstrip("_") for call in new.atoms(AppliedUndef))
    if calls:
        raise EngineError(f"{place} calls {calls[0]!r}; allowed: {_FUNCTIONS}")
    unknown = sorted({symbol.name for symbol in new.free_symbols} - set(values))
    if unknown:
        raise EngineError(f"{place} names {unknown[0]!r}; allowed: {', '.join(values)}")
    moved = np.abs(_evaluate(new, values) - values[target])
    if not (moved <= _REST * np.maximum(np.abs(values[target]), 1.0)).all():
        neuron = int(moved.argmax())
        raise EngineError(
            f"{place} moves neuron {neuron} by {moved[neuron]:.3g} at x = F, lam = B; allowed: a law that rests there"
        )
    found = {}
    for operand in OPERANDS:
        slope = new.diff(sympy.Symbol(operand, real=True)).replace(sympy.DiracDelta, _no_jump)
        if slope.has(sympy.Derivative):
            raise EngineError(f"{place} has no known derivative in {operand}; allowed: {_FUNCTIONS}")
        found[operand] = _evaluate(slope, values)
    return found


def _updated(place: str, code: str, target: str) -> sympy.Expr:
    """What the code assigns to `target`, as one expression of what it started from."""
    assigned: dict[sympy.Symbol, sympy.Expr] = {}
    for line in code.splitlines():
        if not line.partition("#")[0].strip():
            continue
        try:
            name, operation, text, _ = parse_statement(line.strip())
            read = str_to_sympy(text if operation == "=" else f"{name} {operation[:-1]} ({text})")
        except (ValueError, SyntaxError) as error:
            raise EngineError(f"{place} has the line {line.strip()!r}; allowed: assignments such as 'x = F'") from error
        known = sympy.sympify(read).replace(_is_int, _int).replace(_is_clip, _clip)
        assigned[sympy.Symbol(name, real=True)] = known.xreplace(assigned)
    if sympy.Symbol(target, real=True) not in assigned:
        raise EngineError(f"{place} does not assign {target}; allowed: code that does")
    return assigned[sympy.Symbol(target, real=True)]


def _is_int(expression: sympy.Basic) -> bool:
    """Whether this is brian2's ``int(condition)``."""
    return _calls(expression, "int_") and isinstance(expression.args[0], Boolean)


def _int(expression: sympy.Basic) -> sympy.Expr:
    return sympy.Piecewise((1, expression.args[0]), (0, True))


def _is_clip(expression: sympy.Basic) -> bool:
    return _calls(expression, "clip")


def _clip(expression: sympy.Basic) -> sympy.Expr:
    value, low, high = expression.args
    return sympy.Min(sympy.Max(value, low), high)


def _calls(expression: sympy.Basic, function: str) -> bool:
    return isinstance(expression, AppliedUndef) and expression.func.__name__ == function


def _no_jump(*_: sympy.Basic) -> sympy.Expr:
    """What the derivative of a step is beside it."""
    return sympy.Integer(0)


def _evaluate(expression: sympy.Expr, values: Values) -> Floats:
    """The expression for every neuron, (N,)."""
    symbols = [sympy.Symbol(name, real=True) for name in values]
    found = sympy.lambdify(symbols, expression, modules=["scipy", "numpy"])(*values.values())
    return np.broadcast_to(np.asarray(found, float), np.shape(values["x"]))
