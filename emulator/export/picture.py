"""One crossbar of an exported circuit as a schematic: its ports, lines, terminations and neurons, under their node names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, Polygon, Rectangle

from emulator.errors import ExportError, suggest
from emulator.export.netlist import Nodes, safe_label
from emulator.export.options import Options
from emulator.export.two_way import TwoWayLines, with_two_way_lines
from emulator.files import atomic_write
from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.measure.synapses import crossbar
from emulator.text import for_terminal
from emulator.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _STATE, _COSTATE = "#222222", "#0072B2", "#D55E00"
#: most rows and columns of a crossbar that is drawn whole, and how many of a larger one are
_WHOLE, _SOME = 10, 3
_ROW, _COLUMN, _LEFT = 1.7, 2.3, 4.3
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
        In tile wiring.
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
        If there is no such layer, in synapse wiring, or if the ending is not that of a picture.
    """
    options = options or Options()
    if graph.wiring != "tile":
        raise ExportError(f"a schematic got wiring {graph.wiring!r}; allowed: tile")
    if options.bilateral:
        graph = with_two_way_lines(graph)
    layers = {c.layer: number for number, c in enumerate(graph.couplings) if c.layer is not None}
    layer = next(iter(layers), None) if layer is None else layer
    if layer not in layers:
        raise ExportError(f"schematic: no crossbar {suggest(str(layer), [str(name) for name in layers])}")
    picture = _Picture(graph, options, layers[layer])
    picture.draw(title)
    if path is not None:
        _save(picture.ax, Path(path))
    return picture.ax


