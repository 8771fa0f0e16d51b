"""One crossbar of an exported circuit as a schematic: its ports, lines, terminations and neurons, under their node names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emulator.errors import ExportError, suggest
from emulator.export.bundles import Bundles
from emulator.export.netlist import Nodes, safe_label
from emulator.export.options import Options
from emulator.export.symbols import COSTATE, STATE, Sheet
from emulator.export.two_way import TwoWayLines, with_two_way_lines
from emulator.files import atomic_write
from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.measure.synapses import Floats, crossbar
from emulator.text import for_terminal
from emulator.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: most rows and columns of a crossbar that is drawn whole, and how many of a larger one are
_WHOLE, _SOME = 10, 3
#: from row to row, from column to column, to the first column, and from the last row to the neurons
_SHARED_LINES = (1.7, 2.3, 4.3, 2.7)
_OWN_LINES = (2.1, 4.0, 2.3, 0.9)
#: how far below a row its synapses' own lines are, and its costates
_OWN_AHEAD, _OWN_BACK = 0.5, 1.4
_DPI = 150


def schematic(
    graph: ScatteringGraph,
    path: str | os.PathLike[str] | None = None,
    *,
    layer: str | None = None,
    options: Options | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the circuit around one crossbar as `emulator.export.spice` writes it.

    Parameters
    ----------
    graph : ScatteringGraph
        In either wiring; the bilateral circuit has tiles only.
    path : str or path-like, optional
        Where to save the picture (atomically); the ending tells the format.
    layer : str, optional
        Dense layer; the first, by default.
    options : Options
        Kind of circuit, as for the netlist.
    title : str, optional
        What the network is called, above crossbar, law and hardware.

    Raises
    ------
    ExportError
        If there is no such layer, if the bilateral circuit is asked of synapse wiring, or if the ending is not that of a picture.
    """
    options = options or Options()
    if options.bilateral:
        graph = with_two_way_lines(graph)
    layer, number = _crossbar(graph, layer)
    if path is not None:
        _format(Path(path))
    picture = _Picture(graph, options, number)
    picture.draw(title)
    if path is not None:
        _save(picture.sheet.ax, Path(path))
    return picture.sheet.ax


def check_schematic(graph: ScatteringGraph, path: str | os.PathLike[str], layer: str | None = None) -> None:
    """Raise `ExportError` where `schematic` would, before anything else is written."""
    _crossbar(graph, layer)
    _format(Path(path))


def _crossbar(graph: ScatteringGraph, layer: str | None) -> tuple[str, int]:
    """A dense layer, the first by default, and the number of its crossbar."""
    layers = {c.layer: number for number, c in enumerate(graph.couplings) if c.layer is not None}
    layer = next(iter(layers), None) if layer is None else layer
    if layer is None or layer not in layers:
        raise ExportError(f"schematic: no crossbar {suggest(str(layer), [str(name) for name in layers])}")
    return layer, layers[layer]


def _format(path: Path) -> str:
    """The format of a picture's ending."""
    from matplotlib.backend_bases import FigureCanvasBase

    kind, formats = path.suffix.removeprefix(".").lower(), FigureCanvasBase.get_supported_filetypes()
    if kind not in formats:
        raise ExportError(f"file '{path}': no picture format {suggest(kind, formats)}")
    return kind


