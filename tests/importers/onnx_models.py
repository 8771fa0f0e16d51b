"""ONNX models of a few operators, and random ones over every operator that the importer knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ACTIVATIONS = (
    "Relu",
    "Tanh",
    "Sigmoid",
    "Softplus",
    "LeakyRelu",
    "PRelu",
    "Clip",
    "HardSigmoid",
    "gelu",
    "silu",
    "softplus",
    "Gelu",
    "Elu",
    "Selu",
    "Celu",
)


def model(
    nodes: list[Any], shape: tuple[Any, ...] = ("N", 3), opset: int = 20, **weights: np.ndarray
) -> onnx.ModelProto:
    """A model from its operators; ``x`` goes in, ``y`` comes out."""
    given = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        given,
    )
    versions = {"": opset} | {one.domain: 3 for one in nodes if one.domain}
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid(*one) for one in versions.items()])
    made.ir_version = 9
    return onnx.shape_inference.infer_shapes(made)


def node(kind: str, *inputs: str, **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), ["y"], name=f"the {kind}", **attributes)


W = np.arange(6, dtype=np.float32).reshape(2, 3) / 6


class Model:
    """Builds one model, operator by operator."""

    def __init__(self, dice: np.random.Generator, shape: tuple[int, ...], opset: int, dtype: type = np.float32) -> None:
        self.dice, self.dtype, self.opset = dice, dtype, opset
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.top, self.shape, self.input_shape = "x", shape, shape
        self.count = 0

    def constant(self, value: Any, dtype: Any = None) -> str:
        self.count += 1
        name = f"c{self.count}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype or self.dtype), name))
        return name

    def normal(self, *shape: int, scale: float = 1.0) -> str:
        return self.constant(self.dice.normal(size=shape) * scale)

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        self.count += 1
        names = [f"t{self.count}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        self.top = names[0]
        return self.top

    def proto(self) -> Any:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        given = helper.make_tensor_value_info("x", kind, ["N", *self.input_shape])
        output = helper.make_tensor_value_info(self.top, kind, None)
        graph = helper.make_graph(self.nodes, "random", [given], [output], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 9
        return onnx.shape_inference.infer_shapes(model)


def _gemm(m: Model) -> None:
    if len(m.shape) != 1:
        m.node("Flatten", m.top, axis=1)
        m.shape = (int(np.prod(m.shape)),)
    n, width = int(m.dice.integers(2, 7)), m.shape[0]
    if m.dice.random() < 0.3:
        m.node("MatMul", m.top, m.normal(width, n, scale=width**-0.5))
        if m.dice.random() < 0.5:
            m.node("Add", m.top, m.normal(n))
    else:
        turned = int(m.dice.integers(2))
        shape = (n, width) if turned else (width, n)
        extra = [m.normal(n)] if m.dice.random() < 0.7 else []
        m.node(
            "Gemm",
            m.top,
            m.normal(*shape, scale=width**-0.5),
            *extra,
            transB=turned,
            alpha=float(m.dice.choice([1, 0.5])),
        )
    m.shape = (n,)


def _conv(m: Model) -> None:
    channels, *sizes = m.shape
    axes = len(sizes)
    groups = int(m.dice.choice([g for g in (1, 2, channels) if channels % g == 0]))
    out = groups * int(m.dice.integers(1, 3))
    kernel = [int(m.dice.integers(1, min(3, n) + 1)) for n in sizes]
    dilations = [int(m.dice.integers(1, 3)) if (k - 1) * 2 < n else 1 for k, n in zip(kernel, sizes, strict=True)]
    given: dict[str, Any] = {
        "strides": [int(m.dice.integers(1, 3)) for _ in sizes],
        "dilations": dilations,
        "group": groups,
    }
    if m.dice.random() < 0.3:
        given["auto_pad"] = str(m.dice.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))
    else:
        given["pads"] = [int(m.dice.integers(0, 2)) for _ in range(2 * axes)]
    weight = m.normal(out, channels // groups, *kernel, scale=(channels * np.prod(kernel)) ** -0.5)
    m.node("Conv", m.top, weight, *([m.normal(out)] if m.dice.random() < 0.6 else []), **given)


def _conv_transpose(m: Model) -> None:
    channels, *sizes = m.shape
    groups = int(m.dice.choice([g for g in (1, 2) if channels % g == 0]))
    kernel = [int(m.dice.integers(2, 4)) for _ in sizes]
    strides = [int(m.dice.integers(1, 3)) for _ in sizes]
    weight = m.normal(channels, int(m.dice.integers(1, 3)), *kernel, scale=0.4)
    pads = [int(m.dice.integers(0, 2)) for _ in range(2 * len(sizes))]
    m.node("ConvTranspose", m.top, weight, strides=strides, group=groups, pads=pads)


def _pool(m: Model) -> None:
    sizes = m.shape[1:]
    kind = str(m.dice.choice(["MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean"]))
    if kind.startswith("Global"):
        m.node(kind, m.top)
    elif kind == "ReduceMean":
        m.node(kind, m.top, m.constant(list(range(2, 2 + len(sizes))), np.int64), keepdims=1)
    else:
        kernel = [int(m.dice.integers(1, min(3, n) + 1)) for n in sizes]
        given: dict[str, Any] = {"kernel_shape": kernel, "strides": [int(m.dice.integers(1, 3)) for _ in sizes]}
        if m.dice.random() < 0.4 and min(kernel) > 1:
            given["pads"] = [int(m.dice.integers(0, 2)) for _ in range(2 * len(sizes))]
        if kind == "AveragePool":
            given["count_include_pad"] = int(m.dice.integers(2))
        m.node(kind, m.top, **given)


def _activation(m: Model) -> None:
    kind, top = str(m.dice.choice(ACTIVATIONS)), m.top
    kind = "gelu" if kind == "Gelu" and m.opset < 20 else kind
    if kind == "LeakyRelu":
        m.node(kind, top, alpha=0.2)
    elif kind in ("Elu", "Celu"):
        m.node(kind, top, alpha=float(m.dice.choice([0.3, 1.0, 2.0])))
    elif kind == "PRelu":
        m.node(kind, top, m.constant([0.25]))
    elif kind == "Clip":
        low, high = [(0.0, 6.0), (-1.0, 1.0), (-0.5, None), (None, 0.4)][int(m.dice.integers(4))]
        m.node(kind, top, *[m.constant(end) if end is not None else "" for end in (low, high)])
    elif kind == "gelu":
        scaled = m.node("Div", top, m.constant(np.sqrt(2.0)))
        m.node("Add", m.node("Erf", scaled), m.constant(1.0))
        m.node("Mul", m.node("Mul", top, m.top), m.constant(0.5))
    elif kind == "silu":
        m.node("Mul", top, m.node("Sigmoid", top))
    elif kind == "softplus":
        m.node("Log", m.node("Add", m.node("Exp", top), m.constant(1.0)))
    else:
        m.node(kind, top)


def _norm(m: Model) -> None:
    n = m.shape[0]
    variance = m.constant(m.dice.uniform(0.5, 2, n))
    m.node("BatchNormalization", m.top, m.normal(n), m.normal(n), m.normal(n), variance, epsilon=1e-5)


def _scale(m: Model) -> None:
    kind = str(m.dice.choice(["Mul", "Add", "Sub", "Div", "Neg"]))
    if kind == "Neg":
        m.node(kind, m.top)
    else:
        size = () if m.dice.random() < 0.5 else (m.shape[0], *[1] * (len(m.shape) - 1))
        m.node(kind, m.top, m.constant(m.dice.uniform(0.5, 2, size)))


def _wiring(m: Model) -> None:
    total = int(np.prod(m.shape))
    kinds = ["Flatten", "Reshape", "Identity", "Dropout", "Slice", "Split", "Pad", "Squeeze"] + ["Transpose"] * (
        len(m.shape) > 1
    )
    kind = str(m.dice.choice(kinds))
    if kind == "Flatten":
        m.node(kind, m.top, axis=1)
    elif kind == "Reshape":
        m.node(kind, m.top, m.constant([-1, total] if m.dice.random() < 0.5 else [0, total], np.int64))
    elif kind == "Transpose":
        m.node(kind, m.top, perm=[0, *(m.dice.permutation(len(m.shape)) + 1).tolist()])
    elif kind == "Slice" and m.shape[0] > 2:
        m.node(kind, m.top, *(m.constant([v], np.int64) for v in (m.shape[0], -m.shape[0] - 1, 1, -1)))
    elif kind == "Split" and m.shape[0] > 2:
        first = m.shape[0] // 2
        a = m.node(kind, m.top, m.constant([first, m.shape[0] - first], np.int64), outputs=2, axis=1)
        m.node("Concat", a.replace("_0", "_1"), a, axis=1)
    elif kind == "Pad":
        m.node(kind, m.top, m.constant([0] * len(m.shape) + [0] + [0] * (len(m.shape)) + [1], np.int64))
    elif kind == "Squeeze":
        wide = m.node("Unsqueeze", m.top, m.constant([1], np.int64))
        m.node(kind, wide, m.constant([1], np.int64))
    else:
        m.node("Identity", m.top)


def _residual(m: Model) -> None:
    top, shape = m.top, m.shape
    _activation(m)
    other = m.top
    if m.dice.random() < 0.3:
        _norm(m)
        other = m.top
    kind = str(m.dice.choice(["Add", "Sub", "Concat"]))
    m.node(kind, top, other, **({"axis": 1} if kind == "Concat" else {}))
    m.shape = shape


def shape_of(m: Model) -> tuple[int, ...]:
    """The shape of the top, by the reference evaluator."""
    from onnx.reference import ReferenceEvaluator

    answer = ReferenceEvaluator(m.proto()).run(None, {"x": np.zeros((1, *m.input_shape), m.dtype)})[0]
    return answer.shape[1:]


def random_model(seed: int) -> Any:
    """A model of 3 to 9 random steps on a vector, a sequence or an image."""
    dice = np.random.default_rng(seed)
    shape = [(int(dice.integers(2, 7)),), (int(dice.integers(1, 4)), 6), (int(dice.integers(1, 3)), 5, 6)][
        int(dice.integers(3))
    ]
    opset = int(dice.choice([18, 20, 22]))
    m = Model(dice, shape, opset, np.float64 if dice.random() < 0.3 else np.float32)
    for _ in range(int(dice.integers(3, 10))):
        steps = [_gemm, _activation, _norm, _scale, _wiring, _residual]
        if len(m.shape) > 1:
            steps += [_conv, _conv, _pool, _conv_transpose]
        before = (list(m.nodes), list(m.weights), m.top, m.shape)
        steps[int(dice.integers(len(steps)))](m)
        m.shape = shape_of(m)
        if int(np.prod(m.shape)) > 250 or min(m.shape) < 1:
            m.nodes, m.weights, m.top, m.shape = before
    if dice.random() < 0.3:
        m.node("Flatten", m.top, axis=1)
        m.node(str(dice.choice(["Softmax", "LogSoftmax"])), m.top, axis=-1)
    if not m.nodes:
        _gemm(m)
    return m.proto()
