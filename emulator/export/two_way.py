"""The bilateral circuit's lines: those of the bilateral law, with their terminations, as components in ohms and seconds.

A wave digital filter is a circuit of lines already. Its capacitor is an open stub, its inductor a shorted one, of half a
step each way: with them the circuit's waves are brian2's, step by step. Capacitors and inductors in their place have the
same rest and a transient a little apart. A line whose directions have delays of their own, or a low-pass, is a pair of
matched lines behind the impedance (F. H. Branin, "Transient analysis of lossless transmission lines", Proc. IEEE 55,
1967). So is a line that attenuates, or whose drivers and receivers differ: with a gain and an offset at the end of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from emulator.compile import compile_network
from emulator.errors import ExportError
from emulator.export.line_verilog import two_way_verilog
from emulator.export.options import Options
from emulator.families.bilateral.held import as_held
from emulator.families.bilateral.lines import law_of, lines_of
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral, SeriesRC, family_of
from emulator.measure.synapses import Floats
from hwmodels import HardwareModel, load

#: name, pins, parameters, cards, Verilog-A and inner nodes of a cell
Parts = tuple[str, tuple[str, ...], tuple[tuple[str, float], ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
#: what settled fastest of a hand grid: series RC at the far ends, impedances that rise four-fold towards the output
RECOMMENDED = Bilateral(impedance=1.0, taper=4.0, far_end=SeriesRC(resistance=2.0, capacitance=3.0))


def with_two_way_lines(graph: ScatteringGraph) -> ScatteringGraph:
    """A graph of the bilateral law as it is; any other compiled anew for the recommended two-way lines.

    Raises
    ------
    ExportError
        In synapse wiring, or if the law has sources with a resistance, which would move the rest.
    """
    if graph.wiring == "synapse":
        raise ExportError("the bilateral circuit got wiring 'synapse'; allowed: tile (a two-way line per neuron)")
    if "bilateral" not in family_of(graph.law).circuits:
        return compile_network(
            graph.network, hardware=_in_circuit(graph.hardware), law=RECOMMENDED, loss=graph.loss, seed=graph.seed,
            rounding="nearest",
        )  # fmt: skip
    if graph.law.source_resistance > 0:
        raise ExportError(
            f"the bilateral circuit got law.source_resistance {graph.law.source_resistance!r}; allowed: 0, "
            "since the expected rest is that of clamped inputs"
        )
    return replace(graph, hardware=_in_circuit(graph.hardware))


def two_way(graph: ScatteringGraph, *, held: bool = True) -> ScatteringGraph:
    """The same; where the lines are the graph's own, with the weights that its chip holds if asked for."""
    laid = family_of(graph.law).circuits
    graph = with_two_way_lines(graph)
    return as_held(graph) if laid and held else graph


def _in_circuit(hardware: HardwareModel) -> HardwareModel:
    """The hardware without what the circuit has not, and what would move the rest: lines stand alone, and none has a fault."""
    ideal = load("ideal")
    if hardware.faults == ideal.faults and not hardware.lines.crosstalk:
        return hardware
    return hardware.replace({"faults": ideal.faults, "lines.crosstalk": 0.0})


def bilateral_law(graph: ScatteringGraph) -> Bilateral:
    """The law of a graph of two-way lines.

    Raises
    ------
    ExportError
        If it has another law.
    """
    if "bilateral" not in family_of(graph.law).circuits:
        raise ExportError(f"the bilateral circuit got law {graph.law.name}; allowed: bilateral")
    return law_of(graph)


def low_pass(graph: ScatteringGraph) -> float:
    """Coefficient per step of the low-pass at the end of every two-way line; 1 is none."""
    return min(bilateral_law(graph).bandwidth, graph.hardware.lines.filter_coefficient(graph.step))


