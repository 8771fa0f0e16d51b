"""ONNX files that would read other files, run without an end, or fill the memory are refused before they do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from emulator.errors import BackwaveError, FileFormatError
from emulator.importers.onnx_file import import_model
from tests.importers.onnx_models import W, model, node


def _elsewhere() -> Any:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "t")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def made_of(nodes: list[Any], **weights: np.ndarray) -> Any:
    """A model whose output has a shape even if it has none that fits."""
    made = model(nodes, **weights)
    del made.graph.value_info[:]
    if not made.graph.output[0].type.tensor_type.HasField("shape"):
        made.graph.output[0].type.tensor_type.shape.dim.add()
    return made


def _loop() -> Any:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["again"])],
        "body",
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("again", TensorProto.BOOL, [])],
    )
    return helper.make_node("Loop", ["many", "true"], ["t"], body=body)


HUGE = np.array([2**31, 2**31], np.int64)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([helper.make_node("Constant", [], ["t"], value=_elsewhere()), node("Add", "x", "t")],
         "weights lie in other files; allowed: one file, onnx.save(model, path) writes it"),
        ([helper.make_node("Loop", ["many", "true"], [], body=helper.make_graph(
            [helper.make_node("Constant", [], ["t"], value=_elsewhere())], "body", [], [])), node("Relu", "x")],
         "weights lie in other files"),
        ([_loop(), node("Relu", "x")], "operator Loop (node 0) makes constants; allowed there: arithmetic and wiring"),
        ([helper.make_node("ConstantOfShape", ["huge"], ["t"]), node("Add", "x", "t")],
         "operator ConstantOfShape (node 0) makes a tensor of 2147483648 x 2147483648 numbers, more than 1,073,741,824 bytes"),
        ([node("Expand", "x", "huge")], "operator Expand (node 'the Expand') makes a tensor of 2147483648 x 2147483648 numbers"),
        ([node("Tile", "x", "huge")], "operator Tile (node 'the Tile') makes a tensor of"),
        ([helper.make_node("Range", ["zero", "end", "step"], ["t"]), node("Relu", "x")], "operator Range (node 0) makes a tensor of"),
        ([helper.make_node("Unsqueeze", ["x", "one"], ["a"]), node("Conv", "a", "k", pads=[2**30, 2**30])],
         "operator Conv (node 'the Conv') makes a tensor of 1 x 2147483651 numbers"),
        ([helper.make_node("Unsqueeze", ["x", "one"], ["a"]), node("Conv", "a", "k", strides=[0])],
         "operator Conv (node 'the Conv') has strides [0]; allowed: 1 numbers from 1"),
        ([helper.make_node("Unsqueeze", ["x", "one"], ["a"]), node("MaxPool", "a", kernel_shape=[2**40])],
         "has windows of 1099511627776 numbers; allowed: at most 16384"),
        ([node("Gemm", "x", "nan", "", transB=1)], "weight[0, 0] is nan; allowed: finite numbers"),
    ],
)  # fmt: skip
def test_what_would_leave_its_bounds_is_refused(nodes: list[Any], words: str) -> None:
    numbers = {
        "many": np.int64(2**62), "true": np.bool_(True), "huge": HUGE, "zero": np.int64(0), "end": np.int64(2**60), "step": np.int64(1),
        "one": np.array([1]), "k": np.ones((1, 1, 2), np.float32), "nan": W * np.float32(np.nan),
    }  # fmt: skip
    made = made_of(nodes, **{name: value for name, value in numbers.items() if any(name in one.input for one in nodes)})
    begun = time.monotonic()
    with pytest.raises(BackwaveError) as told:
        import_model(made, "m")
    assert words in str(told.value) and time.monotonic() - begun < 5


def test_sparse_tensors_and_loops_are_refused() -> None:
    made = model([node("Relu", "x")])
    made.graph.sparse_initializer.add()
    with pytest.raises(FileFormatError, match="weights are sparse tensors; allowed: dense ones"):
        import_model(made, "m")
    made = made_of(
        [helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"]), node("Add", "x", "b")]
    )
    with pytest.raises(FileFormatError, match="the model is not valid: Nodes in a graph must be topologically sorted"):
        import_model(made, "m")


def test_a_formula_that_doubles_with_every_step_takes_no_longer_than_its_steps() -> None:
    nodes = [helper.make_node("Mul", ["x" if k == 0 else f"t{k - 1}"] * 2, [f"t{k}"]) for k in range(100)]
    begun = time.monotonic()
    with pytest.raises(FileFormatError, match="the elementwise function that ends in 't99' is none that is known"):
        import_model(model([*nodes, node("Tanh", "t99")]), "m")
    assert time.monotonic() - begun < 5


def test_a_file_of_an_operator_that_does_not_fit_its_input_is_told_apart(tmp_path: Path) -> None:
    made = made_of([node("Gemm", "x", "w", "", transB=0)], w=W)
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(FileFormatError, match="the model cannot be computed: ValueError"):
        import_model(made, "m")
