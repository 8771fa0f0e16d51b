"""The line-and-junction graph as instances, connections and ports, in the manner of SAX and other circuit tools."""

from __future__ import annotations

import json
import re
from typing import Any

from emulator.errors import ExportError
from emulator.graph import Bundle, Element, ScatteringGraph


def sax_netlist(graph: ScatteringGraph) -> dict[str, Any]:
    """A netlist whose every port is joined to at most one other; each line and each element is an instance.

    Instances are called ``e0``, ``e1``, ... (elements, in topological order; the setting ``element`` is its name) and
    ``l0_0``, ... (lines, by bundle). A component has its
    size in its name, such as ``crossbar_64_32``, for SAX knows a component by its name alone. A port is ``instance,port_k``.
    Delays are in seconds, 0 where a line carries
    nothing that way; crossbars have their ``weight`` (n_out, n_in) and ``bias``.

    Raises
    ------
    ExportError
        In synapse wiring, where many lines share a port.
    """
    if graph.wiring != "tile":
        raise ExportError(f"a SAX netlist got wiring {graph.wiring!r}; allowed: tile, where a port has one line")
    names = {element.name: f"e{k}" for k, element in enumerate(graph.elements)}
    instances: dict[str, dict[str, Any]] = {
        names[e.name]: {"component": _component(graph, e), "settings": _settings(graph, e)} for e in graph.elements
    }
    connections: dict[str, str] = {}
    for number, bundle in enumerate(graph.bundles):
        for k in range(bundle.count):
            tail = f"{names[bundle.tail[0]]},{bundle.tail[1]}_{k}"
            head = f"{names[bundle.head[0]]},{bundle.head[1]}_{bundle.into.start + k}"
            if not bundle.is_line:
                connections[tail] = head
                continue
            line = f"l{number}_{k}"
            instances[line] = {"component": "line", "settings": _line(graph, bundle, k)}
            connections |= {tail: f"{line},near", f"{line},far": head}
    return {"instances": instances, "connections": connections, "ports": _ports(graph, names)}


def sax_text(graph: ScatteringGraph) -> str:
    """The netlist as JSON."""
    return json.dumps(sax_netlist(graph), allow_nan=False, indent=None) + "\n"


def _component(graph: ScatteringGraph, element: Element) -> str:
    """Kind and widths of all ports: one name for one set of ports."""
    kind = f"{element.kind}_{element.function}" if element.kind == "activation" else element.kind
    return re.sub(r"\W", "_", "_".join([kind, *(str(port.width) for port in element.ports)]))


def _settings(graph: ScatteringGraph, element: Element) -> dict[str, Any]:
    shared = {"element": element.name, "layer": element.layer}
    if element.kind == "crossbar":
        parameters = graph.network.parameters[element.layer]
        return {**shared, "weight": parameters.weight.tolist(), "bias": parameters.bias.tolist()}
    if element.kind == "activation":
        return {**shared, "function": element.function, "slope": element.slope}
    return {**shared, "loss": graph.loss} if element.kind == "load" else shared


def _line(graph: ScatteringGraph, bundle: Bundle, k: int) -> dict[str, float]:
    ahead, back = (
        0.0 if delay is None else int(delay[k]) * graph.step for delay in (bundle.delay_forward, bundle.delay_backward)
    )
    return {"delay_forward": ahead, "delay_backward": back, "impedance": bundle.impedance}


def _ports(graph: ScatteringGraph, names: dict[str, str]) -> dict[str, str]:
    """What the user drives: inputs by number, and the targets of the load."""
    found: dict[str, str] = {}
    neurons = 0
    for layer in graph.network.inputs:
        for k in range(graph.network.size(layer)):
            found[f"in{neurons}"] = f"{names[layer]},data_{k}"
            neurons += 1
    load = next(element for element in graph.elements if element.kind == "load")
    return found | {f"y{k}": f"{names[load.name]},target_{k}" for k in range(load.port("in").width)}
