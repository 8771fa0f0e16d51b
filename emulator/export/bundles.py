"""Bundles of lines: one subcircuit each, with delays, impedances and terminations as parameters of the circuit."""

from __future__ import annotations

import numpy as np

from emulator.export.cells import bent_cells
from emulator.export.design import Parameter, Subcircuit, chunks, numbered, shares
from emulator.export.line_cells import OF_KINDS, LineKind
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
    "sn": ("V", "wave that the near end of a line is stuck at"), "sf": ("V", "wave that the far end of a line is stuck at"),
    "xt": ("", "share of a wave that leaks to each neighbour"),
}  # fmt: skip


class Beside:
    """Nodes at which the waves that arrive on the lines of a bundle can be seen by those beside them.

    Parameters
    ----------
    bundle : str
    leaks : (n,) bool
        Whether waves leak between each line and the one before it.
    """

    def __init__(self, bundle: str, leaks: np.ndarray) -> None:
        self._bundle, self._leaks = bundle, np.append(leaks, False)

    def nodes(self, k: int) -> list[str]:
        """What line `k` has for the last pins of its cell; where there is no neighbour, the line itself."""
        left, right = k - int(self._leaks[k]), k + int(self._leaks[k + 1])
        return [self._node("f", k), self._node("b", k), *(self._node(way, at) for way in "fb" for at in (left, right))]

    def shared(self, part: range) -> list[str]:
        """The nodes that some lines of the bundle share with others of it."""
        ends = [k for k in (part.start, part.stop) if self._leaks[k]]
        return [self._node(way, at) for k in ends for at in (k - 1, k) for way in "fb"]

    def _node(self, way: str, k: int) -> str:
        return f"w{way}_{self._bundle}_{k}"


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

    def values(self, bundle: str, number: int) -> dict[str, np.ndarray]:
        """Physical values of every line of a bundle."""
        if self._two_way is not None:
            return self._two_way.values(number, forward=bundle.startswith("f"))
        coupling = self._graph.couplings[number]
        steps = coupling.delay_forward if bundle.startswith("f") else coupling.delay_backward
        ohms = np.full(len(steps), self._options.ohms)
        return {"td": steps * self._graph.step, "z0": ohms, "rt": ohms}

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
        values, forward = self.values(bundle, number), bundle.startswith("f")
        kinds = [LineKind()] * len(near) if self._two_way is None else self._two_way.kinds_of(number, forward=forward)
        leaks = np.zeros(len(near), bool) if self._two_way is None else self._two_way.beside(number, forward=forward)
        beside = Beside(bundle, leaks)
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
                if kinds[k].beside:
                    nodes += beside.nodes(k)
                settings = {
                    key: key if not texts[key][k] else f"{texts[key][k]}*{key}"
                    for key in values
                    if key not in OF_KINDS or key in kinds[k].parameters
                }
                found_part.add(f"l{j}", nodes, kinds[k].name, **settings, **dict(extra))
            outer = [near[k] for k in part] + [far[k] for k in part] + ([low[k] for k in part] if low else [])
            shared = beside.shared(part)
            found_part.pins += shared
            outer += shared
            self.parts.append(found_part)
            top.add(name, outer, name, **{key: f"{key}_{bundle}" for key in values}, **dict(extra))