class _Picture:
    """The schematic of crossbar `number`."""

    def __init__(self, graph: ScatteringGraph, options: Options, number: int) -> None:
        self.graph, self.options, self.number = graph, options, number
        self.coupling: Coupling = graph.couplings[number]
        self.node = Nodes(graph)
        self.rows, self.columns = len(self.coupling.rows), len(self.coupling.columns)
        whole = max(self.rows, self.columns) <= _WHOLE
        self.shown = (self.rows, self.columns) if whole else (min(self.rows, _SOME), min(self.columns, _SOME))
        own = self.coupling.per_synapse
        self.row, self.column, self.left, self.foot = _OWN_LINES if own else _SHARED_LINES
        self.bottom = 0.5 - self.row * self.shown[0]
        right = self.left + self.column * self.shown[1] - 0.5
        self.sheet = Sheet(-0.9, right, self.bottom - self.foot - 1.9, 1.1)
        two_way = TwoWayLines(graph, options) if options.bilateral else None
        bundles = Bundles(graph, options, two_way)
        self.ahead, self.back = (bundles.values(f"{side}{number}", number) for side in "fb")

    def draw(self, title: str | None) -> None:
        """Everything, from left to right."""
        weight, (row, column) = crossbar(self.graph, self.coupling), self.coupling.pairs()
        for i in range(self.shown[0]):
            self._row(i)
        for j in range(self.shown[1]):
            self._column(j)
        shown = np.flatnonzero((row < self.shown[0]) & (column < self.shown[1]))
        for k, i, j in zip(shown.tolist(), row[shown].tolist(), column[shown].tolist(), strict=True):
            w = f"{0.0 if weight is None else float(weight[j, i]):.2g}"
            if self.coupling.per_synapse:
                self._synapse_with_lines(i, j, k, w)
            else:
                self._synapse(i, j, w)
        self._words(title)

    def _words(self, title: str | None) -> None:
        """What the network and this crossbar are called, and what the symbols mean."""
        label = safe_label(str(self.coupling.layer))
        size = f"{self.rows} x {self.columns}"
        size += "" if self.coupling.devices is None else f" with {self.coupling.size} synapses"
        drawn = "" if self.shown == (self.rows, self.columns) else f", of which {self.shown[0]} x {self.shown[1]} drawn"
        named = [title] if title else []
        named.append(f"law {self.graph.law.name}, hardware {self.graph.hardware.name}")
        named.append(f"crossbar {label}, {size}{drawn}: {self.options.circuit} circuit")
        self.sheet.ax.set_title("\n".join(map(for_terminal, named)), fontsize=10, parse_math=False)
        ohms = si(self.options.ohms, "ohm")
        kind = "ideal transformers of ratio w" if self.options.in_series else f"two transconductors w/{ohms} each"
        two = "voltage: state, current: costate" if self.options.bilateral else "blue: states, orange: costates"
        ends = _ends(self.ahead, 0, stub=self._stub)
        ended = f"terminations: {' and '.join(text.split()[0] for text in ends) or 'none'} to ground"
        if self._stub and ("ct" in self.ahead or "ls" in self.ahead):
            ended += "; stubs of half a step take the place of C (open) and L (shorted)"
        wiring = "; every synapse has lines of its own" if self.coupling.per_synapse else ""
        notes = [f"synapses: {kind}{wiring}", two, ended]
        self.sheet.text(-0.7, self.bottom - self.foot - 1.85, "\n".join(notes), ha="left", va="bottom")

    @property
    def _stub(self) -> bool:
        return self.options.termination == "stub"

    def _row(self, i: int) -> None:
        y, sheet = -self.row * i, self.sheet
        end = self.left + self.column * (self.shown[1] - 1) + 1.2
        sheet.port(0.0, y, self.node("x", self.coupling.rows[i]), STATE)
        if self.coupling.per_synapse:
            sheet.wire([(0.0, y), (end, y)])
            low = y - _OWN_BACK
            end += 0.9
        else:
            sheet.wire([(0.0, y), (0.7, y)])
            sheet.line(1.5, y, 1.6)
            sheet.text(1.5, y + 0.28, f"f{self.number}_{i}: {', '.join(_line(self.ahead, i))}")
            sheet.wire([(2.3, y), (end, y)])
            if before := _before(self.ahead, i, stub=self._stub):
                sheet.box(0.35, y, 0.3, 0.16, "")
                sheet.text(0.35, y - 0.3, "\n".join(before))
            if ends := _ends(self.ahead, i, stub=self._stub):
                top = y - 0.08 * len(ends)
                sheet.wire([(2.75, y), (2.75, top)])
                sheet.termination(2.75, top, ends)
            low = y - 0.55
        if not self.options.bilateral:
            sheet.wire([(end, low), (0.0, low)], COSTATE)
            sheet.port(0.0, low, self.node("lam", self.coupling.rows[i]), COSTATE)

    def _column(self, j: int) -> None:
        x, neuron, sheet = self.left + self.column * j, self.coupling.columns[j], self.sheet
        low, at, foot = self.bottom, f"{self.node('', neuron)}", self.bottom - self.foot
        function = next(site.function for site in self.graph.sites if site.start <= neuron < site.stop)
        if self.options.bilateral:
            sheet.wire([(x, 0.35), (x, low - 1.1)])
            if not self.options.in_series:
                sheet.box(x, low - 0.5, 0.9, 0.5, "gyrator")
            if before := _before(self.back, j, stub=self._stub):
                sheet.box(x, low - 0.93, 0.16, 0.24, "")
                sheet.text(x + 0.2, low - 0.93, "\n".join(before), ha="left")
            self._line_to(x, j, x, low - 2.0, STATE)
        else:
            sheet.wire([(x, 0.35), (x, foot)])
            if self.coupling.per_synapse:
                sheet.wire([(x + 0.6, -0.2), (x + 0.6, foot)], COSTATE)
            else:
                sheet.wire([(x + 0.6, -0.2), (x + 0.6, low - 1.1)], COSTATE)
                self._line_to(x + 0.6, j, x + 0.6, low - 0.35, COSTATE)
            sheet.text(x + 0.65, foot + 0.25, f"mu{at}", COSTATE, ha="left")
        centre, side = (x, "left") if self.options.bilateral else (x + 0.3, "right")
        sheet.text(x + (0.08 if side == "left" else -0.08), foot + 0.25, f"s{at}", STATE, ha=side)
        sheet.box(centre, foot - 0.25, 1.5, 0.5, function)
        sheet.wire([(centre, foot - 0.5), (centre, foot - 0.8)])
        sheet.text(centre, foot - 1.0, f"x{at}, lam{at}")

    def _line_to(self, x: float, j: int, end: float, at: float, colour: str) -> None:
        """The line of column `j`, upright, and its termination beside (`end`, `at`)."""
        sheet, low = self.sheet, self.bottom
        sheet.line(x, low - 1.5, 0.8, upright=True)
        label = "\n".join([f"b{self.number}_{j}:", *_line(self.back, j)])
        sheet.text(x + 0.2, low - 1.5, label, ha="left")
        sheet.wire([(x, low - 1.9), (x, low - self.foot)], colour)
        if ends := _ends(self.back, j, stub=self._stub):
            side = -0.3 if self.options.bilateral else 0.3
            sheet.wire([(end, at), (end + side, at - 0.04)], colour)
            sheet.termination(end + side, at - 0.04, ends, right=side > 0)

    def _synapse(self, i: int, j: int, weight: str) -> None:
        """Two transconductors, or one transformer, of the same weight."""
        x, y = self.left + self.column * j, -self.row * i
        self._device(x, y, STATE, to="down")
        if not self.options.bilateral:
            self._device(x + 0.6, y - 0.55, COSTATE, to="left")
        self.sheet.text(x + 0.2, y + 0.22, weight, ha="left")

    def _synapse_with_lines(self, i: int, j: int, k: int, weight: str) -> None:
        """The same with a line of its own to either device, ended there."""
        x, y, sheet = self.left + self.column * j, -self.row * i, self.sheet
        low, across = y - _OWN_AHEAD, y - _OWN_BACK
        ways = ((x - 1.6, x - 1.05, x - 0.47, self.ahead, STATE), (x + 0.6, x + 1.2, x + 1.76, self.back, COSTATE))
        for start, centre, end, values, colour in ways:
            sheet.line(centre, low, 0.8)
            sheet.text(centre, low + 0.24, ", ".join(_line(values, k)))
            sheet.wire([(start, low), (centre - 0.4, low)], colour)
            sheet.wire([(end, low), (end, low - 0.08)], colour)
            sheet.termination(end, low - 0.08, _ends(values, k, stub=self._stub))
        sheet.dot(x - 1.6, y, STATE)
        sheet.wire([(x - 1.6, y), (x - 1.6, low)], STATE)
        sheet.wire([(x - 0.65, low), (x - 0.2, low)], STATE)
        self._device(x - 0.16, low, STATE, to="right")
        sheet.dot(x + 0.6, low, COSTATE)
        sheet.wire([(x + 1.6, low), (x + 2.0, low), (x + 2.0, across)], COSTATE)
        self._device(x + 2.0, across + 0.16, COSTATE, to="down")
        sheet.text(x + 0.08, low + 0.2, weight, ha="left")

    def _device(self, x: float, y: float, colour: str, *, to: str) -> None:
        if self.options.in_series:
            self.sheet.transformer(x, y, colour)
        else:
            self.sheet.amplifier(x, y, colour, to=to)


