"""The line-and-junction graph as instances, connections and ports that SAX reads, with lines and their ends as instances.

In the directional circuit every state and every costate has a pin, a line and a matched end of its own; in the bilateral
circuit a pin has both, as voltage and current, and lines have the terminations of the bilateral law. Neurons and the load
are linearised at the rest of a sample. `emulator.export.sax_models` has a model for every component.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np

from emulator.errors import ExportError
from emulator.export.options import Options
from emulator.export.two_way import bilateral_law, low_pass, two_way
from emulator.families.bilateral.lines import Lines, lines_of
from emulator.families.bilateral.mishaps import Mishaps
from emulator.graph import Bundle, Element, ScatteringGraph
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, load_conductance, neuron_values, operating_point, slopes
from emulator.measure.synapses import Floats
from emulator.network import softmax

#: version of SAX that has read such netlists
READ_BY = "sax 0.18.2"


def sax_netlist(graph: ScatteringGraph, point: Reference, options: Options | None = None) -> dict[str, Any]:
    """A netlist whose every pin is joined to at most one other; each line, each end of one, and each element is an instance.

    Instances are called ``e0``, ``e1``, ... (elements, in topological order; the setting ``element`` is its name), ``l0_0``,
    ... (two-way lines, by bundle), ``f0_0`` and ``b0_0`` (lines of states and of costates), with ``t`` before the name for
    what ends a line and ``h`` for what stands before it. A component has its size in its name, such as
    ``one_way_crossbar_64_32``, for SAX knows a component by its name alone. A pin is ``instance,port_k``, and
    ``instance,port_back_k`` where costates have pins of their own. Delays are in seconds, impedances in state over costate.

    Ports are ``in0``, ... and ``y0``, ...: in the directional circuit a wave into an input is its state and the wave out its
    costate, one into a target is the target and the wave out the output; in the bilateral circuit they are the ports of
    ``touchstone-network``.

    Parameters
    ----------
    graph : ScatteringGraph
    point : Reference
        Whose first sample is the rest.
    options : Options
        Whose circuit counts, and whether terminations are stubs.

    Raises
    ------
    ExportError
        In synapse wiring, where many lines share a pin.
    """
    options = options or Options()
    if graph.wiring != "tile":
        raise ExportError(f"a SAX netlist got wiring {graph.wiring!r}; allowed: tile, where a pin has one line")
    return _Netlist(graph, point, options).content()


def sax_text(graph: ScatteringGraph, point: Reference, options: Options | None = None) -> str:
    """The netlist as JSON."""
    return json.dumps(sax_netlist(graph, point, options), allow_nan=False, indent=None) + "\n"


def models_text() -> str:
    """The module of models that stands beside a netlist."""
    text = resources.files("emulator.export").joinpath("sax_models.py").read_text(encoding="utf-8")
    return f"# read by: {READ_BY}, in the tests\n{text}"


class _Netlist:
    """Both circuits of one graph."""

    def __init__(self, graph: ScatteringGraph, point: Reference, options: Options) -> None:
        self.options, self.both = options, options.bilateral
        self.graph = _alone(two_way(graph)) if self.both else graph
        self.lines: Lines | None = lines_of(self.graph) if self.both else None
        rest = operating_point(self.graph, point) if self.both else _directional(graph, point)
        self.rest = rest
        self.slope, bend = slopes(self.graph, rest.s)
        self.bend = bend * rest.lam
        self.names = {element.name: f"e{k}" for k, element in enumerate(self.graph.elements)}
        self.fanouts = {element.name for element in self.graph.elements if element.kind == "fanout"}
        self.instances: dict[str, dict[str, Any]] = {}
        self.connections: dict[str, str] = {}

    def content(self) -> dict[str, Any]:
        """Everything."""
        ways = "two_way" if self.both else "one_way"
        for element in self.graph.elements:
            self._add(self.names[element.name], f"{ways}_{_component(element)}", **self._settings(element))
        first = self._first_lines()
        for number, bundle in enumerate(self.graph.bundles):
            for k in range(bundle.count):
                if self.both:
                    self._two_way(number, bundle, k, first.get(bundle.name, 0) + k)
                else:
                    self._one_way(number, bundle, k)
        ports = dict(self._ports())
        if self.both:
            self._close(set(ports.values()))
        return {"instances": self.instances, "connections": self.connections, "ports": ports}

    def _add(self, name: str, component: str, **settings: Any) -> None:
        self.instances[name] = {"component": component, "settings": settings}

    def _ends(self, bundle: Bundle, k: int, back: str = "") -> tuple[str, str]:
        """Pins at which a line starts and ends."""
        # the outward ports of a fan-out are as wide as what leaves them
        start = 0 if bundle.part is None or bundle.tail[0] in self.fanouts else bundle.part.start
        tail = f"{self.names[bundle.tail[0]]},{bundle.tail[1]}{back}_{start + k}"
        return tail, f"{self.names[bundle.head[0]]},{bundle.head[1]}{back}_{bundle.into.start + k}"

    def _one_way(self, number: int, bundle: Bundle, k: int) -> None:
        """A matched line for the state, and one for the costate, where the bundle has them."""
        ways = (
            ("f", *self._ends(bundle, k), bundle.delay_forward),
            ("b", *self._ends(bundle, k, "_back")[::-1], bundle.delay_backward),
        )
        for way, source, end, steps in ways:
            if steps is None:
                self.connections[source] = end
                continue
            name, delay = f"{way}{number}_{k}", int(steps[k]) * self.graph.step
            self._add(name, "line", delay_forward=delay, delay_backward=delay, impedance=1.0)
            self._add(f"t{name}", "matched_end", resistance=1.0)
            self._chain([source, f"{name},near", f"{name},far", f"t{name},near", f"t{name},far", end])

    def _two_way(self, number: int, bundle: Bundle, k: int, line: int) -> None:
        """A line for both, between its terminations."""
        tail, head = self._ends(bundle, k)
        if not bundle.is_line or self.lines is None:
            self.connections[tail] = head
            return
        name, lines, law, graph = f"l{number}_{k}", self.lines, bilateral_law(self.graph), self.graph
        z, pole = float(lines.impedance[line]), low_pass(graph)
        passes = lines.passes
        settings = {
            "delay_forward": int(lines.forward[line]) * graph.step, "delay_backward": int(lines.backward[line]) * graph.step,
            "impedance": z, "gain_forward": float(passes.gain_forward[line]),
            "gain_backward": float(passes.gain_backward[line]), **_mishaps(lines.mishaps, line),
        }  # fmt: skip
        self._add(name, "line", **settings, pole=pole, step=graph.step)
        stub = graph.step / 2 if self.options.termination == "stub" else 0.0
        pins = [tail, f"{name},near", f"{name},far", head]
        if law.source_end is not None:
            inductance = law.source_end.inductance * graph.transit_seconds * z
            self._add(
                f"h{name}", "source_end", resistance=law.source_end.resistance * z, inductance=inductance, stub=stub
            )
            pins[1:1] = [f"h{name},near", f"h{name},far"]
        if law.far_end is not None:
            capacitance = law.far_end.capacitance * graph.transit_seconds / z
            self._add(f"t{name}", "far_end", resistance=law.far_end.resistance * z, capacitance=capacitance, stub=stub)
            pins[-1:-1] = [f"t{name},near", f"t{name},far"]
        self._chain(pins)

    def _chain(self, pins: list[str]) -> None:
        self.connections |= dict(zip(pins[::2], pins[1::2], strict=True))

    def _first_lines(self) -> dict[str, int]:
        """Number of the first line of every bundle in the order of the couplings."""
        found: dict[str, int] = {}
        at = 0
        for coupling in self.graph.couplings if self.both else ():
            for bundle in (
                *coupling.bundles_forward,
                *(coupling.bundles_backward if coupling.layer is not None else ()),
            ):
                found[bundle.name] = at
                at += bundle.count
        return found

    def _close(self, ports: set[str]) -> None:
        """States that nothing reads leave their pin open."""
        joined = {*self.connections, *self.connections.values(), *ports}
        for element in self.graph.elements:
            for port in element.ports:
                for k in range(port.width):
                    pin = f"{self.names[element.name]},{port.name}_{k}"
                    if pin not in joined:
                        self._add(f"o{len(self.instances)}", "open")
                        self.connections[pin] = f"o{len(self.instances) - 1},port"

    def _settings(self, element: Element) -> dict[str, Any]:
        graph, shared = self.graph, {"element": element.name, "layer": element.layer}
        if element.kind == "crossbar":
            parameters = graph.network.parameters[element.layer]
            return {**shared, "weight": parameters.weight.tolist(), "bias": parameters.bias.tolist()}
        if element.kind == "activation":
            site = next(site for site in graph.sites if element.name in site.members)
            part = slice(site.start, site.stop)
            linear = {"slope": self.slope[part].tolist(), "bend": self.bend[part].tolist()}
            return {**shared, "function": element.function, **linear}
        if element.kind == "fanout":
            bundles = {bundle.tail: bundle for bundle in graph.bundles}
            parts = [bundles[element.name, port.name].part for port in element.ports[1:]]
            return {**shared, "start": [0 if part is None else part.start for part in parts]}
        if element.kind == "load":
            share, stiffness = self._load()
            return {**shared, "loss": graph.loss, "stiffness": stiffness.tolist(), "share": share}
        return shared

    def _load(self) -> tuple[float, Floats]:
        """Costate over target, and over output."""
        outputs = self.graph.layer_neurons(self.graph.network.output)
        if self.graph.loss == "softmax_cross_entropy":
            found = softmax(self.rest.x[outputs])
            return 1.0, np.diag(found) - np.outer(found, found)
        kappa = load_conductance(self.graph) if self.both else 1.0
        return kappa, kappa * np.eye(len(outputs))

    def _ports(self) -> Iterator[tuple[str, str]]:
        """What the user drives: inputs by number, and the targets of the load."""
        network = self.graph.network
        inputs = [(layer, k) for layer in network.inputs for k in range(network.size(layer))]
        yield from ((f"in{n}", f"{self.names[layer]},data_{k}") for n, (layer, k) in enumerate(inputs))
        load = next(element for element in self.graph.elements if element.kind == "load")
        yield from ((f"y{k}", f"{self.names[load.name]},target_{k}") for k in range(load.port("in").width))


def _alone(graph: ScatteringGraph) -> ScatteringGraph:
    """The graph without what leaks between lines: a model of SAX knows one."""
    return replace(graph, hardware=graph.hardware.replace({"lines.crosstalk": 0.0}))


def _mishaps(found: Mishaps, line: int) -> dict[str, bool]:
    """What befalls a line, where something does."""
    flags = {name: bool(getattr(found, name)[line]) for name in ("broken", "stuck_near", "stuck_far")}
    return {name: True for name, has in flags.items() if has}


def _directional(graph: ScatteringGraph, point: Reference) -> OperatingPoint:
    """The rest under the matched law, whatever the law of the graph."""
    x, s, lam = (values[0] for values in neuron_values(graph, point))
    return OperatingPoint(x, s, lam)


def _component(element: Element) -> str:
    """Kind and widths of all ports: one name for one set of ports."""
    kind = f"{element.kind}_{element.function}" if element.kind == "activation" else element.kind
    return re.sub(r"\W", "_", "_".join([kind, *(str(port.width) for port in element.ports)]))
