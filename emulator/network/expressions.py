"""Expressions of users as formulas that can be differentiated: read by their syntax tree, never run as Python.

The language is brian2's, without what has no derivative: numbers, names, ``+ - * / **``, and the functions in `FUNCTIONS`.
What depends on no name is computed in floats while it is read, so that no text makes numbers that grow beyond them.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy  # type: ignore[import-untyped]

from emulator.errors import NetworkError
from emulator.network.activation_check import bounded
from emulator.network.arrays import FloatArray
from emulator.network.elementwise import ActivationFunction
from emulator.network.formulas import brian2_value
from hwmodels.doors import RefusedError, brief, quietly

#: longest text, and deepest nesting and most parts of what it says
LONGEST, DEEPEST, MOST = 2000, 40, 400
#: largest magnitude of an exponent
_STEEPEST = 16
#: functions of one argument
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "arcsin": sympy.asin, "arccos": sympy.acos,
    "arctan": sympy.atan, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh, "exp": sympy.exp,
    "log": sympy.log, "sqrt": sympy.sqrt,
}  # fmt: skip
_CLASSES = (*FUNCTIONS.values(), sympy.core.numbers.Exp1)
_PRINTED = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
#: functions that are finite wherever their argument is
_TOTAL = (sympy.sin, sympy.cos, sympy.tanh, sympy.atan)
_SIGNS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}  # fmt: skip
#: the argument of an activation
S = sympy.Symbol("s", real=True)


def read(text: object, names: Mapping[str, sympy.Expr | float]) -> sympy.Expr:
    """An expression as a formula of sympy.

    Parameters
    ----------
    text : str
        A number may stand for itself.
    names : mapping of str to symbol or float
        What it may name, and what each name stands for.

    Raises
    ------
    RefusedError
        Saying what is wrong with it, as a clause: "names 'z'; allowed: x, y".
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = repr(text)
    if not isinstance(text, str):
        raise RefusedError(f"is {brief(text)}; allowed: a text")
    if len(text) > LONGEST:
        raise RefusedError(f"has {len(text)} characters; allowed: at most {LONGEST}")
    try:
        with quietly():
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RefusedError(f"is {brief(text)}; allowed: an expression, such as -sin(x) + 2*u") from error
    if sum(1 for _ in ast.walk(tree)) > MOST:
        raise RefusedError(f"has more than {MOST} parts; allowed: fewer")
    return _checked(sympy.sympify(_read(tree.body, names, 0)), text)


def _checked(expression: sympy.Expr, text: str) -> sympy.Expr:
    """The formula, if it is made of what can be computed and differentiated alone: simplification may bring other things."""
    for one in sympy.preorder_traversal(expression):
        if one.is_Number and not math.isfinite(float(one)):
            raise RefusedError(f"is {brief(text, 40)}, whose numbers grow beyond all floats")
        if not (one.is_Symbol or one.is_Number or one.is_Add or one.is_Mul or one.is_Pow or type(one) in _CLASSES):
            raise RefusedError(
                f"is {brief(text, 40)}, which has a kink or no real value; allowed: smooth real formulas"
            )
    return expression


def _read(node: ast.AST, names: Mapping[str, Any], depth: int) -> Any:
    """A formula, or a float where nothing is named."""
    if depth > DEEPEST:
        raise RefusedError(f"is nested deeper than {DEEPEST}")
    below = depth + 1
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as value):
            return _number(lambda: float(value), node)
        case ast.Name(id=name):
            if name not in names:
                raise RefusedError(f"names {brief(name)}; allowed: {', '.join(names)}")
            return names[name]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
            value = _read(inner, names, below)
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_read(left, names, below), _read(right, names, below), node)
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _SIGNS:
            one, other = _read(left, names, below), _read(right, names, below)
            if isinstance(operation, ast.Div) and isinstance(other, float):
                other = _number(lambda: 1.0 / other, node)
                return _made(lambda: one * other, (one,), node)
            return _made(lambda: _SIGNS[type(operation)](one, other), (one, other), node)
        case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in FUNCTIONS:
            value = _read(inner, names, below)
            if isinstance(value, float):
                return _number(lambda: float(brian2_value(f"{name}(s)", {"s": np.array([value])})[0]), node)
            return FUNCTIONS[name](value)
        case ast.Call(func=ast.Name(id=name)):
            why = "with more or fewer arguments than one" if name in FUNCTIONS else f"; allowed: {', '.join(FUNCTIONS)}"
            raise RefusedError(f"calls {brief(name)}{'' if why[0] == ';' else ' '}{why}")
    raise RefusedError(
        f"holds {brief(ast.unparse(node), 40)}; allowed: numbers, names, + - * / **, and calls of {', '.join(FUNCTIONS)}"
    )


def _made(make: Callable[[], Any], parts: tuple[Any, ...], node: ast.AST) -> Any:
    return _number(make, node) if all(isinstance(one, float) for one in parts) else make()


