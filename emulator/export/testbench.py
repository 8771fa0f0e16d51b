"""Testbenches: sources, loads' targets, analyses, probes and measurements around an exported network (ngspice)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from emulator.export.corners import Corner
from emulator.export.design import Design
from emulator.export.expected import SIGNALS, Expected
from emulator.export.netlist import interface
from emulator.export.options import Options
from emulator.export.spice_text import card, top_instance
from emulator.graph import ScatteringGraph, Site

#: rise time, print step and largest step of the simulator, in steps of the graph
FINE = 0.1
#: settled: within this share of the largest value of the row, for good
TOLERANCE = 1e-3
#: neurons that a measured deviation covers
_MOST = 64
#: with the default pivrel ngspice may meet too small a pivot; its gmin stepping may then end at a wrong point; gmin is
#: also what a line at rest lacks of its impedance, which narrow two-way lines would show
_TIGHT = ".options reltol=1e-9 abstol=1e-15 vntol=1e-12 itl1=500 pivrel=0.1 gmin=1e-20 gminsteps=0"
#: two-way lines and transformers join voltages and currents of every size: with less ngspice has ended at wrong points
_PIVOTS = ("pivrel=0.1", "pivrel=0.5")
#: where capacitors set the time step, tight tolerances would make it needlessly small
_FAST = ".options reltol=1e-5 abstol=1e-12 vntol=1e-9 itl1=500 pivrel=0.1 gminsteps=0 trtol=100"
#: volts of the supplies, which the cells of the library leave unused
SUPPLIES = {"vdd": 1.8, "vss": -1.8}


def own_accuracy(options: Options) -> str:
    """Options for cells of one's own.

    Transistors conduct nothing in cutoff: with less gmin their nodes would float, and with less tolerance no guess be near
    enough. Where full scale is small, the tolerances are a millionth of it.
    """
    volts, amperes = min(1e-7, 1e-6 * options.volts), min(1e-12, 1e-6 * options.volts / options.ohms)
    return f".options reltol=1e-5 abstol={amperes!r} vntol={volts!r} itl1=200 gmin=1e-12"


@dataclass(frozen=True)
class Bench:
    """What the testbenches are made from.

    Parameters
    ----------
    design, graph, options, expected
    rows : tuple of int
        Numbers of the rows that are probed.
    files : tuple of str
        What they include.
    own : bool
        Whether cells of one's own are among them.
    corners : tuple of Corner
    """

    design: Design
    graph: ScatteringGraph
    options: Options
    expected: Expected
    rows: tuple[int, ...]
    files: tuple[str, ...] = ("lib.inc", "net.cir")
    own: bool = False
    corners: tuple[Corner, ...] = field(default=())

    @property
    def start(self) -> float:
        """Seconds of rest before the sample appears."""
        return self.graph.step

    @property
    def last(self) -> float:
        """Seconds at which final values are measured, just before the end."""
        return self.stop - FINE * self.graph.step

    @property
    def stop(self) -> float:
        """Seconds at which the transient ends."""
        return self.start + self.expected.hold * self.graph.step

    def probes(self, *signals: str) -> Iterator[tuple[str, int, Site, list[str]]]:
        """Signal, row number, row and nodes of every bundle that is probed."""
        for row in self.rows:
            site = self.graph.sites[row]
            for signal in signals or SIGNALS:
                if site.role != "source" or signal in ("x", "lam"):
                    yield signal, row, site, [self.design.node(f"{signal}{row}_{k}") for k in range(site.size)]

    def operating_point(self) -> Iterator[str]:
        """The testbench of ``.op``."""
        yield from self._frame(_TIGHT)
        yield from self._alone()
        yield from self._sources(lambda _, after: f"DC {after}")
        yield ".op"
        yield from card(".save", [f"v({node})" for *_, nodes in self.probes() for node in nodes])
        yield ".end"

    def transient(self) -> Iterator[str]:
        """The testbench of ``.tran``: the sample takes the place of an empty one after one step of rest."""
        fine = FINE * self.graph.step
        yield from self._frame(self._loose)
        yield from self._alone()
        yield from self._sources(self._step)
        deviations = list(self._deviations())
        yield from (line for _, cards, _ in deviations for line in cards)
        yield f".tran {fine!r} {self.stop!r} 0 {fine!r}"
        nodes = [node for *_, nodes in self.probes("x", "lam") for node in nodes]
        yield from card(".save", [f"v({node})" for node in [*nodes, *(name for name, _, _ in deviations)]])
        for name, _, scale in deviations:
            yield f".measure tran {name}_final find v({name}) at={self.last!r}"
            yield f".measure tran {name}_settled when v({name})={TOLERANCE * scale!r} cross=last"
        last, first = self.rows[-1], self.rows[0]
        for signal, row in (("x", last), ("lam", first)):
            for k in range(min(self.graph.sites[row].size, _MOST)):
                node = self.design.node(f"{signal}{row}_{k}")
                yield f".measure tran {signal}{row}_{k}_final find v({node}) at={self.last!r}"
        yield ".end"

    @property
    def _loose(self) -> str:
        return _FAST if self.options.bilateral and self.options.termination == "lumped" else _TIGHT

    def _step(self, before: str, after: str) -> str:
        start, rise = self.start, self.start + FINE * self.graph.step
        return f"PWL(0 {before} {start!r} {before} {rise!r} {after})"

    @property
    def corners_stop(self) -> float:
        """Seconds at which the transient of the corners ends: as much later as their slowest lines are slower."""
        typical = {p.name: p.value for p in self.design.parameters if p.name.startswith("td") and p.value > 0}
        ratios = [
            one.values[key] / value for one in self.corners for key, value in typical.items() if key in one.values
        ]
        return self.start + max([1.0, *ratios]) * (self.stop - self.start)

    def side_by_side(self) -> Iterator[str]:
        """The testbench of the corners: an instance of each, with sources of its own, and the transient of all of them."""
        fine, prefix = FINE * self.graph.step, self.options.prefix
        typical = {f"{prefix}{p.name}": p.value for p in self.design.parameters}
        yield from self._frame(self._loose)
        saved = []
        for one in self.corners:
            yield f"* corner {one.name}: {', '.join(f'{key}={value:g}' for key, value in one.values.items()) or 'as it is'}"
            for name in SUPPLIES:
                value = repr(one.values[name]) if name in one.values else f"{{{prefix}{name}}}"
                yield f"V{name}_{one.name} {name}_{one.name} 0 DC {value}"
            pins = [f"{pin}_{one.name}" for pin in self.design.top.pins]
            settings = [f"{key}={value!r}" for key, value in one.values.items() if key not in SUPPLIES]
            yield from card(f"X{one.name}", pins, [f"{prefix}{self.design.top.name}", *settings])
            scale = repr(one.values.get("vfs", typical[f"{prefix}vfs"]))
            yield from self._sources(self._step, f"_{one.name}", scale)
            nodes = [f"{signal}{row}_{k}" for signal, row, site, _ in self.probes("x", "lam") for k in range(site.size)]
            saved += [f"v({self.design.node_of(node, one.name)})" for node in nodes]
        yield f".tran {fine!r} {self.corners_stop!r} 0 {fine!r}"
        yield from card(".save", saved)
        yield ".end"

    def _frame(self, accuracy: str) -> Iterator[str]:
        prefix = self.options.prefix
        yield from (f".include {name}" for name in self.files)
        yield (
            own_accuracy(self.options)
            if self.own
            else accuracy.replace(*_PIVOTS)
            if self.options.bilateral
            else accuracy
        )
        yield "* temperature (degC), supplies (V): the cells of the library depend on neither"
        if all(p.name != "temp" for p in self.design.parameters):
            yield f".param {prefix}temp=27"
        yield f".options temp={{{prefix}temp}}"
        for name, volts in SUPPLIES.items():
            yield f".param {prefix}{name}={volts!r}"
        if self.options.mismatch or self.own:
            yield f".options seed={self.options.seed}"

    def _alone(self) -> Iterator[str]:
        """The network once, with its supplies."""
        for name in SUPPLIES:
            yield f"V{name} {name} 0 DC {{{self.options.prefix}{name}}}"
        yield from top_instance(self.design)

    def _sources(self, drive: Callable[[str, str], str], suffix: str = "", volts: str = "") -> Iterator[str]:
        """Voltage sources of inputs and targets; `drive` turns values before and after into a source."""
        inputs, targets, _ = interface(self.graph, self.options)
        before, after = self.expected.before, self.expected.sample
        values = np.stack([np.concatenate([sample.inputs, sample.targets]) for sample in (before, after)])
        scale = volts or f"{self.options.prefix}vfs"
        for name, old, new in zip([*inputs, *targets], *values.tolist(), strict=True):
            yield f"V{name}{suffix} {name}{suffix} 0 {drive(*(f'{{{value!r}*{scale}}}' for value in (old, new)))}"

    def _deviations(self) -> Iterator[tuple[str, list[str], float]]:
        """Nodes with the largest deviation of the last row's states and the first row's costates from rest."""
        for signal, row in (("x", self.rows[-1]), ("lam", self.rows[0])):
            site = self.graph.sites[row]
            values = self.expected.rest[signal][site.start : site.stop] * self.options.volts
            name, cards = f"dev_{signal}{row}", []
            terms = [
                f"abs(V({self.design.node(f'{signal}{row}_{k}')})-({value!r}))"
                for k, value in enumerate(values.tolist()[:_MOST])
            ]
            largest = "0"
            for k, term in enumerate(terms):
                node = name if k + 1 == len(terms) else f"{name}_{k}"
                cards.append(f"B{node} {node} 0 V=max({term},{largest})")
                largest = f"V({node})"
            yield name, cards, float(np.abs(values).max(initial=0.0)) or self.options.volts
