"""Models of other frameworks and tables of data that are damaged, or that lie about themselves."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.fuzz import mutate
from tests.importers.onnx_models import random_model

_SIZES = (0, 1, 2, 3, 7, -1, 255, 2**16, 2**31, 2**31 - 1, 2**40, 2**62, -(2**40))
_KINDS = ("Loop", "If", "Scan", "LSTM", "Conv", "ConvTranspose", "MaxPool", "AveragePool", "Gemm", "MatMul", "Reshape", "Expand", "Tile",
          "Pad", "Range", "ConstantOfShape", "OneHot", "Resize", "RandomNormal", "Add", "Mul", "Concat", "Split", "Slice", "Gather",
          "Transpose", "Squeeze", "Softmax", "BatchNormalization", "Erf", "Pow", "Einsum", "StringNormalizer", "", "x")  # fmt: skip
_PATHS = ("../../../../etc/passwd", "/dev/zero", "/dev/stdin", "w.bin", "", "\0", "/proc/self/mem")


def seeds() -> list[bytes]:
    """Random models, and one of many operators."""
    found = []
    for seed in range(24):
        try:
            found.append(random_model(seed).SerializeToString())
        except (ValueError, IndexError):
            continue
    return found


def model(rng: random.Random, seed: bytes) -> bytes:
    """An ``.onnx`` file near a seed: its messages changed, or its bytes."""
    if rng.random() < 0.25:
        return mutate.blob(rng, seed)
    made = onnx.ModelProto()
    made.ParseFromString(seed)
    for _ in range(rng.choice([1, 1, 2, 3])):
        try:
            _CHANGES[rng.randrange(len(_CHANGES))](rng, made)
        except Exception:  # what has been changed already may not be changed so again
            continue
    content = made.SerializeToString()
    return mutate.blob(rng, content) if rng.random() < 0.05 else content


def _weights(rng: random.Random, made: Any) -> None:
    tensor = rng.choice(made.graph.initializer)
    action = rng.randrange(7)
    if action == 0:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(_SIZES)
    elif action == 1:
        del tensor.dims[:]
        tensor.dims.extend(rng.choice(_SIZES) for _ in range(rng.choice([0, 1, 2, 5, 40])))
    elif action == 2:
        tensor.data_type = rng.choice([*range(24), 99, -1])
    elif action == 3:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    elif action == 4:
        array = numpy_helper.to_array(tensor)
        with np.errstate(all="ignore"):
            worse = np.where(rng.random() < 0.5, array, array * rng.choice([np.nan, np.inf, -1, 0, 1e30, 1e-45]))
            tensor.CopyFrom(numpy_helper.from_array(worse.astype(array.dtype), tensor.name))
    elif action == 5:
        tensor.name = rng.choice([*(one.name for one in made.graph.initializer), "x", "", "\0"])
    else:
        _outside(rng, tensor)


def _outside(rng: random.Random, tensor: Any) -> None:
    """Weights that are said to lie in another file."""
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (
        ("location", rng.choice(_PATHS)),
        ("offset", str(rng.choice(_SIZES))),
        ("length", str(rng.choice(_SIZES))),
    ):
        if rng.random() < 0.8:
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    if rng.random() < 0.8:
        tensor.ClearField("raw_data")


def _attribute(rng: random.Random, made: Any) -> None:
    node = rng.choice(made.graph.node)
    action = rng.randrange(8)
    if action == 0 and node.attribute:
        del node.attribute[rng.randrange(len(node.attribute))]
        return
    if action == 1 or not node.attribute:
        name = rng.choice(["axis", "axes", "perm", "kernel_shape", "strides", "pads", "group", "alpha", "epsilon", "mode", "auto_pad",
                           "ceil_mode", "dilations", "output_shape", "output_padding", "body", "value", "to", "transA"])  # fmt: skip
        value: Any = rng.choice(
            [rng.choice(_SIZES), [rng.choice(_SIZES) for _ in range(rng.choice([1, 2, 4]))], 1.5, "SAME_UPPER"]
        )
        node.attribute.append(helper.make_attribute(name, value))
        return
    one = rng.choice(node.attribute)
    if action == 2:
        one.type = rng.randrange(15)
    elif action == 3:
        one.name = rng.choice(["axis", "kernel_shape", "pads", "", "x"])
    elif action == 4:
        one.ints.extend([rng.choice(_SIZES)] * rng.choice([1, 2, 1000]))
    elif action == 5:
        one.t.CopyFrom(numpy_helper.from_array(np.ones(3, np.float32)))
        one.type = onnx.AttributeProto.TENSOR
        if rng.random() < 0.6:
            _outside(rng, one.t)
    elif one.ints:
        one.ints[rng.randrange(len(one.ints))] = rng.choice(_SIZES)
    else:
        one.i, one.f = rng.choice(_SIZES), rng.choice([0.0, -1.0, float("nan"), float("inf"), 1e-38])


def _node(rng: random.Random, made: Any) -> None:
    nodes = made.graph.node
    number = rng.randrange(len(nodes))
    node, action = nodes[number], rng.randrange(7)
    names = [name for one in nodes for name in (*one.input, *one.output)] + ["x", "", "nothing"]
    if action == 0:
        node.op_type = rng.choice(_KINDS)
    elif action == 1 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif action == 2:
        node.input.append(rng.choice(names))
    elif action == 3:
        del nodes[number]
    elif action == 4:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        nodes.insert(rng.randrange(len(nodes) + 1), copy)
    elif action == 5 and node.output:
        node.output[rng.randrange(len(node.output))] = rng.choice(names)
    else:
        node.domain = rng.choice(["x", "ai.onnx.ml", "com.microsoft", ""])


def _growth(rng: random.Random, made: Any) -> None:
    """Constants of sizes that nobody has memory for, or a formula that doubles with every step."""
    graph = made.graph
    top = graph.node[-1].output[0]
    if rng.random() < 0.5:
        shape = numpy_helper.from_array(np.array([rng.choice(_SIZES) for _ in range(2)], np.int64), "huge")
        graph.initializer.append(shape)
        graph.node.insert(
            0, helper.make_node(rng.choice(["ConstantOfShape", "Range", "RandomNormalLike"]), ["huge"], ["hugely"])
        )
        graph.node.append(
            helper.make_node(rng.choice(["Add", "Expand", "Tile", "Reshape", "Pad"]), [top, "hugely"], ["grown"])
        )
        graph.output[0].name = "grown"
        return
    for k in range(rng.choice([10, 60, 300])):
        graph.node.append(helper.make_node(rng.choice(["Mul", "Add", "Sub"]), [top, top], [f"again{k}"]))
        top = f"again{k}"
    graph.output[0].name = top


def _ends(rng: random.Random, made: Any) -> None:
    one = rng.choice([*made.graph.input, *made.graph.output])
    action = rng.randrange(4)
    if action == 0 and one.type.tensor_type.shape.dim:
        rng.choice(one.type.tensor_type.shape.dim).dim_value = rng.choice(_SIZES)
    elif action == 1:
        one.type.tensor_type.elem_type = rng.randrange(22)
    elif action == 2:
        one.name = rng.choice(["x", "y", "", *(name for node in made.graph.node for name in node.output)])
    else:
        one.type.ClearField("tensor_type")


def _version(rng: random.Random, made: Any) -> None:
    made.ir_version = rng.choice([*_SIZES[:5], 3, 8, 99])
    for one in made.opset_import:
        one.version = rng.choice([0, 1, 9, 13, 15, 21, 22, 99, -1, 2**40])


_CHANGES = (_weights, _weights, _attribute, _attribute, _node, _node, _ends, _growth, _version)


def program(rng: random.Random, seed: bytes) -> bytes:
    """A ``.pt2`` file near a seed: what it says of itself, or its bytes."""
    if rng.random() < 0.2:
        return mutate.blob(rng, seed)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(seed)) as given, zipfile.ZipFile(buffer, "w") as made:
        names = given.namelist()
        changed = rng.choice([name for name in names if name.endswith("json")] * 3 + names)
        for name in names:
            content = given.read(name)
            if name == changed:
                content = (
                    mutate.as_json(rng, json.loads(content)) if name.endswith("json") else mutate.blob(rng, content)
                )
            made.writestr(name, content)
    return buffer.getvalue()


def tables() -> list[bytes]:
    """Tables of numbers, with texts, decimal commas and none of a header."""
    rows = [(f"{k % 7}.5", f"{k % 5}.25", "-1e-3", ("cat", "dog", "ox")[k % 3]) for k in range(30)]
    found = []
    for separator in (",", ";", "\t", " "):
        for head in ("a,b,c,kind", ""):
            lines = [head.replace(",", separator), *(separator.join(row) for row in rows)]
            text = "\n".join(line for line in lines if line)
            found.append(text.encode())
            if separator != ",":
                found.append(text.replace(".", ",").encode("cp1252"))
    return found


def golden() -> bytes:
    """A program that PyTorch wrote."""
    return (Path(__file__).parent.parent / "golden" / "torch" / "small.pt2").read_bytes()
