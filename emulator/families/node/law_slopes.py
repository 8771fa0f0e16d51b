"""How a node law answers small deviations from rest: derivatives of its two lines of update code.

The code is read with brian2's own parser for its expression language and differentiated symbolically, so this
serves any `NodeLaw`; a law that is not linear is linearised where it rests, at ``x = F`` and ``lam = B``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy  # type: ignore[import-untyped]
from brian2.parsing.sympytools import str_to_sympy
from sympy.core.function import AppliedUndef  # type: ignore[import-untyped]
from sympy.logic.boolalg import Boolean  # type: ignore[import-untyped]

from emulator.errors import EngineError
from emulator.families.node.law_code import checked_law, statements
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
    """Partial derivatives at rest of what each update assigns, by variable and operand, one (N,) array each.

    Operands are `x`, `lam`, `F`, `B` and what the law keeps in memory.

    Parameters
    ----------
    first : dict of dict
        Of the state update: in the old values, in `F`, and in the `B` of the old state.
    second : dict of dict
        Of the costate update: in the values that the first has left, in `F`, and in the `B` of the new state.
    memory : dict
        What the law keeps, (N,) each, at rest.
    """

    first: dict[str, dict[str, Floats]]
    second: dict[str, dict[str, Floats]]
    memory: dict[str, Floats]

    @property
    def state(self) -> dict[str, Floats]:
        """Derivatives of the new state."""
        return self.first["x"]

    @property
    def costate(self) -> dict[str, Floats]:
        """Derivatives of the new costate; its operand `x` is the new state."""
        return self.second["lam"]


def law_slopes(law: Law, x: Floats, lam: Floats) -> LawSlopes:
    """Differentiate a law's updates at the rest `x`, `lam` (N,).

    Raises
    ------
    EngineError
        If the code cannot be read, names something a law does not see, never assigns its variable, has no
        known derivative, or does not rest at ``x = F``, ``lam = B``.
    """
    given = checked_law(node_law(law))
    values: Values = {"x": x, "lam": lam, "F": x, "B": lam, "Z": law.impedance, **law.parameters}
    memory = {name: _evaluate(_rest(given, name, values), values) for name in given.memory}
    values |= memory
    return LawSlopes(
        _differentiate(given, "state_update", ("x", *memory), values),
        _differentiate(given, "costate_update", ("lam", *memory), values),
        memory,
    )


def _rest(law: NodeLaw, name: str, values: Values) -> sympy.Expr:
    """What a variable in memory is at rest."""
    place = f"law {law.name}: memory {name}"
    expression = _updated(place, f"rest = {law.memory[name]}")["rest"]
    unknown = sorted({symbol.name for symbol in expression.free_symbols} - set(values))
    if unknown:
        raise EngineError(f"{place} rests at what names {unknown[0]!r}; allowed: {', '.join(values)}")
    return expression


def _differentiate(law: NodeLaw, update: str, targets: tuple[str, ...], values: Values) -> dict[str, dict[str, Floats]]:
    place = f"law {law.name}: {update}"
    found: dict[str, dict[str, Floats]] = {}
    for target, new in _updated(place, getattr(law, update)).items():
        if target not in targets:
            continue
        calls = sorted(call.func.__name__.rstrip("_") for call in new.atoms(AppliedUndef))
        if calls:
            raise EngineError(f"{place} calls {calls[0]!r}; allowed: {_FUNCTIONS}")
        moved = np.abs(_evaluate(new, values) - values[target])
        if not (moved <= _REST * np.maximum(np.abs(values[target]), 1.0)).all():
            neuron = int(moved.argmax())
            raise EngineError(
                f"{place} moves {target} of neuron {neuron} by {moved[neuron]:.3g} at x = F, lam = B; "
                "allowed: a law that rests there"
            )
        found[target] = {}
        for operand in (*OPERANDS, *law.memory):
            slope = new.diff(sympy.Symbol(operand, real=True)).replace(sympy.DiracDelta, _no_jump)
            if slope.has(sympy.Derivative):
                raise EngineError(f"{place} has no known derivative in {operand}; allowed: {_FUNCTIONS}")
            found[target][operand] = _evaluate(slope, values)
    return found


def _updated(place: str, code: str) -> dict[str, sympy.Expr]:
    """What the code assigns, as expressions of what it started from."""
    assigned: dict[sympy.Symbol, sympy.Expr] = {}
    for name, operation, text in statements(place, code):
        read = str_to_sympy(text if operation == "=" else f"{name} {operation[:-1]} ({text})")
        known = sympy.sympify(read).replace(_is_int, _int).replace(_is_clip, _clip)
        assigned[sympy.Symbol(name, real=True)] = known.xreplace(assigned)
    return {symbol.name: expression for symbol, expression in assigned.items()}


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