def _line(values: dict[str, Floats], k: int) -> list[str]:
    """Delay, or both, and impedance of line `k` of a bundle."""
    delays = [si(float(values[name][k]), "s") for name in (("tdf", "tdb") if "tdf" in values else ("td",))]
    return [" and ".join(dict.fromkeys(delays)), si(float(values["z0"][k]), "ohm")]


def _ends(values: dict[str, Floats], k: int, *, stub: bool) -> list[str]:
    """What ends line `k`; nothing, a resistor, or one with a capacitor."""
    found = [f"R {si(float(values['rt'][k]), 'ohm')}"] if "rt" in values else []
    if "ct" in values:
        found.append(f"C {si(float(values['ct'][k]), 'F')}{' (stub)' if stub else ''}")
    return found


def _before(values: dict[str, Floats], k: int, *, stub: bool) -> list[str]:
    """What line `k` begins with; nothing, or a resistor and an inductor in parallel."""
    if "rs" not in values:
        return []
    inductor = f"|| L {si(float(values['ls'][k]), 'H')}{' (stub)' if stub else ''}"
    return [f"R {si(float(values['rs'][k]), 'ohm')}", inductor]


def _save(ax: Axes, path: Path) -> None:
    figure = ax.figure.canvas.figure
    kind = _format(path)
    atomic_write(path, lambda file: figure.savefig(file, format=kind, dpi=_DPI))
