"""What an ONNX file may hold before anything of it is computed: plain tensors of its own, of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from emulator.archives import LIMIT, most_bytes
from emulator.errors import FileFormatError

#: the oldest opset
OLDEST = 13
#: bytes that a neuron and a device take on the emulated substrate, with all that belongs to them; and a constant while it is read
NEURON, DEVICE, CONSTANT = 2048, 256, 256
#: numbers of one kernel, which windows are made of one by one
MOST_KERNEL = 1 << 14
#: operators that may stand between constants; what is not among them could be anything, such as a loop without an end
FOLDED = frozenset((
    "Abs", "Add", "And", "ArgMax", "ArgMin", "BatchNormalization", "Cast", "CastLike", "Ceil", "Clip", "Concat",
    "Constant", "ConstantOfShape", "Cos", "DepthToSpace", "DequantizeLinear", "Div", "Dropout", "Equal", "Erf", "Exp",
    "Expand", "Flatten", "Floor", "Gather", "GatherElements", "Gemm", "Greater", "GreaterOrEqual", "Identity",
    "LeakyRelu", "Less", "LessOrEqual", "Log", "MatMul", "Max", "Mean", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pad",
    "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Relu", "Reshape",
    "Round", "Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice", "Softmax", "Softplus", "SpaceToDepth", "Split", "Sqrt",
    "Squeeze", "Sub", "Sum", "Tanh", "Tile", "Transpose", "Unsqueeze", "Where",
))  # fmt: skip
#: operators that an older opset means alike; linear models of skl2onnx have no others
_UNCHANGED = frozenset(("Cast", "Identity", "MatMul", "Add", "Sub", "Mul", "Div", "Relu", "Tanh", "Sigmoid"))
_EXTERNAL = "weights lie in other files; allowed: one file, onnx.save(model, path) writes it"


def check_model(model: Any) -> None:
    """Whether a model is whole, refers to nothing outside itself, and is of a version that is read.

    Raises
    ------
    FileFormatError
        If not.
    """
    import onnx

    versions = {one.domain: one.version for one in model.opset_import}
    version = versions.get("", versions.get("ai.onnx"))
    older = version is None or version < OLDEST
    if older and not (
        version and all(one.domain == "ai.onnx.ml" or one.op_type in _UNCHANGED for one in model.graph.node)
    ):
        raise FileFormatError(
            f"opset is {version}; allowed: {OLDEST} and later, onnx.version_converter converts older files"
        )
    for graph in _graphs(model.graph):
        if graph.sparse_initializer:
            raise FileFormatError("weights are sparse tensors; allowed: dense ones")
        for tensor in _tensors(graph):
            if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
                raise FileFormatError(_EXTERNAL)
    if len(model.functions):
        raise FileFormatError(
            "the model defines functions of its own; allowed: operators only, onnx.inliner inlines functions"
        )
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # whatever the checker raises
        raise FileFormatError(f"the model is not valid: {line(error)}") from error


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and those in its operators."""
    waiting = [graph]
    while waiting:
        one = waiting.pop()
        yield one
        for node in one.node:
            for attribute in node.attribute:
                waiting += [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise FileFormatError(
                    f"operator {node.op_type} (node {node.name!r}) holds a sparse tensor; allowed: dense ones"
                )
            yield from [*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors]


def bounded(place: str, *sizes: Any, each: int = CONSTANT) -> None:
    """Raise `FileFormatError` unless a tensor of these sizes, of `each` bytes a number, fits into what a file may take."""
    listed = [int(n) for n in sizes]
    count = math.prod(max(n, 0) for n in listed)
    if count * each > most_bytes():
        raise FileFormatError(
            f"{place} makes a tensor of {' x '.join(map(str, listed))} numbers, more than {most_bytes():,} bytes; allowed: less, or a "
            f"larger {LIMIT}"
        )


def folded(node: Any, place: str, values: dict[str, np.ndarray]) -> None:
    """Whether an operator may be computed on constants: one that is known, and whose answer has a bounded size.

    Raises
    ------
    FileFormatError
        If not.
    """
    if node.op_type not in FOLDED or node.domain not in ("", "ai.onnx"):
        raise FileFormatError(f"{place} makes constants; allowed there: arithmetic and wiring")
    given = [values.get(name) for name in node.input]
    known = [value for value in given if value is not None]
    largest = max((value.size for value in known), default=1)
    numbers = [value.astype(float) for value in known if value.size <= 32 and value.dtype.kind in "iuf"]
    match node.op_type:
        case "ConstantOfShape" | "Expand" | "Reshape":
            bounded(place, *numbers[-1].ravel()) if numbers else None
        case "Tile":
            bounded(place, largest, *numbers[-1].ravel()) if numbers else None
        case "Pad" if known[1:]:
            pads = np.maximum(known[1].astype(float).ravel(), 0)
            sizes = known[0].shape
            bounded(place, *(n + sum(pads[k :: len(sizes)]) for k, n in enumerate(sizes)))
        case "Range" if len(numbers) == 3:
            start, end, step = (float(value.ravel()[0]) for value in numbers)
            bounded(place, abs((end - start) / step) if step else math.inf)
        case "MatMul" | "Gemm" if len(known) > 1:
            bounded(place, known[0].size, known[1].size, each=1)
        case "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Where" | "Sum" | "Mean":
            bounded(place, *np.broadcast_shapes(*(value.shape for value in known)))
        case "Gather" if len(known) > 1:
            bounded(place, known[0].size, known[1].size, each=1)


def line(error: Exception) -> str:
    """What a stranger's error says, on one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
