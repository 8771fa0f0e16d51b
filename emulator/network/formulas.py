"""Formulas of activations as plain text, read and computed with NumPy: in brian2's language and in that of SPICE.

The engine and the exports hand these texts on; here they are only checked against the functions that they stand for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from emulator.network.arrays import FloatArray
from hwmodels.doors import RefusedError

Names = Mapping[str, FloatArray]
_SHARED: dict[str, Callable[..., Any]] = {
    "abs": np.abs, "exp": np.exp, "sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
}  # fmt: skip
#: functions that code for brian2 may call, on all of its targets
BRIAN2_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **_SHARED, "log": np.log, "log10": np.log10, "log1p": np.log1p, "expm1": np.expm1, "arcsin": np.arcsin,
    "arccos": np.arccos, "arctan": np.arctan, "sign": np.sign, "clip": np.clip, "erfc": special.erfc,
    "int": lambda truth: np.asarray(truth).astype(np.int64),
    "tanh_slope": lambda s, value: 4.0 * special.expit(2.0 * s) * special.expit(-2.0 * s),
}  # fmt: skip
#: functions that a formula for SPICE and Verilog-A may call
SPICE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **_SHARED, "ln": np.log, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "min": np.minimum, "max": np.maximum, "pow": np.power,
}  # fmt: skip
_PLAIN = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Call, ast.Name, ast.Load, ast.Constant,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or, ast.Lt, ast.LtE,
    ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
)  # fmt: skip
_TOKEN = re.compile(
    r"\s*(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[A-Za-z_]\w*|\*\*|&&|\|\||[<>=!]=|[-+*/^()<>?:,!])"
)
_DEPTH = 200
_BINARY: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "||": (1, np.logical_or), "&&": (2, np.logical_and), "==": (3, np.equal), "!=": (3, np.not_equal),
    "<": (4, np.less), "<=": (4, np.less_equal), ">": (4, np.greater), ">=": (4, np.greater_equal),
    "+": (5, np.add), "-": (5, np.subtract), "*": (6, np.multiply), "/": (6, np.divide),
    "**": (8, np.power), "^": (8, np.power),
}  # fmt: skip
_SIGN = 7


def brian2_value(text: str, names: Names) -> FloatArray:
    """An expression of brian2 for arrays of its names.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RefusedError("is no expression") from error
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        plain = isinstance(node, _PLAIN) and not (isinstance(node, ast.Call) and node.keywords)
        if not plain or (isinstance(node, ast.Constant) and type(node.value) not in (int, float)):
            raise RefusedError(
                f"holds {ast.unparse(node)!r}; allowed: numbers, names, arithmetic, comparisons and calls"
            )
        if isinstance(node, ast.Name):
            _check_name(node.id, id(node) in called, names, BRIAN2_FUNCTIONS)
    found = _evaluated(tree, names)
    return np.broadcast_to(np.asarray(found, dtype=np.float64), next(iter(names.values())).shape)


def _evaluated(node: ast.AST, names: Names) -> Any:
    match node:
        case ast.Expression(body=body):
            return _evaluated(body, names)
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return names[name]
        case ast.Call(func=ast.Name(id=name), args=given):
            return _called(name, BRIAN2_FUNCTIONS, [_evaluated(one, names) for one in given])
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return np.logical_not(_evaluated(inner, names))
        case ast.UnaryOp(op=sign, operand=inner):
            value = _evaluated(inner, names)
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=operation, right=right):
            name = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}[type(operation)]
            return _BINARY[name][1](_evaluated(left, names), np.asarray(_evaluated(right, names), np.float64))
        case ast.BoolOp(op=operation, values=parts):
            join = np.logical_and if isinstance(operation, ast.And) else np.logical_or
            return join.reduce(np.broadcast_arrays(*(_evaluated(part, names) for part in parts)))
        case ast.Compare(left=left, ops=[operation], comparators=[right]):
            signs: dict[type[ast.cmpop], str] = {
                ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
            }  # fmt: skip
            return _BINARY[signs[type(operation)]][1](_evaluated(left, names), _evaluated(right, names))
    raise RefusedError(f"holds {ast.unparse(node)!r}; allowed: one comparison at a time")


def spice_value(text: str, names: Names) -> FloatArray:
    """A formula for SPICE, with ``condition ? one : other``, for arrays of its names.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
    tokens, at = list[str](), 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise RefusedError(
                f"holds {text[at:].split()[0][:20]!r}; allowed: numbers, names, arithmetic, calls, and ? :"
            )
        tokens.append(found.group(1))
        at = found.end()
    value = _Spice(tokens, names).whole()
    return np.broadcast_to(np.asarray(value, dtype=np.float64), next(iter(names.values())).shape)


class _Spice:
    """Recursive descent, which computes as it reads."""

    def __init__(self, tokens: list[str], names: Names) -> None:
        self.tokens, self.names, self.at, self.depth = tokens, names, 0, 0

    def whole(self) -> Any:
        value = self.choice()
        if self.at < len(self.tokens):
            raise RefusedError(f"goes on with {self.tokens[self.at]!r}; allowed: one formula")
        return value

    def choice(self) -> Any:
        self.depth += 1
        if self.depth > _DEPTH:
            raise RefusedError(f"is nested deeper than {_DEPTH}")
        condition = self.binary(1)
        if self.peek() == "?":
            self.take("?")
            one = self.choice()
            self.take(":")
            condition = np.where(np.asarray(condition, bool), one, self.choice())
        self.depth -= 1
        return condition

    def binary(self, least: int) -> Any:
        value = self.signed()
        while (sign := self.peek()) in _BINARY and _BINARY[sign][0] >= least:
            rank, function = _BINARY[sign]
            self.take(sign)
            # powers are not chained: simulators do not agree on their order
            value = function(value, np.asarray(self.binary(rank + 1), np.float64))
        return value

    def signed(self) -> Any:
        if self.peek() in ("-", "+", "!"):
            sign = self.take(self.peek())
            value = self.binary(_SIGN)
            return -value if sign == "-" else value if sign == "+" else np.logical_not(value)
        return self.atom()

    def atom(self) -> Any:
        token = self.take(self.peek())
        if token == "(":
            value = self.choice()
            self.take(")")
            return value
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if not (token[0].isalpha() or token[0] == "_"):
            raise RefusedError(f"has {token!r} where a number, a name or a parenthesis should be")
        _check_name(token, self.peek() == "(", self.names, SPICE_FUNCTIONS)
        if self.peek() != "(":
            return self.names[token]
        self.take("(")
        given = [self.choice()]
        while self.peek() == ",":
            self.take(",")
            given.append(self.choice())
        self.take(")")
        return _called(token, SPICE_FUNCTIONS, given)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, token: str) -> str:
        if not token or self.peek() != token:
            raise RefusedError(f"ends or has {self.peek()!r} where {token or 'something'!r} should be")
        self.at += 1
        return token


def _check_name(name: str, called: bool, names: Names, functions: Mapping[str, object]) -> None:
    allowed = functions if called else names
    if name not in allowed:
        what = "calls" if called else "names"
        raise RefusedError(f"{what} {name!r}; allowed: {', '.join(allowed)}")


def _called(name: str, functions: Mapping[str, Callable[..., Any]], given: list[Any]) -> Any:
    try:
        return functions[name](*given)
    except (TypeError, ValueError) as error:
        raise RefusedError(f"calls {name!r} with {len(given)} arguments") from error
