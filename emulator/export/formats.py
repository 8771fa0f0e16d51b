"""Exports other than SPICE: one file and a map of it in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np

from emulator.errors import ExportError, suggest
from emulator.export.folder import FORMAT, MAP, staged
from emulator.export.options import Options
from emulator.export.penalties import refuse_penalties
from emulator.export.sax import models_text, sax_text
from emulator.export.touchstone import network_touchstone, touchstone
from emulator.export.used import refuse_unheeded
from emulator.export.veriloga import verilog_a
from emulator.export.xschem import write_xschem
from emulator.graph import ScatteringGraph
from emulator.graph.names import printable
from emulator.measure.reference import Reference
from hwmodels.registry import Registry

Format = tuple[str, Callable[[ScatteringGraph, Path], object]]


def _text(make: Callable[[ScatteringGraph], str]) -> Callable[[ScatteringGraph, Path], object]:
    return lambda graph, path: path.write_text(make(graph), encoding="utf-8")


def node_link_text(graph: ScatteringGraph) -> str:
    """Neurons, and synapses with weights and delays, as JSON that ``networkx.node_link_graph`` reads."""
    expanded = graph.expand()
    return json.dumps(nx.node_link_data(expanded, edges="edges"), default=_plain) + "\n"


def _plain(value: object) -> object:
    """A number of NumPy as one of Python."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _write_expanded(graph: ScatteringGraph, path: Path) -> None:
    """GraphML with a node per neuron and an edge per synapse."""
    expanded = graph.expand()
    for _, data in expanded.nodes(data=True):
        data |= {key: _graphml(value) for key, value in data.items()}
    for *_, data in expanded.edges(data=True):
        data |= {key: _graphml(value) for key, value in data.items()}
    nx.write_graphml(expanded, path)


def _graphml(value: object) -> object:
    """A value as GraphML knows it; nothing is an empty text."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool | int | float):
        return plain
    return "" if plain is None else printable(str(plain))


def _checked_format(name: str, found: Format) -> Format:
    try:
        file, write = found
    except (TypeError, ValueError):
        file, write = "", None
    if not (isinstance(file, str) and file and Path(file).name == file and file != MAP and callable(write)):
        raise ExportError(
            f"export format {name!r} is {found!r}; allowed: a file name, and a function of a graph and a path"
        )
    return found


#: format -> file name, and what writes it
FORMATS: Registry[Format] = Registry(
    "export format",
    "backwave.formats",
    {
        "graphml": ("graph.graphml", ScatteringGraph.to_graphml),
        "graphml-neurons": ("neurons.graphml", _write_expanded),
        "json": ("graph.json", ScatteringGraph.to_json),
        "node-link": ("graph.json", _text(node_link_text)),
    },
    _checked_format,
)
#: what takes options, a layer or a rest: Touchstone of a crossbar and of the network around a rest, SAX, and the cells
SCATTERING = {
    "touchstone": ("tile.ts",), "touchstone-network": ("network.ts",), "sax": ("netlist.json", "models.py"),
    "verilog-a": ("cells.va",),
}  # fmt: skip
#: sheets and symbols of the circuit, as many as its network asks for
SHEETS = "xschem"
#: formats of small signals around the rest of a sample
AT_REST = ("touchstone-network", "sax")


def check_format(kind: str) -> None:
    """Raise `ExportError` for a format that there is not."""
    known = ["spice", "vacask", "spectre", *FORMATS, *SCATTERING, SHEETS]
    if kind not in known:
        raise ExportError(f"unknown format {suggest(kind, known)}")


def export_file(
    graph: ScatteringGraph,
    directory: str | Path,
    kind: str,
    *,
    layer: str | None = None,
    ohms: float = 50.0,
    point: Reference | None = None,
    options: Options | None = None,
    force: bool = False,
) -> tuple[str, ...]:
    """Write one of `FORMATS` or of `SCATTERING`, or `SHEETS`; the names of the files.

    Parameters
    ----------
    graph : ScatteringGraph
    directory : str or Path
        A folder, which appears complete or stays as it was.
    kind : str
        ``touchstone`` is one layer's crossbar, ``touchstone-network`` the whole network around a rest.
    layer : str, optional
        Of ``touchstone``.
    ohms : float
        Of Touchstone ports.
    point : Reference, optional
        The rest of ``touchstone-network`` and ``sax``: its first sample.
    options : Options, optional
        The circuit of ``sax``, ``verilog-a`` and ``xschem``.
    force : bool
        Replace an earlier export.

    Raises
    ------
    ExportError
        If the format is unknown, the graph cannot be written in it, a rest is missing, or the folder holds anything.
    OSError
        If nothing can be written there.
    """
    check_format(kind)
    refuse_unheeded(kind, options)
    names: tuple[str, ...]
    if kind in AT_REST:
        refuse_penalties(graph)
        if point is None:
            raise ExportError(f"{kind}: a rest is missing; allowed: the reference of a sample, with its target")
    with staged(Path(directory), force) as folder:
        if kind == SHEETS:
            names = write_xschem(graph, folder, options)
        elif kind in SCATTERING:
            names = SCATTERING[kind]
            for name, text in zip(names, _texts(kind, graph, layer, ohms, point, options), strict=True):
                (folder / name).write_text(text, encoding="ascii")
        else:
            name, write = FORMATS[kind]
            names = (name,)
            write(graph, folder / name)
        described = {
            "format": FORMAT,
            "version": 1,
            "kind": kind,
            "files": [*names, MAP],
            "network": graph.network.digest,
        }
        (folder / MAP).write_text(json.dumps(described, indent=1) + "\n", encoding="ascii")
    return *names, MAP


def _texts(
    kind: str,
    graph: ScatteringGraph,
    layer: str | None,
    ohms: float,
    point: Reference | None,
    options: Options | None,
) -> tuple[str, ...]:
    """What the files of one of `SCATTERING` hold."""
    if kind == "touchstone":
        return (touchstone(graph, layer, ohms),)
    if kind == "verilog-a" or point is None:
        return (verilog_a(graph, options),)
    if kind == "sax":
        return sax_text(graph, point, options), models_text()
    return (network_touchstone(graph, point, ohms),)
