"""Exports for simulators that take cells as Verilog-A: VACASK, which is run in the tests, and Spectre, which is not."""

from __future__ import annotations

import json
from pathlib import Path

from numpy.typing import ArrayLike

from emulator.export.expected import expect
from emulator.export.folder import FORMAT, MAP, staged
from emulator.export.netlist import network
from emulator.export.options import Options
from emulator.export.penalties import refuse_penalties
from emulator.export.spectre import spectre_text, vacask_text
from emulator.export.two_way import two_way
from emulator.export.used import refuse_unheeded
from emulator.export.veriloga import verilog_a
from emulator.export.warnings import MOST_SYNAPSES, synapse_count, warnings
from emulator.graph import ScatteringGraph
from emulator.network.batch import Inputs

#: format -> file beside the cells
COMPILED = {"vacask": "tb.sim", "spectre": "net.scs"}
#: which simulators have read it, in the tests
READ_BY = {"vacask": "VACASK 0.3.4, its cells by OpenVAF", "spectre": "none: unread"}
CELLS, EXPECTED = "cells.va", "expected.json"


def export_compiled(
    graph: ScatteringGraph,
    directory: str | Path,
    kind: str,
    inputs: Inputs,
    targets: ArrayLike | None,
    *,
    options: Options | None = None,
    sample: int = 0,
    force: bool = False,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write cells in Verilog-A, the network with its testbench, and the values at rest.

    Returns the names of the files, and warnings: what a designer should know, such as what the circuit leaves out.

    For VACASK compile the cells first: ``openvaf-r cells.va -o cells.osdi``, then ``vacask tb.sim``.

    Parameters
    ----------
    graph : ScatteringGraph
    directory : str or Path
        A folder, which appears complete or stays as it was.
    kind : {"vacask", "spectre"}
    inputs, targets, sample
        A batch, and which sample of it the testbench presents.
    options : Options
    force : bool
        Replace an earlier export.

    Raises
    ------
    ExportError
        If the circuit cannot be made as asked, or the folder holds anything.
    """
    options = options or Options()
    refuse_unheeded(kind, options)
    refuse_penalties(graph)
    hardware = graph.hardware
    if options.bilateral:
        graph = two_way(graph)
    small = synapse_count(graph) <= MOST_SYNAPSES[options.circuit]
    expected = expect(
        graph, inputs, targets, sample, two_way=options.bilateral, predicted=small, waves=not options.bilateral
    )
    found = warnings(graph, options, expected, hardware, verified=False)
    design = network(graph, options, {})
    rest = {
        f"{signal}{row}": (values[site.start : site.stop] * options.volts).tolist()
        for row, site in enumerate(graph.sites)
        for signal, values in expected.rest.items()
        if site.role != "source" or signal in ("x", "lam")
    }
    with staged(Path(directory), force) as folder:
        name = COMPILED[kind]
        write = vacask_text if kind == "vacask" else spectre_text
        lines = write(graph, design, options, expected, "cells.osdi" if kind == "vacask" else CELLS, found)
        (folder / name).write_text("\n".join([*lines, ""]), encoding="ascii")
        (folder / CELLS).write_text(verilog_a(graph, options), encoding="ascii")
        (folder / EXPECTED).write_text(json.dumps({"rest": rest}) + "\n", encoding="ascii")
        files = [name, CELLS, EXPECTED, MAP]
        described = {
            "format": FORMAT,
            "version": 1,
            "kind": kind,
            "read_by": READ_BY[kind],
            "files": files,
            "network": graph.network.digest,
            "warnings": list(found),
        }
        (folder / MAP).write_text(json.dumps(described, indent=1) + "\n", encoding="ascii")
    return tuple(files), found
