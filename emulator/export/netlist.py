"""The network as a hierarchy: crossbar tiles, bundles of lines, rows of neurons, and the whole with its pins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emulator.export.bundles import Bundles
from emulator.export.cells import site_cells
from emulator.export.design import MOST_PINS, SUPPLY, Design, Parameter, Subcircuit, chunks, numbered
from emulator.export.mismatch import Spread
from emulator.export.options import Options
from emulator.export.tiles import blocks, synapses_in, tile
from emulator.export.two_way import TwoWayLines
from emulator.graph import ScatteringGraph, Site
from emulator.graph.coupling import Coupling
from emulator.graph.names import shorten
from emulator.measure.synapses import crossbar

_LABEL = 60
#: parameters that most subcircuits pass on
SCALES = (("vfs", "vfs"), ("rref", "rref"))


class Nodes:
    """Names of nodes: ``x2_7`` is the state of neuron 7 of row 2."""

    def __init__(self, graph: ScatteringGraph) -> None:
        self._row = np.concatenate([np.full(site.size, k) for k, site in enumerate(graph.sites)])
        self._start = [site.start for site in graph.sites]

    def __call__(self, signal: str, neuron: int) -> str:
        """The node of a signal of a neuron."""
        row = int(self._row[neuron])
        return f"{signal}{row}_{int(neuron) - self._start[row]}"


class Series:
    """Sums of voltages: sources in series, each on top of the last, up to the node that carries the sum."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def link(self, node: str) -> tuple[str, str]:
        """The two ends of the next source on the way to `node`."""
        low = self.top(node)
        self._count[node] = self._count.get(node, 0) + 1
        return low, self.top(node)

    def top(self, node: str) -> str:
        """Where the last source on the way to `node` ends."""
        count = self._count.get(node, 0)
        return f"{node}_{count}" if count else "0"


def network(graph: ScatteringGraph, options: Options, spread: dict[str, Spread]) -> Design:
    """The circuit of a graph.

    Parameters
    ----------
    graph : ScatteringGraph
    options : Options
    spread : dict of Spread
        The devices of each dense layer; empty without mismatch.
    """
    return _Network(graph, options, spread).design()


def interface(graph: ScatteringGraph, options: Options) -> tuple[list[str], list[str], list[str]]:
    """Pins of inputs, of targets, and of outputs."""
    node, signal = Nodes(graph), "in" if options.bilateral else "x"
    neurons = np.concatenate([graph.layer_neurons(name) for name in graph.network.inputs])
    outputs = graph.layer_neurons(graph.network.output)
    return [node(signal, n) for n in neurons], numbered("y", len(outputs)), [node("x", n) for n in outputs]


def scales(options: Options) -> list[Parameter]:
    """Parameters of every circuit."""
    found = [
        Parameter("vfs", options.volts, "V", "of a state of 1"),
        Parameter("rref", options.ohms, "ohm", "state over costate of 1"),
    ]
    if options.mismatch:
        found.append(Parameter("mm", 0.0, "", "1 draws every weight with its spread, 0 does not"))
        found.append(Parameter("sigma", 1.0, "", "times the spread of the weights that the hardware states"))
    return found


