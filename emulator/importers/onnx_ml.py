"""Operators of the domain ``ai.onnx.ml`` that are linear, as skl2onnx writes them, in terms of the operators of ONNX itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from emulator.errors import FileFormatError
from emulator.importers.onnx_check import OLDEST
from emulator.importers.onnx_nodes import attributes

DOMAIN = "ai.onnx.ml"


def plain(model: Any) -> Any:
    """The same model without scalers and linear models of that domain.

    Raises
    ------
    FileFormatError
        If one of them turns its scores into what no softmax gives.
    """
    from onnx import ModelProto

    if not any(node.domain == DOMAIN for node in model.graph.node):
        return model
    made = ModelProto()
    made.CopyFrom(model)
    for one in made.opset_import:
        one.version = max(one.version, OLDEST) if one.domain in ("", "ai.onnx") else one.version
    if not any(one.domain in ("", "ai.onnx") for one in made.opset_import):
        made.opset_import.add(domain="", version=OLDEST)
    del made.graph.node[:]
    for number, node in enumerate(model.graph.node):
        place = f"operator {node.op_type} (node {node.name or number!r})"
        writer = _WRITERS.get(node.op_type) if node.domain == DOMAIN else None
        if writer is None:
            made.graph.node.append(node)
        else:
            writer(made.graph, node, place)
    return made


def _constant(graph: Any, name: str, value: np.ndarray) -> str:
    from onnx import numpy_helper

    graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
    return name


def _add(graph: Any, kind: str, inputs: list[str], output: str, name: str, **given: Any) -> str:
    from onnx import helper

    graph.node.append(helper.make_node(kind, inputs, [output], name=name, **given))
    return output


def _scaler(graph: Any, node: Any, place: str) -> None:
    """``(x - offset) scale``."""
    given, out = attributes(node), node.output[0]
    offset = _constant(graph, f"{out}.offset", given.get("offset", [0.0]))
    scale = _constant(graph, f"{out}.scale", given.get("scale", [1.0]))
    moved = _add(graph, "Sub", [node.input[0], offset], f"{out}.moved", node.name)
    _add(graph, "Mul", [moved, scale], out, node.name)


def _scores(graph: Any, node: Any, place: str, rows: int, factor: float, out: str) -> str:
    """``factor (W x + b)`` with so many rows of coefficients."""
    given = attributes(node)
    coefficients = np.asarray(given["coefficients"], float)
    if rows < 1 or coefficients.size % rows:
        raise FileFormatError(
            f"{place} has {coefficients.size} coefficients for {rows} outputs; allowed: as many for each"
        )
    weight = _constant(graph, f"{out}.weight", factor * coefficients.reshape(rows, -1))
    bias = _constant(graph, f"{out}.bias", factor * np.asarray(given.get("intercepts", np.zeros(rows))))
    return _add(graph, "Gemm", [node.input[0], weight, bias], out, node.name, transB=1)


def _classifier(graph: Any, node: Any, place: str) -> None:
    """Scores whose softmax the probabilities are; of two classes, ``sigmoid(z)`` is that of ``-z/2`` and ``z/2``."""
    given = attributes(node)
    rows = len(given.get("classlabels_ints", ()) or given.get("classlabels_strings", ()))
    coefficients = np.asarray(given["coefficients"], float).reshape(max(rows, 1), -1)
    transform = given.get("post_transform", b"NONE").decode()
    two = transform == "LOGISTIC" and rows == 2 and np.array_equal(coefficients[0], -coefficients[1])
    if transform != "SOFTMAX" and not two:
        raise FileFormatError(
            f"{place} turns its scores into {transform} of {rows} classes; allowed: a softmax over them, or two classes"
        )
    label, chances = node.output
    scores = _scores(graph, node, place, rows, 0.5 if two else 1.0, f"{chances or label}.scores")
    _add(graph, "Softmax", [scores], chances, node.name, axis=1)
    _add(graph, "ArgMax", [scores], label, node.name, axis=1)


def _regressor(graph: Any, node: Any, place: str) -> None:
    """``W x + b``."""
    given = attributes(node)
    if given.get("post_transform", b"NONE") != b"NONE":
        raise FileFormatError(f"{place} transforms its outputs by {given['post_transform'].decode()}; allowed: NONE")
    _scores(graph, node, place, int(given.get("targets", 1)), 1.0, node.output[0])


_WRITERS = {"Scaler": _scaler, "LinearClassifier": _classifier, "LinearRegressor": _regressor}
