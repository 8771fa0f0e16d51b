"""A design in the syntax that Spectre and VACASK share: subcircuits of instances, cells as modules of Verilog-A.

VACASK has read and run what is written for it. What is written for Spectre has the same structure, and no Spectre has read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from emulator.export.cells import library
from emulator.export.design import Design, Instance, Subcircuit
from emulator.export.expected import Expected
from emulator.export.netlist import interface
from emulator.export.options import Options
from emulator.export.spice_text import one_line
from emulator.export.testbench import FINE, SUPPLIES
from emulator.export.warnings import MOST_SYNAPSES, synapse_count
from emulator.graph import ScatteringGraph

_WIDTH = 100
#: rise time and step of the transient of large circuits, in steps of the graph
_COARSE = 0.25
#: tolerances of VACASK, and its steps: as they are asked for, since nothing in the circuit integrates
_OPTIONS = (
    'options reltol=1e-9 abstol=1e-15 vntol=1e-13 gmin=0 tran_method="trap" tran_lteratio=1e9 tran_redofactor=0 '
    'tran_itl=100 nr_convtol=1 nr_conviter=2 relref="allglobal"'
)


def vacask_text(
    graph: ScatteringGraph,
    design: Design,
    options: Options,
    expected: Expected,
    osdi: str,
    warnings: Sequence[str] = (),
) -> Iterator[str]:
    """A testbench of VACASK: operating point and transient of the sample, as in those of SPICE.

    Parameters
    ----------
    graph : ScatteringGraph
    design : Design
    options : Options
    expected : Expected
    osdi : str
        File of the compiled cells.
    warnings : sequence of str
        For the head of the file.
    """
    yield f"backwave {options.circuit} circuit, network {graph.network.digest}"
    yield "// read by: VACASK 0.3.4, its cells by OpenVAF, in the tests; not by Spectre"
    yield from _told(warnings)
    yield "ground 0"
    yield f'load "{osdi}"'
    yield "model vsource vsource"
    for cell in library(graph, options):
        yield f"model {options.prefix}{cell.name} {options.prefix}{cell.name}"
    yield ""
    yield from structure(design, "//")
    sources = list(_sources(graph, options, expected))
    yield from _bench(
        design, ((name, f'dc={pwl[-1]!r} type="dc" wave=[{", ".join(map(repr, pwl))}]') for name, pwl in sources)
    )
    yield "control"
    yield "  abort always"
    yield f"  {_OPTIONS}"
    yield "  analysis op1 op"
    for name, _ in sources:
        yield f'  alter instance("v{name}") type="pwl"'
    fine = repr(_fine(graph, options))
    yield f"  analysis tran1 tran step={fine} stop={_stop(graph, expected)!r} maxstep={fine}"
    yield "endc"


def spectre_text(
    graph: ScatteringGraph,
    design: Design,
    options: Options,
    expected: Expected,
    cells: str,
    warnings: Sequence[str] = (),
) -> Iterator[str]:
    """The same for Spectre, which has not read it; its cells are the modules of a file of Verilog-A."""
    yield f"// backwave {options.circuit} circuit, network {graph.network.digest}"
    yield "// UNREAD: no Spectre has read this file; VACASK has read one of the same structure"
    yield from _told(warnings)
    yield "simulator lang=spectre"
    yield f'ahdl_include "{cells}"'
    yield from structure(design, "//")
    sources = _sources(graph, options, expected)
    yield from _bench(
        design, ((name, f"type=pwl dc={pwl[-1]!r} wave=[{' '.join(map(repr, pwl))}]") for name, pwl in sources)
    )
    yield "op1 dc"
    yield f"tran1 tran stop={_stop(graph, expected)!r} maxstep={_fine(graph, options)!r}"


def _told(warnings: Sequence[str]) -> Iterator[str]:
    return (f"// warning: {one_line(text)}" for text in warnings)


def _bench(design: Design, sources: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The network, its supplies, and the sources of inputs and targets with what each of them does."""
    yield from _card("xnet", design.top.pins, f"{design.prefix}net")
    for name, volts in SUPPLIES.items():
        yield f"v{name} ({name} 0) vsource dc={volts!r}"
    for name, drive in sources:
        yield f"v{name} ({name} 0) vsource {drive}"


def _sources(graph: ScatteringGraph, options: Options, expected: Expected) -> Iterator[tuple[str, list[float]]]:
    """Names of inputs and targets, with the corners of their waves: seconds and volts by turns."""
    inputs, targets, _ = interface(graph, options)
    before, after = (np.concatenate([one.inputs, one.targets]) for one in (expected.before, expected.sample))
    start, rise = graph.step, graph.step + _fine(graph, options)
    for name, old, new in zip([*inputs, *targets], before.tolist(), after.tolist(), strict=True):
        old, new = old * options.volts, new * options.volts
        yield name, [0.0, old, start, old, rise, new]


def _fine(graph: ScatteringGraph, options: Options) -> float:
    """Seconds in which sources rise, and of the simulator's steps: of large circuits, whole parts of the stubs' half steps."""
    large = synapse_count(graph) > MOST_SYNAPSES[options.circuit]
    return (_COARSE if large else FINE) * graph.step


def _stop(graph: ScatteringGraph, expected: Expected) -> float:
    return graph.step + expected.hold * graph.step


def structure(design: Design, comment: str) -> Iterator[str]:
    """Parameters, subcircuits and the network."""
    for p in design.parameters:
        yield f"{comment} {p.name}: {p.meaning}" + (f" ({p.unit})" if p.unit else "")
        yield f"parameters {design.prefix}{p.name}={p.value!r}"
    for part in design.parts:
        yield f"{comment} {part.name}: {part.remark}"
        yield from _subcircuit(part, design.prefix, {name: "1" for name, _ in part.parameters})
    yield from _subcircuit(design.top, design.prefix, {p.name: f"{design.prefix}{p.name}" for p in design.parameters})


def _subcircuit(part: Subcircuit, prefix: str, parameters: dict[str, str]) -> Iterator[str]:
    yield from _card(f"subckt {prefix}{part.name}", part.pins, "")
    yield from (f"parameters {name}={value}" for name, value in parameters.items())
    for one in part.instances:
        yield from _instance(one, prefix)
    yield "ends"
    yield ""


def _instance(one: Instance, prefix: str) -> Iterator[str]:
    yield from _card(f"x{one.name}", one.nodes, f"{prefix}{one.cell}", [f"{k}={v}" for k, v in one.settings])


def _card(words: str, nodes: Sequence[str], cell: str, settings: list[str] | None = None) -> Iterator[str]:
    """One statement, continued by a backslash where it is long."""
    line, words_left = words, [f"({nodes[0]}" if nodes else "(", *nodes[1:]]
    words_left[-1] += ")"
    parts = [*words_left, *([cell] if cell else []), *(settings or [])]
    for part in parts:
        if len(line) + len(part) >= _WIDTH:
            yield f"{line} \\"
            line = " "
        line += f" {part}"
    yield line
