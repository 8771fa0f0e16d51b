"""Elementwise ONNX operators: functions of a number, scales and shifts, and sums of states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from emulator.errors import FileFormatError
from emulator.importers.onnx_nodes import attributes, label
from emulator.importers.onnx_tensors import Tensors
from emulator.importers.scalars import (
    GRID,
    SELU,
    Affine,
    Elementwise,
    Known,
    Pieces,
    Told,
    View,
    clipped,
    elu,
    two_slopes,
)
from emulator.importers.signals import Signal
from emulator.network.arrays import FloatArray

Step = Callable[[FloatArray], FloatArray]
#: so many tensors on the way are remembered
_MOST_VIEWS = 32

_UNARY: dict[str, Callable[..., Any]] = {
    "Relu": lambda s: np.maximum(s, 0), "Tanh": np.tanh, "Sigmoid": special.expit, "Softplus": lambda s: np.logaddexp(0, s),
    "Erf": special.erf, "Exp": np.exp, "Log": np.log, "Neg": np.negative, "Sqrt": np.sqrt, "Reciprocal": np.reciprocal,
    "Abs": np.abs,
}  # fmt: skip
_BINARY: dict[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power, "Max": np.maximum, "Min": np.minimum,
}  # fmt: skip
_NAMED = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "Softplus": "softplus"}
KNOWN = (*_NAMED, "LeakyRelu", "Gelu", "Silu", "Swish", "Elu", "Selu", "Celu", "HardSigmoid", *_BINARY)


def convert(tensors: Tensors, node: Any, place: str) -> bool:
    """Whether an operator acts on each element alone, or adds states; what it gives is then known."""
    given, kind = attributes(node), node.op_type
    if kind in _UNARY:
        _step(tensors, node, _UNARY[kind], Known(_NAMED[kind]) if kind in _NAMED else None)
    elif kind == "LeakyRelu":
        leaky(tensors, node, float(given.get("alpha", np.float32(0.01))))
    elif kind == "Gelu":
        if given.get("approximate", b"none") != b"none":
            raise FileFormatError(f"{place} is approximated by tanh; allowed: approximate = 'none', the exact function")
        _step(tensors, node, lambda s: s * special.ndtr(s), Known("gelu"))
    elif kind in ("Swish", "Silu") and float(given.get("alpha", 1.0)) == 1.0:
        _step(tensors, node, lambda s: s * special.expit(s), Known("silu"))
    elif kind == "Elu":
        _exponential(tensors, node, float(given.get("alpha", 1.0)))
    elif kind == "Selu":
        alpha, gamma = (float(given.get(name, np.float32(number))) for name, number in SELU.items())
        _exponential(tensors, node, alpha, gamma)
    elif kind == "Celu" and float(given.get("alpha", 1.0)) > 0:
        alpha = float(given.get("alpha", 1.0))
        _exponential(tensors, node, alpha, inner=1 / alpha)
    elif kind == "HardSigmoid":
        alpha, beta = float(given.get("alpha", np.float32(0.2))), float(given.get("beta", 0.5))
        hinges = Pieces((-beta / alpha, (1 - beta) / alpha), (1.0, 1.0), (alpha, -alpha))
        _step(tensors, node, lambda s: np.clip(alpha * s + beta, 0, 1), hinges)
    elif kind in _BINARY and len(node.input) == 2:
        _two(tensors, node, place)
    else:
        return False
    return True


def leaky(tensors: Tensors, node: Any, slope: float) -> None:
    """A function with another slope below 0."""
    known: Told = (
        Affine(1.0, 0.0) if slope == 1 else Known("leaky_relu", slope=slope) if slope >= 0 else two_slopes(slope)
    )
    _step(tensors, node, lambda s: np.where(s > 0, s, slope * s), known)


def _exponential(tensors: Tensors, node: Any, alpha: float, scale: float = 1.0, inner: float = 1.0) -> None:
    """A function that goes to a constant below 0 as an exponential does."""

    def step(s: FloatArray) -> FloatArray:
        return scale * np.where(s > 0, s, alpha * np.expm1(inner * np.minimum(s, 0)))

    _step(tensors, node, step, elu(alpha, scale, inner))


def clip(tensors: Tensors, node: Any, low: float, high: float, *, place: str) -> None:
    """A function between two ends; their corners take the slope of the side on which it is flat."""
    if not low < high:
        raise FileFormatError(f"{place} clips to {low} and {high}; allowed: a lower end below the upper")
    far = not np.isfinite(low) and not np.isfinite(high)
    known: Told = Affine(1.0, 0.0) if far else Known("relu") if (low, high) == (0, np.inf) else clipped(low, high)
    _step(tensors, node, lambda s: np.clip(s, low, high), known)


def add_states(tensors: Tensors, node: Any, names: list[str], signs: list[float], place: str) -> None:
    """A sum of states, and of constants, which become biases."""
    signed = list(zip(names, signs, strict=True))
    parts = [_signed(tensors, name, sign, place) for name, sign in signed if name not in tensors.constants]
    shape = np.broadcast_shapes(*(part.shape for part in parts))
    parts = [part if part.shape == shape else part.rewired(np.broadcast_to(part.numbered(), shape)) for part in parts]
    total = parts[0] if len(parts) == 1 else tensors.draft.add(parts, label(node.output[0]))
    fixed = [sign * tensors.constants[name].astype(float) for name, sign in signed if name in tensors.constants]
    tensors.signals[node.output[0]] = total.scaled(1.0, sum(fixed, np.zeros(1))) if fixed else total
    if len(parts) > 1:
        tensors.notes.append((place, "adder"))


def _signed(tensors: Tensors, name: str, sign: float, place: str) -> Signal:
    found = tensors.signal(name, place)
    return found if sign == 1 else tensors.scalable(name, found).scaled(sign)


def _two(tensors: Tensors, node: Any, place: str) -> None:
    """Two operands: a tensor and constants, two functions of one tensor, or two tensors."""
    kind, (first, second) = node.op_type, node.input
    operation = _BINARY[kind]
    fixed = [tensors.constants.get(name) for name in (first, second)]
    constant = next((value for value in fixed if value is not None), None)
    if constant is None:
        ones, others = _views(tensors, first), dict(_views(tensors, second))
        common = tuple((name, operation(one, others[name])) for name, one in ones if name in others)
        if kind in ("Add", "Sub"):
            add_states(tensors, node, [first, second], [1.0, 1.0 if kind == "Add" else -1.0], place)
        elif common:
            tensors.functions[node.output[0]] = Elementwise(common)
        else:
            raise FileFormatError(
                f"{place} combines two states by {kind}, and a product of two waves is no passive linear element; "
                "allowed: Add, Sub, or a state with constants"
            )
    elif constant.size == 1:
        value = float(constant.ravel()[0])
        step = (lambda s: operation(value, s)) if fixed[0] is not None else (lambda s: operation(s, value))
        views = _views(tensors, second if fixed[0] is not None else first)
        tensors.functions[node.output[0]] = Elementwise(_after(views, step))
    else:
        _with_constants(tensors, node, place, constant.astype(float), fixed[0] is not None)


def _with_constants(tensors: Tensors, node: Any, place: str, values: np.ndarray, ahead: bool) -> None:
    """A scale or a shift of its own for every element; `ahead` says that the constants come first."""
    kind, name = node.op_type, node.input[1 if ahead else 0]
    source = tensors.scalable(name, tensors.signal(name, place))
    if np.broadcast_shapes(source.shape, values.shape) != source.shape:
        raise FileFormatError(
            f"{place}: constants {values.shape} enlarge a tensor {source.shape}; allowed: ones that fit"
        )
    if kind == "Add":
        made = source.scaled(1.0, values)
    elif kind == "Sub":
        made = source.scaled(-1.0, values) if ahead else source.scaled(1.0, -values)
    elif kind == "Mul":
        made = source.scaled(values)
    elif kind == "Div" and not ahead:
        made = source.scaled(1.0 / values)
    else:
        raise FileFormatError(f"{place} is not linear in the state; allowed: Add, Sub, Mul, or Div by constants")
    tensors.signals[node.output[0]] = made
    tensors.notes.append((place, "folded into the neighbouring crossbar"))


def _views(tensors: Tensors, name: str) -> tuple[View, ...]:
    """The tensor itself, and what it is a function of: the nearest, and the farthest."""
    function = tensors.functions.get(name)
    views = function.views if function is not None else ()
    near = views if len(views) < _MOST_VIEWS else (*views[: _MOST_VIEWS - 1], views[-1])
    return ((name, GRID), *near)


def _after(views: tuple[View, ...], step: Step) -> tuple[View, ...]:
    return tuple((name, np.asarray(step(value), float)) for name, value in views)


def _step(tensors: Tensors, node: Any, step: Step, known: Told = None) -> None:
    """One more step; `known` says what it is."""
    tensors.functions[node.output[0]] = Elementwise(_after(_views(tensors, node.input[0]), step), known)
