"""The bilateral circuit's lines: those of the bilateral law, with their terminations, as components in ohms and seconds.

A wave digital filter is a circuit of lines already. Its capacitor is an open stub, its inductor a shorted one, of half a
step each way: with them the circuit's waves are brian2's, step by step. Capacitors and inductors in their place have the
same rest and a transient a little apart. Lines that are more than a delay, or have a fault, are those of
`emulator.export.line_cells`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from emulator.compile import compile_network
from emulator.engine.effects import lasting_faults
from emulator.errors import ExportError
from emulator.export.line_cells import LineKind
from emulator.export.line_verilog import two_way_verilog
from emulator.export.options import Options
from emulator.families.bilateral.held import as_held
from emulator.families.bilateral.lines import law_of, lines_of
from emulator.families.bilateral.mishaps import Mishaps
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral, SeriesRC, family_of
from emulator.measure.synapses import Floats
from hwmodels import Fault, HardwareModel
from hwmodels.faults import Faults

#: name, pins, parameters, cards, Verilog-A and inner nodes of a cell
Parts = tuple[str, tuple[str, ...], tuple[tuple[str, float], ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
#: what is not 1 where an instance does not say it
_DEFAULTS = dict.fromkeys(("vf", "vb", "sn", "sf", "xt"), 0.0)
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
    """The hardware without what the circuit has not: faults of events, and of one direction where there is one conductor."""
    faults, kept = hardware.faults, lasting_faults(hardware.faults)
    left = [name for name in Faults.model_fields if name not in kept and getattr(faults, name) != Fault()]
    return hardware.replace({f"faults.{name}": Fault() for name in left}) if left else hardware


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
    def kinds(self) -> set[LineKind]:
        """What the lines are made of."""
        return set(self._all_kinds)

    @property
    def uneven(self) -> bool:
        """Whether any has a low-pass, or a delay of its own in each direction."""
        return self.pole < 1.0 or bool((self._lines.forward != self._lines.backward).any())

    @property
    def mishaps(self) -> Mishaps:
        """What befalls the lines."""
        return self._lines.mishaps

    def beside(self, number: int, *, forward: bool) -> np.ndarray:
        """Whether waves leak between each of those lines and the one before it, (n,)."""
        return self._leaks[self._part(number, forward)]

    def kinds_of(self, number: int, *, forward: bool) -> list[LineKind]:
        """Kinds of the lines to the rows of coupling `number`, or from its columns."""
        return self._all_kinds[self._part(number, forward)]

    def values(self, number: int, *, forward: bool) -> dict[str, Floats]:
        """Physical values by name of the lines to the rows of coupling `number`, or from its columns."""
        part, kinds = self._part(number, forward), self.kinds_of(number, forward=forward)
        used = {name for kind in kinds for name in kind.parameters}
        step = self._graph.step
        ahead, back = (
            np.asarray(d[part] * step, dtype=np.float64) for d in (self._lines.forward, self._lines.backward)
        )
        impedance: Floats = np.asarray(self._lines.impedance[part] * self._options.ohms, dtype=np.float64)
        found: dict[str, Floats] = {}
        done = {"td": ahead, "tdf": ahead, "tdb": back, **self._done_to_waves(part)}
        found |= {name: values for name, values in done.items() if name in used}
        found["z0"] = impedance
        law, transit = self.law, self._graph.transit_seconds
        if law.far_end is not None:
            found |= {"rt": law.far_end.resistance * impedance, "ct": law.far_end.capacitance * transit / impedance}
        if law.source_end is not None:
            found |= {
                "rs": law.source_end.resistance * impedance,
                "ls": law.source_end.inductance * transit * impedance,
            }
        return found

    def _part(self, number: int, forward: bool) -> slice:
        rows = self._rows(number)
        return rows if forward else slice(rows.stop, int(self._first[number + 1]))

    def _rows(self, number: int) -> slice:
        start = int(self._first[number])
        return slice(start, start + len(self._graph.couplings[number].rows))

    @cached_property
    def _leaks(self) -> np.ndarray:
        """Whether waves leak between each line and the one before it, (L,)."""
        return self._lines.beside & (self.mishaps.spill > 0)

    @cached_property
    def _all_kinds(self) -> list[LineKind]:
        lines, mishaps = self._lines, self.mishaps
        apart = (lines.forward != lines.backward) | (self.pole < 1.0)
        passes = np.full(lines.count, not lines.passes.ideal)
        flags = (mishaps.broken, mishaps.stuck_near, mishaps.stuck_far, self._leaks | np.append(self._leaks[1:], False))
        apart = apart | passes | np.any(flags, axis=0)
        return [LineKind(*map(bool, one)) for one in zip(apart, passes, *flags, strict=True)]

    def _done_to_waves(self, part: slice) -> dict[str, Floats]:
        """What lines and ends make of waves, as factors and volts."""
        passes, mishaps, volts = self._lines.passes, self.mishaps, self._options.volts
        return {
            "kf": passes.gain_forward[part],
            "kb": passes.gain_backward[part],
            "vf": passes.offset_forward[part] * volts,
            "vb": passes.offset_backward[part] * volts,
            "sn": mishaps.near_at[part] * volts,
            "sf": mishaps.far_at[part] * volts,
            "xt": np.full(part.stop - part.start, mishaps.spill),
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
        step = self._graph.step
        for kind in sorted(self.kinds):
            parameters = tuple((name, _DEFAULTS.get(name, 1.0)) for name in [*kind.parameters, "z0", *names])
            verilog, inner = two_way_verilog(kind, far, source, stub, self.pole, step)
            cards = (*before, *kind.cards(start, self.pole, step), *after)
            yield kind.name, kind.pins, parameters, cards, verilog, inner

    def _far_end(self, stub: bool) -> list[str]:
        if not stub:
            return ["R1 far t {rt}", "C1 t low {ct}"]
        return ["R1 far t {rt}", "T2 t low open low Z0={tstub/ct} TD={tstub} rel=10"]

    def _source_end(self, stub: bool) -> list[str]:
        if not stub:
            return ["R2 near end {rs}", "L2 near end {ls}"]
        return ["R2 near end {rs}", "T3 near end short 0 Z0={ls/tstub} TD={tstub} rel=10", "V3 short 0 0"]