class _Network:
    """The parts of a network and how they are joined."""

    def __init__(self, graph: ScatteringGraph, options: Options, spread: dict[str, Spread]) -> None:
        self.graph, self.options, self.spread, self.node = graph, options, spread, Nodes(graph)
        self.states, self.costates = Series(), Series()
        self.two_way = TwoWayLines(graph, options) if options.bilateral else None
        self.lines = Bundles(graph, options, self.two_way)
        self.top = Subcircuit("net", [], remark="the network")
        self.tiles: list[Subcircuit] = []
        self.rows: list[Subcircuit] = []

    def design(self) -> Design:
        """Everything."""
        for number, coupling in enumerate(self.graph.couplings):
            self._coupling(number, coupling)
        self._load()
        self._neurons()
        parameters = [*scales(self.options), *self.lines.parameters]
        inputs, targets, outputs = interface(self.graph, self.options)
        self.top.pins = list(dict.fromkeys([*inputs, *targets, *outputs, *SUPPLY]))
        parts = [*self.tiles, *self.lines.parts, *self.rows]
        return Design(self.options.prefix, parameters, parts, self.top, len(self.top.pins) > MOST_PINS)

    def _coupling(self, number: int, coupling: Coupling) -> None:
        weight = crossbar(self.graph, coupling)
        rows, columns = self._wire_up(number, coupling)
        if weight is None:
            if self.two_way is None:
                for k in range(len(rows)):
                    ports = self._ports(coupling, rows, columns, [k], [k])
                    self.top.add(f"w{number}_{k}", [*ports, *SUPPLY], "synapse", w="1.0", **dict(SCALES))
            return
        label, spread = safe_label(coupling.layer or coupling.name), self.spread.get(coupling.layer or "")
        for k, part in enumerate(part for part in blocks(*weight.T.shape) if len(synapses_in(coupling, part))):
            found = tile(f"tile{number}_{k}", self.options, coupling, self.graph.step, weight, spread, part)
            found.remark = f"rows {_span(part[0])}, columns {_span(part[1])} of crossbar {label}"
            self.tiles.append(found)
            nodes = [*self._ports(coupling, rows, columns, *part), *SUPPLY]
            self.top.add(found.name, nodes, found.name, **{name: name for name, _ in found.parameters})
        if self.two_way is not None:
            self._to_neurons(number, coupling, columns)

    def _wire_up(self, number: int, coupling: Coupling) -> tuple[list[str], list[str]]:
        """Lay the lines of a coupling; the nodes at which its rows and its columns then are."""
        rows = [self.node("x", n) for n in coupling.rows]
        columns = [self.node("mu", n) for n in coupling.columns]
        if coupling.per_synapse:
            return rows, columns
        far = [f"f{number}_{k}" for k in range(len(rows))]
        if self.two_way is None:
            back = [f"b{number}_{k}" for k in range(len(columns))]
            self.lines.lay(self.top, f"f{number}", number, rows, far)
            self.lines.lay(self.top, f"b{number}", number, columns, back)
            return far, back
        wires = coupling.layer is None
        high, low = self._inputs(coupling) if wires else (far, None)
        self.lines.lay(self.top, f"f{number}", number, rows, high, low)
        return far, [f"{'p' if self.options.in_series else 'c'}{number}_{k}" for k in range(len(columns))]

    def _inputs(self, coupling: Coupling) -> tuple[list[str], list[str]]:
        """High and low ends of two-way lines at neurons, whose inputs are in series."""
        ends = [self.states.link(self.node("s", n)) for n in coupling.columns]
        return [high for _, high in ends], [low for low, _ in ends]

    def _to_neurons(self, number: int, coupling: Coupling, columns: list[str]) -> None:
        """Two-way lines from the columns of a crossbar to its neurons; gyrators give states as voltages again."""
        near = [self.states.top(node) for node in columns]
        if not self.options.in_series:
            near = [f"p{number}_{k}" for k in range(len(columns))]
            for a, b in zip(columns, near, strict=True):
                self.top.add(f"g{a}", [a, b, *SUPPLY], "gyrator", rref="rref")
        self.lines.lay(self.top, f"b{number}", number, near, *self._inputs(coupling))

    def _ports(
        self, coupling: Coupling, rows: list[str], columns: list[str], at_rows: Sequence[int], at_columns: Sequence[int]
    ) -> list[str]:
        """What a tile is joined to, in the order of its pins; for one synapse that of the cell's, too."""
        found = [rows[i] for i in at_rows]
        sums = [columns[j] if self.options.bilateral else self.node("s", coupling.columns[j]) for j in at_columns]
        found += _both_ends(self.states, sums) if self.options.in_series else sums
        if self.options.bilateral:
            return found
        back = [self.node("lam", coupling.rows[i]) for i in at_rows]
        found += [columns[j] for j in at_columns]
        return found + (_both_ends(self.costates, back) if self.options.in_series else back)

    def _load(self) -> None:
        """The loss at the output; for cross-entropy with a log-sum-exp about the largest output."""
        outputs = self.graph.layer_neurons(self.graph.network.output)
        states = [self.node("x", n) for n in outputs]
        softmax, scaled = self.graph.loss == "softmax_cross_entropy", {"vfs": "vfs"}
        if softmax:
            top = states[0]
            for k, x in enumerate(states[1:], 1):
                self.top.add(f"top{k}", [top, x, f"top{k}", *SUPPLY], "larger")
                top = f"top{k}"
            for k, x in enumerate(states):
                self.top.add(f"exp{k}", [x, top, "total", *SUPPLY], "exponential", **scaled)
            self.top.add("lse", ["total", top, "lse", *SUPPLY], "logsum", **scaled)
        for k, (x, neuron) in enumerate(zip(states, outputs, strict=True)):
            ports = [x, "lse", f"y{k}"] if softmax else [x, f"y{k}"]
            lam = [self.node("lam", neuron)]
            if not self.options.bilateral:
                ports += _both_ends(self.costates, lam) if self.options.in_series else lam
            self.top.add(f"load{k}", [*ports, *SUPPLY], "load", **dict(SCALES))

    def _neurons(self) -> None:
        """Rows of neurons, with the sums that feed them."""
        bias = np.zeros(self.graph.neurons)
        for layer, parameters in self.graph.network.parameters.items():
            bias[self.graph.layer_neurons(layer)] = parameters.bias
        for row, (site, cell) in enumerate(zip(self.graph.sites, site_cells(self.graph), strict=True)):
            label = f"{safe_label(site.name)} ({site.role}, {site.function})"
            for part in chunks(site.size):
                self._row(row, part, site, cell, bias[site.start : site.stop], label)

    def _row(self, row: int, part: range, site: Site, cell: str, bias: np.ndarray, label: str) -> None:
        options, source = self.options, site.role == "source"
        suffix = f"_{part.start}" if site.size > len(part) else ""
        name = f"row{row}{suffix}"
        found = Subcircuit(name, [], (*SCALES,), remark=f"neurons {_span(part)} of row {row}: {label}")
        outer: list[str] = []
        for j, k in enumerate(part):
            at = f"{row}_{k}"
            pins = [f"lam{j}"]
            nodes = [f"lam{at}"]
            if not options.bilateral:
                if options.in_series:
                    pins.append(f"top{j}")
                    nodes.append(self.costates.top(f"lam{at}"))
                    found.add(f"lam{j}", [f"lam{j}", f"top{j}"], "join")
                else:
                    found.add(f"lam{j}", [f"lam{j}"], "sum", rref="rref")
            if source and options.bilateral:
                pins += [f"in{j}", f"x{j}"]
                nodes += [f"in{at}", f"x{at}"]
                found.add(f"in{j}", [f"in{j}", f"x{j}", f"lam{j}"], "source", rref="rref")
            elif not source:
                pins += [f"s{j}", f"x{j}", f"mu{j}"]
                nodes += [f"s{at}", f"x{at}", f"mu{at}"]
                ends = [f"s{j}"]
                if options.in_series or options.bilateral:
                    pins.append(f"low{j}")
                    nodes.append(self.states.top(f"s{at}"))
                    ends.append(f"low{j}")
                found.add(f"s{j}", ends, "bias", bias=repr(float(bias[k])), **dict(SCALES))
                ports = [f"s{j}", f"x{j}", f"lam{j}", f"mu{j}", *SUPPLY]
                found.add(f"x{j}", ports, cell, **dict(SCALES), **self._bent(cell))
            found.pins += pins
            outer += nodes
        found.pins += SUPPLY
        if self._bent(cell):
            found.parameters = (*SCALES, *self._bent(cell).items())
        self.rows.append(found)
        self.top.add(name, [*outer, *SUPPLY], name, **dict(found.parameters))

    def _bent(self, cell: str) -> dict[str, str]:
        return {"tgap": "tgap"} if cell in self.lines.bent else {}


def safe_label(name: str) -> str:
    """A layer's name for a comment: one short line of ASCII, whatever the name."""
    return shorten(name.encode("ascii", "backslashreplace").decode("ascii"), _LABEL).replace("…", "...")


def _span(part: range) -> str:
    return f"{part.start} to {part.stop - 1}" if len(part) > 1 else str(part.start)


def _both_ends(series: Series, nodes: list[str]) -> list[str]:
    ends = [series.link(node) for node in nodes]
    return [low for low, _ in ends] + [high for _, high in ends]
