"""The network as tiles, lines and neurons: pure netlist text, free of analyses and of dialect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from emulator.export.cells import activation_key, activations
from emulator.export.mismatch import Spread
from emulator.export.options import Options
from emulator.export.tiles import blocks, card, synapses_in, tile
from emulator.export.two_way import TwoWayLines
from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.graph.names import shorten
from emulator.measure.synapses import crossbar

_LABEL = 60


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


def network(graph: ScatteringGraph, options: Options, spread: dict[str, Spread]) -> Iterator[str]:
    """Lines of the netlist: tiles, then lines and neurons.

    Parameters
    ----------
    graph : ScatteringGraph
    options : Options
    spread : dict of Spread
        The devices of each dense layer; empty without mismatch.
    """
    text = _Text(graph, options)
    for number, coupling in enumerate(graph.couplings):
        weight, label = crossbar(graph, coupling), safe_label(coupling.layer or coupling.name)
        rows, columns = text.wire_up(number, coupling, label)
        if weight is None:
            text.wires(number, coupling, rows, columns)
            continue
        for k, part in enumerate(part for part in blocks(*weight.T.shape) if len(synapses_in(coupling, part))):
            name = f"tile{number}_{k}"
            at_rows, at_columns = part
            yield f"* {name}: rows {at_rows.start} to {at_rows.stop - 1}, columns {at_columns.start} to "
            yield f"*   {at_columns.stop - 1} of the crossbar {label}"
            yield from tile(name, options, coupling, graph.step, weight, spread.get(coupling.layer or ""), part)
            text.instances += card(f"X{name}", text.ports(coupling, rows, columns, *part), name)
        text.to_neurons(number, coupling, columns)
    text.load()
    text.neurons()
    yield from text.instances


class _Text:
    """The instances of a network."""

    def __init__(self, graph: ScatteringGraph, options: Options) -> None:
        self.graph, self.options, self.node = graph, options, Nodes(graph)
        self.states, self.costates = Series(), Series()
        self.two_way = TwoWayLines(graph, options) if options.bilateral else None
        self.instances: list[str] = []

    def wire_up(self, number: int, coupling: Coupling, label: str) -> tuple[list[str], list[str]]:
        """Lay the lines of a coupling; the nodes at which its rows and its columns then are."""
        self.instances += ["", f"* {'wires' if coupling.layer is None else 'crossbar'} {number}: {label}"]
        rows = [self.node("x", n) for n in coupling.rows]
        columns = [self.node("mu", n) for n in coupling.columns]
        if coupling.per_synapse:
            return rows, columns
        far = [f"f{number}_{k}" for k in range(len(rows))]
        if self.two_way is None:
            self._lines(rows, far, coupling.delay_forward)
            back = [f"b{number}_{k}" for k in range(len(columns))]
            self._lines(columns, back, coupling.delay_backward)
            return far, back
        ends = [("0", node) for node in far] if coupling.layer is not None else self._inputs(coupling)
        self.instances += self.two_way.to_rows(number, far, rows, ends)
        return far, [f"{'p' if self.options.in_series else 'c'}{number}_{k}" for k in range(len(columns))]

    def _lines(self, near: list[str], far: list[str], delays: np.ndarray) -> None:
        for start, end, steps in zip(near, far, delays, strict=True):
            self.instances.append(f"X{end} {start} {end} line td={int(steps) * self.graph.step!r}")

    def _inputs(self, coupling: Coupling) -> list[tuple[str, str]]:
        """Where two-way lines end at neurons: the inputs of a neuron are in series."""
        return [self.states.link(self.node("s", n)) for n in coupling.columns]

    def to_neurons(self, number: int, coupling: Coupling, columns: list[str]) -> None:
        """Two-way lines from the columns of a crossbar to its neurons; gyrators give states as voltages again."""
        if self.two_way is None:
            return
        near = [self.states.top(node) for node in columns]
        if not self.options.in_series:
            near = [f"p{number}_{k}" for k in range(len(columns))]
            self.instances += [f"Xg{a} {a} {b} gyrator" for a, b in zip(columns, near, strict=True)]
        names = [f"b{number}_{k}" for k in range(len(columns))]
        self.instances += self.two_way.from_columns(number, names, near, self._inputs(coupling))

    def wires(self, number: int, coupling: Coupling, rows: list[str], columns: list[str]) -> None:
        """Join rows to columns one to one, with synapses of weight 1; two-way lines end at the neurons themselves."""
        if self.two_way is not None:
            return
        for k in range(len(rows)):
            ports = " ".join(self.ports(coupling, rows, columns, [k], [k]))
            self.instances.append(f"Xw{number}_{k} {ports} synapse w=1.0")

    def ports(
        self, coupling: Coupling, rows: list[str], columns: list[str], at_rows: Sequence[int], at_columns: Sequence[int]
    ) -> list[str]:
        """What a tile is joined to, in the order of its ports; for one synapse that of the cell's, too."""
        found = [rows[i] for i in at_rows]
        sums = [columns[j] if self.options.bilateral else self.node("s", coupling.columns[j]) for j in at_columns]
        found += _both_ends(self.states, sums) if self.options.in_series else sums
        if self.options.bilateral:
            return found
        back = [self.node("lam", coupling.rows[i]) for i in at_rows]
        found += [columns[j] for j in at_columns]
        return found + (_both_ends(self.costates, back) if self.options.in_series else back)

    def load(self) -> None:
        """The loss at the output; for cross-entropy with a log-sum-exp about the largest output."""
        outputs = self.graph.layer_neurons(self.graph.network.output)
        states = [self.node("x", n) for n in outputs]
        self.instances += ["", f"* load: {self.graph.loss}"]
        softmax = self.graph.loss == "softmax_cross_entropy"
        if softmax:
            top = states[0]
            for k, x in enumerate(states[1:], 1):
                self.instances.append(f"Xtop{k} {top} {x} top{k} larger")
                top = f"top{k}"
            self.instances += [f"Xexp{k} {x} {top} total exponential" for k, x in enumerate(states)]
            self.instances.append(f"Xlse total {top} lse logsum")
        for k, (x, neuron) in enumerate(zip(states, outputs, strict=True)):
            ports = [x, "lse", f"y{k}"] if softmax else [x, f"y{k}"]
            lam = [self.node("lam", neuron)]
            if not self.options.bilateral:
                ports += _both_ends(self.costates, lam) if self.options.in_series else lam
            self.instances.append(f"Xload{k} {' '.join(ports)} load")

    def neurons(self) -> None:
        """Sources and neurons, with the sums that feed them."""
        options = self.options
        cells = {(function, slope): name for name, function, slope in activations(self.graph)}
        bias = np.zeros(self.graph.neurons)
        for layer, parameters in self.graph.network.parameters.items():
            bias[self.graph.layer_neurons(layer)] = parameters.bias
        for row, site in enumerate(self.graph.sites):
            self.instances += ["", f"* row {row}: {safe_label(site.name)} ({site.role}, {site.function})"]
            cell = "" if site.role == "source" else cells[activation_key(site)]
            for k in range(site.size):
                self._costate_sum(f"lam{row}_{k}")
                if site.role != "source":
                    self._neuron(f"{row}_{k}", float(bias[site.start + k]) * options.volts, cell)
                elif options.bilateral:
                    self.instances.append(f"Xin{row}_{k} in{row}_{k} x{row}_{k} lam{row}_{k} source")

    def _costate_sum(self, lam: str) -> None:
        if self.options.in_series and not self.options.bilateral:
            self.instances.append(f"V{lam} {lam} {self.costates.top(lam)} 0")
        elif not self.options.bilateral:
            self.instances.append(f"X{lam} {lam} sum")

    def _neuron(self, at: str, bias: float, cell: str) -> None:
        options = self.options
        if options.in_series or options.bilateral:
            self.instances.append(f"Vs{at} s{at} {self.states.top(f's{at}')} {bias!r}")
        else:
            self.instances += [f"Xs{at} s{at} sum", f"Is{at} 0 s{at} {bias / options.ohms!r}"]
        self.instances.append(f"Xx{at} s{at} x{at} lam{at} mu{at} {cell}")


def safe_label(name: str) -> str:
    """A layer's name for a comment: one short line of ASCII, whatever the name."""
    return shorten(name.encode("ascii", "backslashreplace").decode("ascii"), _LABEL).replace("…", "...")


def _both_ends(series: Series, nodes: list[str]) -> list[str]:
    ends = [series.link(node) for node in nodes]
    return [low for low, _ in ends] + [high for _, high in ends]
