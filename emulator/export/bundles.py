"""Bundles of lines: one subcircuit each, with delays, impedances and terminations as parameters of the circuit."""

from __future__ import annotations

import numpy as np

from emulator.export.cells import bent_cells
from emulator.export.design import Parameter, Subcircuit, chunks, numbered, shares
from emulator.export.options import Options
from emulator.export.two_way import TwoWayLines
from emulator.graph import ScatteringGraph

#: name of a line's value -> unit, and what it is
_MEANING = {
    "td": ("s", "delay of a line"), "tdf": ("s", "delay of a line forward"), "tdb": ("s", "delay of a line back"),
    "z0": ("ohm", "impedance of a line"), "rt": ("ohm", "resistance that ends a line"),
    "ct": ("F", "capacitance that ends a line"), "rs": ("ohm", "resistance before a line"),
    "ls": ("H", "inductance before a line"), "kf": ("", "gain of a line forward"), "kb": ("", "gain of a line back"),
    "vf": ("V", "offset of a line forward"), "vb": ("V", "offset of a line back"),
}  # fmt: skip


class Bundles:
    """The lines of a graph, bundle by bundle.

    Parameters
    ----------
    graph : ScatteringGraph
    options : Options
    two_way : TwoWayLines or None
        Those of the bilateral circuit.
    """

    def __init__(self, graph: ScatteringGraph, options: Options, two_way: TwoWayLines | None) -> None:
        self._graph, self._options, self._two_way = graph, options, two_way
        self.parts: list[Subcircuit] = []
        self.parameters: list[Parameter] = []
        self.bent = bent_cells(graph) if options.bilateral else frozenset[str]()
        if options.bilateral and options.termination == "stub" and two_way is not None and two_way.ended:
            self.parameters.append(Parameter("tstub", graph.step / 2, "s", "delay of the stubs that end lines"))
        if self.bent:
            self.parameters.append(Parameter("tgap", graph.step / 2, "s", "when neurons get a gap at their kink"))
        lined = graph.wiring == "synapse" and any(c.per_synapse for c in graph.couplings)
        if lined:
            for name, value, meaning in (("td", 1.0, "times the delay of every line"),):
                self.parameters.append(Parameter(name, value, "", meaning))

    def values(self, bundle: str, number: int) -> tuple[list[str], dict[str, np.ndarray]]:
        """Cell and physical values of every line of a bundle."""
        if self._two_way is not None:
            return self._two_way.values(number, forward=bundle.startswith("f"))
        coupling = self._graph.couplings[number]
        steps = coupling.delay_forward if bundle.startswith("f") else coupling.delay_backward
        ohms = np.full(len(steps), self._options.ohms)
        return ["line"] * len(steps), {"td": steps * self._graph.step, "z0": ohms, "rt": ohms}

    def lay(
        self,
        top: Subcircuit,
        bundle: str,
        number: int,
        near: list[str],
        far: list[str],
        low: list[str] | None = None,
    ) -> None:
        """Add the subcircuits of a bundle, and their instances between nodes; `low` is the ground of each far end."""
        cells, values = self.values(bundle, number)
        texts: dict[str, list[str]] = {}
        for name, numbers in values.items():
            base, texts[name] = shares(numbers)
            unit, meaning = _MEANING[name]
            found = [text for text in texts[name] if text]
            more = ", the shortest or least; others are multiples" if found else ""
            self.parameters.append(Parameter(f"{name}_{bundle}", base, unit, f"{meaning} of bundle {bundle}{more}"))
        with_low = self._two_way is not None
        extra = (("tstub", "tstub"),) if any(p.name == "tstub" for p in self.parameters) else ()
        for part in chunks(len(near)):
            name = bundle if len(part) == len(near) else f"{bundle}_{part.start}"
            passed = tuple((key, key) for key in values) + extra
            found_part = Subcircuit(
                name, [], passed, remark=f"lines {part.start} to {part.stop - 1} of bundle {bundle}"
            )
            count = len(part)
            found_part.pins = numbered("n", count) + numbered("f", count) + (numbered("low", count) if low else [])
            for j, k in enumerate(part):
                nodes = [f"n{j}", f"f{j}"]
                if with_low:
                    nodes.append(f"low{j}" if low else "0")
                own = {"line": ("tdf", "tdb")}.get(cells[k], ("td",))
                settings = {
                    key: key if not texts[key][k] else f"{texts[key][k]}*{key}" for key in values if key not in own
                }
                found_part.add(f"l{j}", nodes, cells[k], **settings, **dict(extra))
            outer = [near[k] for k in part] + [far[k] for k in part] + ([low[k] for k in part] if low else [])
            self.parts.append(found_part)
            top.add(name, outer, name, **{key: f"{key}_{bundle}" for key in values}, **dict(extra))
