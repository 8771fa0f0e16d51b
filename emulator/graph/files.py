"""Scattering graphs as files: JSON with every delay, and GraphML for graph tools."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import networkx as nx
import numpy as np

from emulator.errors import ExportError
from emulator.files import atomic_write
from emulator.graph.compiled import CompiledNetwork
from emulator.graph.elements import Steps
from emulator.graph.names import printable
from emulator.laws import Law

FORMAT = "backwave scattering graph"
VERSION = 1


def write_json(graph: CompiledNetwork, path: str | os.PathLike[str]) -> None:
    """Write a graph as one JSON object, in ASCII, with a line for each site, element and bundle.

    Its members are ``format`` and ``version``; ``network`` (SHA-256 digest), ``law`` (all that it was given, or that was chosen for it,
    as ``settings``), ``loss``, ``wiring``,
    ``hardware``, ``seed`` and ``step`` (seconds); ``neurons``, ``notes``, and ``sites``, ``layers``,
    ``elements`` and ``bundles``, as `CompiledNetwork` has them. Delays are in steps, one per line; in synapse
    wiring each line's crossbar row and column stand beside them.

    Raises
    ------
    ExportError
        If a parameter of the law is not finite, which JSON cannot express.
    OSError
        If the folder cannot be written to.
    """
    members = {
        **_origin(graph),
        "law": _law(graph.law),
        "hardware": {"name": graph.hardware.name, "digest": graph.hardware.digest},
        "neurons": graph.neurons,
        "notes": list(graph.notes),
        "layers": {layer: {"site": site, "signal": signal} for layer, (site, signal) in graph.layer_sites.items()},
        "sites": list(graph.sites),
        "elements": list(graph.elements),
        "bundles": list(graph.bundles),
    }
    text = ",\n".join(f"{json.dumps(name)}: {_member(value)}" for name, value in members.items())
    atomic_write(path, lambda file: file.write(f"{{\n{text}\n}}\n".encode("ascii")))


def write_graphml(graph: CompiledNetwork, path: str | os.PathLike[str]) -> None:
    """Write elements and bundles as GraphML, which `networkx.read_graphml` and graph tools open.

    All attributes are plain numbers and texts; delays are there as their least, mean and greatest. Characters
    that XML or a screen cannot show are escaped with backslashes.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    plain = nx.MultiDiGraph(
        **{name: printable(value) if isinstance(value, str) else value for name, value in _origin(graph).items()},
        law=printable(graph.law.name),
        hardware=printable(graph.hardware.name),
    )
    site_of = {member: site for site in graph.sites for member in site.members}
    for element in graph.elements:
        site = site_of.get(element.name)
        plain.add_node(
            printable(element.name),
            kind=element.kind,
            layer=printable(element.layer),
            function=element.function,
            slope=element.slope,
            inward=sum(port.width for port in element.ports if port.inward),
            outward=sum(port.width for port in element.ports if not port.inward),
            ports=" ".join(f"{port.name}:{port.width}" for port in element.ports),
            **({"site": printable(site.name), "role": site.role} if site else {}),
        )
    for bundle in graph.bundles:
        plain.add_edge(
            printable(bundle.tail[0]),
            printable(bundle.head[0]),
            key=printable(bundle.name),
            name=printable(bundle.name),
            tail_port=bundle.tail[1],
            head_port=bundle.head[1],
            count=bundle.count,
            first=bundle.into.start,
            stop=bundle.into.stop,
            line=bundle.is_line,
            impedance=bundle.impedance,
            **_extent("delay_forward", bundle.delay_forward),
            **_extent("delay_backward", bundle.delay_backward),
        )
    atomic_write(path, lambda file: nx.write_graphml(plain, file))


def _origin(graph: CompiledNetwork) -> dict[str, Any]:
    """What both formats say of where a graph comes from."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "network": graph.network.digest,
        "loss": graph.loss,
        "wiring": graph.wiring,
        "seed": graph.seed,
        "step": graph.step,
    }


def _law(law: Law) -> dict[str, Any]:
    figures = {"impedance": law.impedance, **law.parameters}
    for name, value in figures.items():
        if not math.isfinite(value):
            raise ExportError(f"law {law.name}: {name} is {value!r}; allowed in JSON: finite numbers")
    parameters = {name: float(value) for name, value in law.parameters.items()}
    return {"name": law.name, "impedance": float(law.impedance), "parameters": parameters, "settings": law.settings}


def _member(value: object) -> str:
    """One member of the object; a list with a line for each entry."""
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"  {_member(entry)}" for entry in value) + "\n]"
    return json.dumps(value, default=_plain, allow_nan=False)


def _plain(value: object) -> object:
    """A part of a graph as JSON knows it."""
    match value:
        case np.ndarray():
            return value.tolist()
        case slice():
            return {"start": value.start, "stop": value.stop}
        case _:
            return vars(value)


def _extent(name: str, delay: Steps | None) -> dict[str, float]:
    if delay is None:
        return {}
    return {f"{name}_min": int(delay.min()), f"{name}_mean": float(delay.mean()), f"{name}_max": int(delay.max())}
