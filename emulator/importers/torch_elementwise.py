"""ATen operators on every element alone, or on the elements of two tensors."""

from __future__ import annotations

from emulator.errors import FileFormatError
from emulator.importers.scalars import SELU
from emulator.importers.torch_program import Step
from emulator.importers.torch_writer import Writer, first, op

#: operators of one tensor that ONNX has, too
_SAME = {
    "relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "erf": "Erf", "exp": "Exp", "log": "Log", "neg": "Neg",
    "sqrt": "Sqrt", "reciprocal": "Reciprocal", "abs": "Abs", "t": "Transpose", "numpy_T": "Transpose",
}  # fmt: skip


@op(*_SAME)
def _unary(w: Writer, step: Step) -> None:
    w.put(step, _SAME[step.operator.removeprefix("aten.").removesuffix("_")], first(step))


@op("gelu")
def _gelu(w: Writer, step: Step) -> None:
    w.put(step, "Gelu", step.given["self"], approximate=step.given.get("approximate", "none"))


@op("silu")
def _silu(w: Writer, step: Step) -> None:
    w.put(step, "Mul", step.given["self"], w.between(step, "Sigmoid", step.given["self"]))


@op("softplus")
def _softplus(w: Writer, step: Step) -> None:
    beta = float(step.given.get("beta", 1.0))
    if beta == 1:
        w.put(step, "Softplus", step.given["self"])
        return
    bent = w.between(step, "Softplus", w.between(step, "Mul", step.given["self"], beta))
    w.put(step, "Div", bent, beta)


@op("leaky_relu")
def _leaky(w: Writer, step: Step) -> None:
    w.put(step, "PRelu", step.given["self"], float(step.given.get("negative_slope", 0.01)))


@op("elu", "celu", "selu")
def _elu(w: Writer, step: Step) -> None:
    """``scale * s`` above 0, ``scale * alpha * (exp(inner * s) - 1)`` under it."""
    given, operator = step.given, step.operator
    selu = operator.endswith((".selu", ".selu_"))
    alpha = float(given.get("alpha", SELU["alpha"] if selu else 1.0))
    scale = float(given.get("scale", SELU["gamma"] if selu else 1.0))
    inner = 1 / alpha if ".celu" in operator and alpha else float(given.get("input_scale", 1.0))
    if not inner > 0:
        raise FileFormatError(f"operator {operator} (node {step.name!r}) scales by {inner:g}; allowed: numbers above 0")
    if scale == inner == 1:
        w.put(step, "Elu", given["self"], alpha=alpha)
        return
    wide = given["self"] if inner == 1 else w.between(step, "Mul", given["self"], inner)
    w.put(step, "Selu", wide, alpha=alpha * inner, gamma=scale / inner)


@op("prelu", "_prelu_kernel")
def _prelu(w: Writer, step: Step) -> None:
    w.put(step, "PRelu", step.given["self"], step.given["weight"])


@op("relu6")
def _relu6(w: Writer, step: Step) -> None:
    w.put(step, "Clip", step.given["self"], 0.0, 6.0)


@op("hardtanh", "clamp", "clamp_min", "clamp_max", "clip")
def _clip(w: Writer, step: Step) -> None:
    given = step.given
    ends = (-1.0, 1.0) if "hardtanh" in step.operator else (None, None)
    low, high = (next((given[key] for key in keys if key in given), end)
                 for keys, end in zip((("min", "min_val"), ("max", "max_val")), ends, strict=True))  # fmt: skip
    w.put(step, "Clip", given["self"], low, high)


@op("hardsigmoid")
def _hardsigmoid(w: Writer, step: Step) -> None:
    w.put(step, "Div", _sixth(w, step), 6.0)


@op("hardswish")
def _hardswish(w: Writer, step: Step) -> None:
    w.put(step, "Mul", step.given["self"], w.between(step, "Div", _sixth(w, step), 6.0))


def _sixth(w: Writer, step: Step) -> str:
    return w.between(step, "Clip", w.between(step, "Add", step.given["self"], 3.0), 0.0, 6.0)


@op("add", "sub", "mul", "div", "rsub", "pow", "maximum", "minimum")
def _two(w: Writer, step: Step) -> None:
    name = step.operator.removeprefix("aten.").removesuffix("_")
    first, second = (w.tensor(value) for value in list(step.given.values())[:2])
    if step.given.get("rounding_mode"):
        raise FileFormatError(f"operator {step.operator} (node {step.name!r}) rounds; allowed: a true division")
    alpha = float(step.given.get("alpha", 1))
    if name == "rsub":
        name, first, second = "sub", second, first
    if alpha != 1:
        second = w.between(step, "Mul", second, alpha)
    kind = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "maximum": "Max", "minimum": "Min"}[
        name
    ]
    w.put(step, kind, first, second)


@op("softmax", "_softmax", "log_softmax", "_log_softmax")
def _softmax(w: Writer, step: Step) -> None:
    kind = "LogSoftmax" if "log" in step.operator else "Softmax"
    w.put(step, kind, first(step), axis=int(step.given["dim"]))


@op("argmax")
def _argmax(w: Writer, step: Step) -> None:
    w.put(step, "ArgMax", first(step), axis=int(step.given["dim"]))