class TwoWayLines:
    """All two-way lines of a graph, and the cards that lay them.

    Parameters
    ----------
    graph : ScatteringGraph
        Of the bilateral law.
    options : Options
    """

    def __init__(self, graph: ScatteringGraph, options: Options) -> None:
        self._graph, self._options, self.law = graph, options, bilateral_law(graph)
        self._lines = lines_of(graph)
        sizes = [len(c.rows) + (0 if c.layer is None else len(c.columns)) for c in graph.couplings]
        self._first = np.concatenate([[0], np.cumsum(sizes)])

    @property
    def pole(self) -> float:
        """Coefficient per step of the low-pass at the end of every line; 1 is none."""
        return low_pass(self._graph)

    @property
    def impedances(self) -> list[Floats]:
        """Characteristic impedances of the lines to the rows of each coupling, in state over costate."""
        return [self._lines.impedance[part] for part in map(self._rows, range(len(self._graph.couplings)))]

    @cached_property
    def delays(self) -> Floats:
        """Of all lines and both directions, in seconds."""
        steps = np.concatenate([self._lines.forward, self._lines.backward])
        return np.asarray(steps * self._graph.step, dtype=np.float64)

    @property
    def capacitances(self) -> Floats:
        """Of all terminations, in farads."""
        end = self.law.far_end
        if end is None:
            return np.zeros(0)
        ohms = self._lines.impedance * self._options.ohms
        return np.asarray(end.capacitance * self._graph.transit_seconds / ohms, dtype=np.float64)

    @property
    def ended(self) -> bool:
        """Whether lines have terminations."""
        return self.law.far_end is not None or self.law.source_end is not None

    @property
    def kinds(self) -> set[str]:
        """Cells that the lines are made of."""
        return {self._cell(k) for k in range(self._lines.count)}

    def values(self, number: int, *, forward: bool) -> tuple[list[str], dict[str, Floats]]:
        """Cells, and physical values by name, of the lines to the rows of coupling `number`, or from its columns."""
        rows = self._rows(number)
        part = rows if forward else slice(rows.stop, int(self._first[number + 1]))
        cells = [self._cell(k) for k in range(part.start, part.stop)]
        step = self._graph.step
        ahead, back = (
            np.asarray(d[part] * step, dtype=np.float64) for d in (self._lines.forward, self._lines.backward)
        )
        impedance: Floats = np.asarray(self._lines.impedance[part] * self._options.ohms, dtype=np.float64)
        found: dict[str, Floats] = {}
        if "line" in cells:
            found["td"] = ahead
        if {"line_two_delays", "line_lossy"} & set(cells):
            found |= {"tdf": ahead, "tdb": back}
        if "line_lossy" in cells:
            found |= self._passes(part)
        found["z0"] = impedance
        law, transit = self.law, self._graph.transit_seconds
        if law.far_end is not None:
            found |= {"rt": law.far_end.resistance * impedance, "ct": law.far_end.capacitance * transit / impedance}
        if law.source_end is not None:
            found |= {
                "rs": law.source_end.resistance * impedance,
                "ls": law.source_end.inductance * transit * impedance,
            }
        return cells, found

    def _rows(self, number: int) -> slice:
        start = int(self._first[number])
        return slice(start, start + len(self._graph.couplings[number].rows))

    def _cell(self, k: int) -> str:
        if not self._lines.passes.ideal:
            return "line_lossy"
        same = self._lines.forward[k] == self._lines.backward[k]
        return "line" if same and self.pole == 1.0 else "line_two_delays"

    def _passes(self, part: slice) -> dict[str, Floats]:
        """What lines make of the waves that they carry, as factors and volts."""
        passes, volts = self._lines.passes, self._options.volts
        return {
            "kf": passes.gain_forward[part],
            "kb": passes.gain_backward[part],
            "vf": passes.offset_forward[part] * volts,
            "vb": passes.offset_backward[part] * volts,
        }

    def cells(self) -> Iterator[Parts]:
        """Name, pins, parameters, cards, Verilog-A and its inner nodes of every cell that the lines need."""
        far, source = self.law.far_end is not None, self.law.source_end is not None
        stub = self._options.termination == "stub"
        names = [
            *(["rt", "ct"] if far else []),
            *(["rs", "ls"] if source else []),
            *(["tstub"] if stub and self.ended else []),
        ]
        start = "end" if source else "near"
        before, after = self._source_end(stub) if source else [], self._far_end(stub) if far else []
        for kind in sorted(self.kinds):
            if kind == "line":
                body, times = [f"T1 {start} 0 far low Z0={{z0}} TD={{td}} rel=10"], ["td"]
            else:
                lossy = kind == "line_lossy"
                body, times = self._branin(start, lossy), ["tdf", "tdb", *(["kf", "kb", "vf", "vb"] if lossy else [])]
            parameters = tuple((name, 0.0 if name in ("vf", "vb") else 1.0) for name in [*times, "z0", *names])
            verilog, inner = two_way_verilog(kind, far, source, stub, self.pole, self._graph.step)
            yield kind, ("near", "far", "low"), parameters, (*before, *body, *after), verilog, inner

    def _far_end(self, stub: bool) -> list[str]:
        if not stub:
            return ["R1 far t {rt}", "C1 t low {ct}"]
        return ["R1 far t {rt}", "T2 t low open low Z0={tstub/ct} TD={tstub} rel=10"]

    def _source_end(self, stub: bool) -> list[str]:
        if not stub:
            return ["R2 near end {rs}", "L2 near end {ls}"]
        return ["R2 near end {rs}", "T3 near end short 0 Z0={ls/tstub} TD={tstub} rel=10", "V3 short 0 0"]

    def _branin(self, start: str, lossy: bool) -> list[str]:
        """Each end is the impedance in series with twice the wave that arrives there; what leaves is the rest."""
        end = "g" if lossy else "1"
        found = []
        for leaving, arriving, port, ground, delay in (("f", "b", start, "0", "tdf"), ("b", "f", "far", "low", "tdb")):
            came = f"{arriving}y" if self.pole < 1 else f"{arriving}{end}"
            found += [
                f"R{leaving} {port} {leaving}i {{z0}}",
                f"E{leaving}i {leaving}i {ground} {came} 0 2",
                f"E{leaving}u {leaving}u 0 {port} {ground} 1",
                f"E{leaving}0 {leaving}0 {leaving}u {came} 0 -1",
                f"T{leaving} {leaving}0 0 {leaving}1 0 Z0=50 TD={{{delay}}} rel=10",
                f"R{leaving}1 {leaving}1 0 50",
            ]
            if lossy:  # an attenuator or an amplifier, matched, at the end of the line
                found += [
                    f"E{leaving}g {leaving}g {leaving}o {leaving}1 0 {{k{leaving}}}",
                    f"V{leaving}o {leaving}o 0 {{v{leaving}}}",
                ]
            if self.pole < 1:
                found += [
                    f"E{leaving}v {leaving}v 0 {leaving}{end} 0 {self.pole!r}",
                    f"E{leaving}y {leaving}y {leaving}v {leaving}z 0 {1 - self.pole!r}",
                    f"T{leaving}z {leaving}y 0 {leaving}z 0 Z0=50 TD={self._graph.step!r} rel=10",
                    f"R{leaving}z {leaving}z 0 50",
                ]
        return found