def _power(base: Any, exponent: Any, node: ast.AST) -> Any:
    if not isinstance(exponent, float):
        raise RefusedError(f"has {brief(ast.unparse(node), 40)}; allowed: powers whose exponent is a number")
    if isinstance(base, float):
        return _number(lambda: float(np.float64(base) ** np.float64(exponent)), node)
    if abs(exponent) > _STEEPEST:
        raise RefusedError(f"has the exponent {exponent:g}; allowed: from -{_STEEPEST} to {_STEEPEST}")
    whole = sympy.Integer(int(exponent)) if exponent == int(exponent) else sympy.nsimplify(exponent, rational=True)
    return base**whole


def _number(make: Callable[[], Any], node: ast.AST) -> float:
    try:
        with np.errstate(all="ignore"):
            value = make()
    except (OverflowError, ZeroDivisionError):
        value = math.inf
    if not isinstance(value, float) or not math.isfinite(value):
        raise RefusedError(f"has {brief(ast.unparse(node), 40)}, which is no finite number")
    return value


def code(expression: sympy.Expr) -> str:
    """A formula in brian2's language; numbers to all their digits."""
    if expression.is_Symbol:
        return str(expression)
    if expression.is_number:
        return f"({float(expression)!r})" if float(expression) < 0 else repr(float(expression))
    if expression.is_Add:
        return f"({' + '.join(code(one) for one in expression.args)})"
    if expression.is_Mul:
        above = [one for one in expression.args if not _inverse(one)]
        below = [1 / one for one in expression.args if _inverse(one)]
        text = "*".join(code(one) for one in above) or "1.0"
        return f"({text})" if not below else f"({text}/({'*'.join(code(one) for one in below)}))"
    if expression.is_Pow:
        base, exponent = expression.args
        if exponent == sympy.Rational(1, 2):
            return f"sqrt({code(base)})"
        if exponent.is_negative:
            return f"(1.0/{code(base**-exponent)})"
        if exponent.is_Integer and exponent <= 4:
            return f"({'*'.join([code(base)] * int(exponent))})"
        return f"({code(base)}**{code(exponent)})"
    name = type(expression).__name__
    return f"{_PRINTED.get(name, name)}({code(expression.args[0])})"


def _inverse(factor: sympy.Expr) -> bool:
    return bool(factor.is_Pow and factor.args[1].is_negative)


@lru_cache(maxsize=512)
def expression_activation(text: str) -> ActivationFunction:
    """The activation that an expression of `s` is, such as ``sin(s)``; 0 where it is no finite number.

    Raises
    ------
    NetworkError
        If it is none, or does not depend on `s`.
    """
    try:
        value = read(text, {"s": S})
    except RefusedError as error:
        raise NetworkError(f"activation {brief(text)} {error}") from error
    if not value.has(S):
        raise NetworkError(f"activation {brief(text)} does not depend on s; allowed: an expression that does")
    forms = [value, value.diff(S), value.diff(S, 2)]
    total = all(_total(form) for form in forms)
    phi, dphi, d2phi = (_function(form) for form in forms)
    own, slope = (code(form) if total else f"recovered({code(form)}, 0)" for form in forms[:2])
    bound = math.nan if total else math.inf
    return bounded(ActivationFunction(text, phi, dphi, d2phi, L1=bound, L2=bound, brian2=(own, slope)))


def _total(expression: sympy.Expr) -> bool:
    """Whether it is finite for every argument that is not enormous."""
    return not any(
        (one.is_Pow and not (one.args[1].is_Integer and one.args[1] > 0))
        or (one.is_Function and not isinstance(one, _TOTAL))
        or isinstance(one, sympy.exp)
        for one in sympy.preorder_traversal(expression)
    )


def _function(formula: sympy.Expr) -> Callable[[FloatArray], FloatArray]:
    value = computed(formula)

    def function(s: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            found = np.array(np.broadcast_to(value({S: np.asarray(s, np.float64)}), np.shape(s)))
        found[~np.isfinite(found)] = 0.0
        return found

    return function


_COMPUTED: dict[Any, Callable[..., Any]] = {
    sympy.sin: np.sin, sympy.cos: np.cos, sympy.tan: np.tan, sympy.asin: np.arcsin, sympy.acos: np.arccos,
    sympy.atan: np.arctan, sympy.sinh: np.sinh, sympy.cosh: np.cosh, sympy.tanh: np.tanh, sympy.exp: np.exp,
    sympy.log: np.log,
}  # fmt: skip


def computed(expression: sympy.Expr) -> Callable[[Mapping[sympy.Symbol, Any]], Any]:
    """The formula as a function of the values of its symbols, numbers or arrays; no code is made of it."""
    if expression.is_Symbol:
        return lambda values: values[expression]
    if expression.is_number:
        number = float(expression)
        return lambda values: number
    parts = [computed(one) for one in expression.args]
    if expression.is_Add:
        return lambda values: sum(part(values) for part in parts)
    if expression.is_Mul:
        return lambda values: math.prod(part(values) for part in parts)
    if expression.is_Pow:
        base, exponent = parts[0], float(expression.args[1])
        whole = int(exponent) if exponent == int(exponent) else exponent
        return lambda values: np.power(np.asarray(base(values), np.float64), whole)
    function, inner = _COMPUTED[type(expression)], parts[0]
    return lambda values: function(inner(values))
