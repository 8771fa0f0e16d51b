"""Programs of PyTorch (ATen operators) as ONNX graphs, from which networks are made."""

from __future__ import annotations

from typing import Any

from emulator.importers import torch_elementwise, torch_layers, torch_wiring  # they say how operators are written
from emulator.importers.torch_program import Program
from emulator.importers.torch_writer import Writer

__all__ = ["graph_of", "torch_elementwise", "torch_layers", "torch_wiring"]


def graph_of(program: Program) -> Any:
    """An ``onnx.ModelProto`` that computes what a program does.

    Raises
    ------
    FileFormatError
        If an operator is unknown.
    """
    from onnx import helper

    writer = Writer(program)
    for step in program.steps:
        writer.write(step)
    given = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(writer.number), s)
             for n, s in program.inputs.items()]  # fmt: skip
    outputs = [helper.make_tensor_value_info(writer.known(n), helper.np_dtype_to_tensor_dtype(writer.number), None)
               for n in program.outputs]  # fmt: skip
    graph = helper.make_graph(writer.nodes, "program", given, outputs, writer.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
