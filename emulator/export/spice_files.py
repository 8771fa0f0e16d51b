"""A scattering graph as a SPICE circuit with testbenches and the values they must show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import ExportError, suggest
from emulator.export.bundle import CORNERS, EXPECTED, LIBRARY, NETLIST, OP, OWN, TRAN, all_files, write_bundle
from emulator.export.cell_files import cells_file
from emulator.export.cells import library
from emulator.export.corners import SUPPLIES, check_corners, read_corners
from emulator.export.design import SUPPLY, Design
from emulator.export.dialect import remark, translate
from emulator.export.expected import expect, first_samples, resting
from emulator.export.folder import MAP, staged
from emulator.export.mismatch import weight_spread
from emulator.export.netlist import interface, network, safe_label
from emulator.export.options import Options, positive
from emulator.export.own_cells import own_cells
from emulator.export.penalties import refuse_penalties
from emulator.export.placing import kept, place
from emulator.export.spice_text import design_text, library_text, one_line
from emulator.export.testbench import Bench
from emulator.export.two_way import two_way
from emulator.export.warnings import MOST_SYNAPSES, synapse_count, warnings
from emulator.graph import ScatteringGraph
from emulator.network.batch import Inputs
from emulator.units import si

#: neurons above which only the output is probed
_MOST_PROBED = 2000
#: samples of the batch that `verify` can judge the task by
_TASK = 20


@dataclass(frozen=True)
class SpiceExport:
    """What was written.

    Parameters
    ----------
    directory : Path
    files : tuple of str
    options : Options
    warnings : tuple of str
        What a designer should know before building or simulating it.
    """

    directory: Path
    files: tuple[str, ...]
    options: Options
    warnings: tuple[str, ...]


def spice(
    graph: ScatteringGraph,
    directory: str | Path,
    inputs: Inputs,
    targets: ArrayLike | None,
    *,
    options: Options | None = None,
    sample: int = 0,
    full_scale: float | None = None,
    probes: Sequence[str] | None = None,
    hold: float | None = None,
    force: bool = False,
    command: str = "",
    cells: str | Path | None = None,
    corners: Sequence[str | Path] = (),
) -> SpiceExport:
    """Write library, netlist, testbenches, a map of nodes, and expected values.

    The testbenches present one sample: ``.op`` at rest, ``.tran`` in the place of an empty one (inputs and targets 0;
    for cross-entropy, equal shares).

    Parameters
    ----------
    graph : ScatteringGraph
        Its network and line delays. The directional circuit answers waves by the matched law; the bilateral one has
        the two-way lines of the graph's bilateral law, or recommended ones if it has another law.
    directory : str or Path
        A folder, which appears complete or stays as it was.
    inputs, targets
        A batch, as for `emulator.settle`.
    options : Options
        Kind of circuit and its scales.
    sample : int
        Which sample of the batch.
    full_scale : float, optional
        Volts of the largest state at rest, in place of ``options.volts``.
    probes : sequence of str, optional
        Layers whose neurons are saved; all, or only the output of a large network, by default.
    hold : float, optional
        Transits of the bilateral circuit's ``.tran``; by default as long as it is predicted to need (see
        `emulator.export.expected.expect`). The directional one runs until its last wave has landed.
    force : bool
        Replace an earlier export.
    command : str
        What was typed to write it, for the head of its files.
    cells : str or Path, optional
        A file of subcircuits that take the place of cells (see `emulator.export.own_cells`), or the name of a bundled one.
    corners : sequence of str or Path
        Files of ``.param`` sets, each a corner of a testbench that has all of them side by side.

    Returns
    -------
    SpiceExport

    Raises
    ------
    ExportError
        If the circuit cannot be made as asked, or the folder holds anything.
    NetworkError
        If the batch does not suit the network.
    FileFormatError
        If a file of cells or of a corner is none.
    OSError
        If nothing can be written there.
    """
    options = options or Options()
    refuse_penalties(graph)
    hardware = graph.hardware
    if options.bilateral:
        graph = two_way(graph, held=not options.mismatch)
    steps = _steps(graph, options, hold, cells is not None)
    small = synapse_count(graph) <= MOST_SYNAPSES[options.circuit]
    cards = library(graph, options)
    own = None if cells is None else own_cells(cells_file(cells), cards, options, graph.loss)
    sets = read_corners([Path(path) for path in corners])
    if options.dialect != "ngspice" and (own is not None or sets):
        raise ExportError(f"cells or corners in dialect {options.dialect!r}; allowed: ngspice, which checks them")
    with staged(Path(directory), force) as folder:
        expected = expect(
            graph, inputs, targets, sample, two_way=options.bilateral, hold=steps if options.bilateral else None, predicted=small,
            waves=not options.bilateral or (small and options.termination == "stub"),
        )  # fmt: skip
        if own is not None and not options.bilateral:
            expected = resting(expected, steps)
        if full_scale is not None:
            largest = float(np.abs(expected.rest["x"]).max()) or 1.0
            options = replace(options, volts=positive("full_scale", full_scale) / largest)
        spread = weight_spread(graph) if options.mismatch else {}
        found = warnings(graph, options, expected, hardware)
        design = network(graph, options, spread)
        known = [*(p.name for p in design.parameters), *SUPPLIES, *(() if own is None else own.names)]
        sets = tuple(one.named(known, options.prefix) for one in sets)
        if own is not None:
            found = (*found, *own.warnings(options.volts, options.ohms))
            own = own.swept(dict.fromkeys(key for one in sets for key in one.values), "a corner ")
            design = place(design, own, cards)
        check_corners(sets, design)
        names = [LIBRARY, *([] if own is None else [OWN]), NETLIST]
        bench = Bench(design, graph, options, expected, _probed(graph, probes), tuple(names), own is not None, sets)
        texts = [
            (LIBRARY, "library of cells", library_text(cards if own is None else kept(cards, own), options.prefix)),
            (NETLIST, "network", design_text(design)),
            (OP, "testbench: operating point, which is forward pass and backpropagation", bench.operating_point()),
            (TRAN, "testbench: transient", bench.transient()),
        ]
        if own is not None:
            texts.append((OWN, f"cells of {own.file}, in place of the library's", own.text(options.prefix)))
        if sets:
            texts.append((CORNERS, "testbench: transient of every corner", bench.side_by_side()))
        heading = list(_heading(graph, design, options, found, command))
        for name, title, lines in texts:
            _write(folder / name, title, heading, translate(lines, options.dialect))
        task = first_samples(graph, inputs, targets, _TASK if small else 0)
        write_bundle(folder, bench, found, task, () if own is None else own.replaced)
    return SpiceExport(Path(directory), all_files(own is not None, bool(sets)), options, found)


def _steps(graph: ScatteringGraph, options: Options, hold: float | None, own: bool) -> int | None:
    if not options.bilateral and hold is not None and not own:
        raise ExportError(f"hold is {hold!r}; allowed with the directional circuit: none, it runs to its last wave")
    return None if hold is None else math.ceil(positive("hold", hold) * graph.transit)


def _probed(graph: ScatteringGraph, probes: Sequence[str] | None) -> tuple[int, ...]:
    """Numbers of the rows that hold the probed layers."""
    if probes is None:
        everything = graph.neurons <= _MOST_PROBED
        probes = list(graph.layer_sites) if everything else [graph.network.output]
    for layer in probes:
        if layer not in graph.layer_sites:
            raise ExportError(f"probes: no layer {suggest(layer, graph.layer_sites)}")
    names = {graph.layer_sites[layer][0] for layer in probes}
    if not names:
        raise ExportError("probes are empty; allowed: names of layers")
    return tuple(row for row, site in enumerate(graph.sites) if site.name in names)


def _heading(
    graph: ScatteringGraph, design: Design, options: Options, found: tuple[str, ...], command: str
) -> Iterator[str]:
    volts, ohms = options.volts, options.ohms
    yield f"written by backwave {metadata.version('backwave')}; node names and expected values are in {MAP}, {EXPECTED}"
    yield f"command: {command or 'emulator.export.spice, in Python'}"
    yield f"dialect {remark(options.dialect)}"
    yield f"network {graph.network.digest}"
    yield f"circuit {options.circuit}, synapses {options.synapse}, wiring {graph.wiring}, loss {graph.loss}"
    yield f"hardware {safe_label(graph.hardware.name)}, seed {graph.seed}, step {si(graph.step, 's')}"
    inputs, targets, outputs = interface(graph, options)
    spans = (f"{what} {_bus(pins)}" for what, pins in (("inputs", inputs), ("targets", targets), ("outputs", outputs)))
    yield f"pins of {options.prefix}net, in order: {', '.join(spans)}, supply {' '.join(SUPPLY)}"
    yield f"state: 1 is {volts!r} V; costate: 1 is {volts!r} V at its node"
    if options.bilateral:
        yield f"costate as the current of a line: 1 is {volts / ohms!r} A; {ohms!r} ohm is state over costate of 1"
        yield f"two-way lines: {_settings(graph)}; terminations {options.termination}"
    else:
        yield f"weights: 1 is a transconductance of {1 / ohms!r} S into {ohms!r} ohm"
    if options.mismatch:
        yield f"mismatch: switched by the parameter {options.prefix}mm, seed {options.seed}"
    if design.flat:
        yield f"warning: {len(design.top.pins)} pins are more than a subcircuit can have; the network stands once, without one"
    for text in found:
        yield f"warning: {text}"


def _bus(pins: Sequence[str]) -> str:
    return pins[0] if len(pins) == 1 else f"{pins[0]} to {pins[-1]}"


def _settings(graph: ScatteringGraph) -> str:
    """A law's settings in words."""
    names = {"impedance": getattr(graph.law, "impedance", 1.0), **graph.law.parameters}
    return ", ".join(f"{name} {value:g}" for name, value in names.items())


def _write(path: Path, title: str, heading: Iterable[str], lines: Iterable[str]) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"* backwave {one_line(title)}\n")
        file.writelines(f"* {one_line(text)}\n" for text in heading)
        file.write("\n")
        file.writelines(f"{line}\n" for line in lines)
