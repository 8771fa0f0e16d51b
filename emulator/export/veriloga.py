"""Activations and a synapse as Verilog-A modules, for designers to replace by their own. No compiler has seen them."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.export.cells import activations, expression
from emulator.graph import ScatteringGraph
from emulator.network import ACTIVATIONS

_PARAMETERS = ("parameter real volts = 1.0;", "parameter real ohms = 50.0;")


def verilog_a(graph: ScatteringGraph) -> str:
    """One module per activation of a graph, and a synapse of two transconductors.

    The ports are those of the directional circuit's cells: states and costates are voltages, `volts` each for 1.
    """
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: ScatteringGraph) -> Iterator[str]:
    yield "// Activations and synapse of the directional circuit. UNTESTED: no Verilog-A compiler has read this file."
    yield f"// network {graph.network.digest}"
    yield '`include "constants.vams"'
    yield '`include "disciplines.vams"'
    for name, function, slope in activations(graph):
        value, derivative = (expression(text, "u", slope) for text in ACTIVATIONS[function].circuit("verilog_a"))
        body = ("real u;", "analog begin", "  u = V(s)/volts;", f"  V(x) <+ volts*({value});",
                f"  V(mu) <+ ({derivative})*V(lam);", "end")  # fmt: skip
        yield from _module(f"neuron_{name}", "s, x, lam, mu", "s, lam", "x, mu", _PARAMETERS[:1], body)
    cards = ("analog begin", "  I(s) <+ -w/ohms*V(x);", "  I(lam) <+ -w/ohms*V(mu);", "end")
    parameters = (_PARAMETERS[1], "parameter real w = 1.0;")
    yield from _module("synapse", "x, s, mu, lam", "x, mu", "s, lam", parameters, cards)


def _module(
    name: str, ports: str, inputs: str, outputs: str, parameters: tuple[str, ...], body: tuple[str, ...]
) -> Iterator[str]:
    yield ""
    yield f"module {name}({ports});"
    for line in (f"input {inputs};", f"output {outputs};", f"electrical {ports};", *parameters, *body):
        yield f"  {line}"
    yield "endmodule"