class _Picture:
    """The schematic of crossbar `number`."""

    def __init__(self, graph: ScatteringGraph, options: Options, number: int) -> None:
        self.graph, self.options, self.number = graph, options, number
        self.coupling: Coupling = graph.couplings[number]
        self.node = Nodes(graph)
        self.rows, self.columns = len(self.coupling.rows), len(self.coupling.columns)
        whole = max(self.rows, self.columns) <= _WHOLE
        self.shown = (self.rows, self.columns) if whole else (min(self.rows, _SOME), min(self.columns, _SOME))
        width, height = _LEFT + _COLUMN * self.shown[1] + 0.4, _ROW * self.shown[0] + 4.6
        self.bottom = -_ROW * self.shown[0] + 0.5
        self.ax = Figure(figsize=(0.82 * width, 0.82 * height), layout="constrained").add_subplot()
        self.ax.set(xlim=(-0.9, width - 0.9), ylim=(self.bottom - 4.0, 1.1), aspect="equal")
        self.ax.set_axis_off()
        if options.bilateral:
            lines = TwoWayLines(graph, options)
            self.from_x, self.from_columns = lines.labels(number)
            self.ends = lines.ends
        else:
            delays = self.coupling.delay_forward, self.coupling.delay_backward
            self.from_x, self.from_columns = ([si(int(d) * graph.step, "s") for d in part] for part in delays)
            self.ends = "R"

    def draw(self, title: str | None) -> None:
        """Everything, from left to right."""
        weight, (row, column) = crossbar(self.graph, self.coupling), self.coupling.pairs()
        shown = (row < self.shown[0]) & (column < self.shown[1])
        there = set(zip(row[shown].tolist(), column[shown].tolist(), strict=True))
        for i in range(self.shown[0]):
            self._row(i)
        for j in range(self.shown[1]):
            self._column(j)
        for i in range(self.shown[0]):
            for j in range(self.shown[1]):
                if (i, j) in there:
                    self._synapse(i, j, 0.0 if weight is None else float(weight[j, i]))
        label = safe_label(str(self.coupling.layer))
        size = f"{self.rows} x {self.columns}"
        size += "" if self.coupling.devices is None else f" with {self.coupling.size} synapses"
        drawn = "" if self.shown == (self.rows, self.columns) else f", of which {self.shown[0]} x {self.shown[1]} drawn"
        named = [title] if title else []
        named.append(f"law {self.graph.law.name}, hardware {self.graph.hardware.name}")
        named.append(f"crossbar {label}, {size}{drawn}: {self.options.circuit} circuit")
        self.ax.set_title("\n".join(map(for_terminal, named)), fontsize=10, parse_math=False)
        ohms = si(self.options.ohms, "ohm")
        kind = "ideal transformers of ratio w" if self.options.in_series else f"two transconductors w/{ohms} each"
        two = "voltage: state, current: costate" if self.options.bilateral else "blue: states, orange: costates"
        notes = [f"synapses: {kind}", two, f"terminations: {self.ends or 'none'} to ground"]
        self._text(-0.7, self.bottom - 2.9, "\n".join(notes), _INK, ha="left")

    def _row(self, i: int) -> None:
        y, x = -_ROW * i, self.node("x", self.coupling.rows[i])
        end = _LEFT + _COLUMN * (self.shown[1] - 1) + 1.2
        self._port(0.0, y, x, _STATE)
        self._wire([(0.0, y), (0.7, y)])
        self._line(1.5, y, f"f{self.number}_{i}: {self.from_x[i]}", upright=False)
        self._wire([(2.3, y), (end, y)])
        self._termination(2.75, y)
        if not self.options.bilateral:
            self._wire([(end, y - 0.55), (0.0, y - 0.55)], _COSTATE)
            self._port(0.0, y - 0.55, self.node("lam", self.coupling.rows[i]), _COSTATE)

    def _column(self, j: int) -> None:
        x, neuron = _LEFT + _COLUMN * j, self.coupling.columns[j]
        low, at = self.bottom, f"{self.node('', neuron)}"
        function = next(site.function for site in self.graph.sites if site.start <= neuron < site.stop)
        top = 0.35
        if self.options.bilateral:
            self._wire([(x, top), (x, low - 1.1)])
            if not self.options.in_series:
                self._box(x, low - 0.5, 0.9, 0.5, "gyrator")
            self._line(x, low - 1.5, f"b{self.number}_{j}:\n{self.from_columns[j]}", upright=True)
            self._wire([(x, low - 1.9), (x, low - 2.7)])
            self._termination(x, low - 2.0)
        else:
            self._wire([(x, top), (x, low - 2.7)])
            self._wire([(x + 0.6, top - 0.55), (x + 0.6, low - 1.1)], _COSTATE)
            self._termination(x + 0.6, low - 0.35, _COSTATE)
            self._line(x + 0.6, low - 1.5, f"b{self.number}_{j}:\n{self.from_columns[j]}", upright=True)
            self._wire([(x + 0.6, low - 1.9), (x + 0.6, low - 2.7)], _COSTATE)
            self._text(x + 0.65, low - 2.45, f"mu{at}", _COSTATE, ha="left")
        centre, side = (x, "left") if self.options.bilateral else (x + 0.3, "right")
        self._text(x + (0.08 if side == "left" else -0.08), low - 2.45, f"s{at}", _STATE, ha=side)
        self._box(centre, low - 2.95, 1.5, 0.5, function)
        self._wire([(centre, low - 3.2), (centre, low - 3.5)])
        self._text(centre, low - 3.7, f"x{at}, lam{at}", _INK)

    def _synapse(self, i: int, j: int, weight: float) -> None:
        """Two transconductors, or one transformer, of the same weight."""
        x, y = _LEFT + _COLUMN * j, -_ROW * i
        if self.options.in_series:
            self.ax.add_patch(Ellipse((x - 0.1, y), 0.22, 0.3, fill=False, ec=_STATE, lw=1.2))
            self.ax.add_patch(Ellipse((x + 0.1, y), 0.22, 0.3, fill=False, ec=_STATE, lw=1.2))
        else:
            self.ax.add_patch(
                Polygon([(x - 0.16, y + 0.14), (x + 0.16, y + 0.14), (x, y - 0.16)], fc=_STATE, ec="none")
            )
        if not self.options.bilateral:
            x2, y2 = x + 0.6, y - 0.55
            points = [(x2 + 0.14, y2 - 0.16), (x2 + 0.14, y2 + 0.16), (x2 - 0.16, y2)]
            self.ax.add_patch(Polygon(points, fc=_COSTATE, ec="none"))
        self._text(x + 0.2, y + 0.22, f"{weight:.2g}", _INK, ha="left")

    def _line(self, x: float, y: float, label: str, *, upright: bool) -> None:
        """A transmission line: a thin cylinder."""
        width, height = (0.24, 0.8) if upright else (1.6, 0.24)
        box = FancyBboxPatch((x - width / 2 + 0.06, y - height / 2 + 0.06), width - 0.12, height - 0.12,
                             boxstyle="round,pad=0.06", fc="#f2f2f2", ec=_INK, lw=1.0, zorder=2)  # fmt: skip
        self.ax.add_patch(box)
        if upright:
            self._text(x + 0.2, y, label, _INK, ha="left")
        else:
            self._text(x, y + 0.28, label, _INK)

    def _termination(self, x: float, y: float, colour: str = _STATE) -> None:
        """What ends a line, to ground."""
        if not self.ends:
            return
        self._wire([(x, y), (x - 0.3, y - 0.12)] if x > _LEFT - 0.5 else [(x, y), (x, y - 0.12)], colour)
        x -= 0.3 if x > _LEFT - 0.5 else 0.0
        self.ax.add_patch(Rectangle((x - 0.08, y - 0.42), 0.16, 0.3, fc="white", ec=_INK, lw=1.0, zorder=2))
        self._text(x - 0.12, y - 0.28, self.ends.replace(", ", "\n"), _INK, ha="right")
        for k, half in enumerate((0.14, 0.08, 0.03)):
            self._wire([(x - half, y - 0.45 - 0.05 * k), (x + half, y - 0.45 - 0.05 * k)], _INK)

    def _port(self, x: float, y: float, name: str, colour: str) -> None:
        self.ax.plot([x], [y], "o", ms=3.5, color=colour, zorder=3)
        self._text(x - 0.12, y, name, colour, ha="right")

    def _box(self, x: float, y: float, width: float, height: float, label: str) -> None:
        corner = (x - width / 2, y - height / 2)
        self.ax.add_patch(Rectangle(corner, width, height, fc="white", ec=_INK, lw=1.0, zorder=2))
        self._text(x, y, label, _INK)

    def _wire(self, points: list[tuple[float, float]], colour: str = _STATE) -> None:
        self.ax.plot(*zip(*points, strict=True), color=colour, lw=1.1, zorder=1)

    def _text(self, x: float, y: float, text: str, colour: str, **settings: Any) -> None:
        given: dict[str, Any] = {"ha": "center", "va": "center", **settings}
        self.ax.text(x, y, text, fontsize=7, color=colour, parse_math=False, zorder=4, **given)


def _save(ax: Axes, path: Path) -> None:
    figure = ax.figure.canvas.figure
    kind, formats = path.suffix.removeprefix(".").lower(), figure.canvas.get_supported_filetypes()
    if kind not in formats:
        raise ExportError(f"file '{path}': no picture format {suggest(kind, formats)}")
    atomic_write(path, lambda file: figure.savefig(file, format=kind, dpi=_DPI))
