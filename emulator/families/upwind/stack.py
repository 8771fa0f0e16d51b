"""A stack of residual blocks as cells: stations, which hold waves, and branches, which are evaluated within a step.

Station 0 is the input, station k the sum after block k. A branch is a chain of rows of neurons; the position of a row in
its branch is its level, stations have level 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emulator.engine.claims import check_claims
from emulator.engine.expressions import activation_text
from emulator.engine.layout import Floats, Ints, Layout, biases, flatten, weights
from emulator.engine.plan import SMALLEST, Plan
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph, Site
from emulator.laws import Upwind

_ALLOWED = "allowed: a residual stack, x + f(x) again and again, with f a chain of dense layers and activations"


@dataclass(frozen=True)
class Stack:
    """Flat arrays of a residual stack of N neurons.

    Parameters
    ----------
    level : (N,) int32
        Position in the branch, 0 for stations.
    synapses : tuple of int arrays
        Per level from 1 up: the synapses (positions in the layout) that lead to it.
    before, after : (N,) int32
        For a neuron of a station: its own in the previous and in the next station (itself at the ends).
    tip : (N,) int32
        For a neuron of a station: the last neuron of the branch that leaves there (itself at the output).
    above : (N,) int32
        For a neuron of the last row of a branch: the station's neuron that it adds to; itself elsewhere.
    """

    level: Ints
    synapses: tuple[Ints, ...]
    before: Ints
    after: Ints
    tip: Ints
    above: Ints


def law_of(graph: ScatteringGraph) -> Upwind:
    """The law of a stack.

    Raises
    ------
    EngineError
        If it has another law.
    """
    if not isinstance(graph.law, Upwind):
        raise EngineError(f"stations of law {graph.law.name}: it has none; allowed: law upwind")
    return graph.law


def stack_of(graph: ScatteringGraph, layout: Layout) -> Stack:
    """Recognise a residual stack.

    Raises
    ------
    EngineError
        If the network is none, its loss is not mse, or the hardware is not ideal with lines of one step.
    """
    _check(graph)
    count = graph.neurons
    own = np.arange(count, dtype=np.int32)
    before, after, tip, above = own.copy(), own.copy(), own.copy(), own.copy()
    level = np.zeros(count, np.int32)
    station = {site.name: _is_station(graph, site) for site in graph.sites}
    home: dict[str, str] = {site.name: site.name for site in graph.sites if station[site.name]}
    synapses: dict[int, list[Ints]] = {}
    wires: dict[str, list[Site]] = {}
    for coupling, block in zip(graph.couplings, layout.blocks, strict=True):
        source, target = _site_at(graph, coupling.rows[0]), _site_at(graph, coupling.columns[0])
        if station[target.name]:
            wires.setdefault(target.name, []).append(source)
            continue
        if len(coupling.bundles_forward) > 1 or target.name in home:
            raise EngineError(f"law upwind: {target.name} reads several layers; {_ALLOWED}")
        home[target.name] = home[source.name]
        here = int(level[source.start]) + 1
        level[target.start : target.stop] = here
        synapses.setdefault(here, []).append(np.arange(block.first, block.first + block.size, dtype=np.int32))
    previous = graph.sites[0]
    for site in graph.sites[1:]:
        if not station[site.name]:
            continue
        sources = wires.get(site.name, [])
        branches = [source for source in sources if not station[source.name]]
        straight = [source for source in sources if station[source.name]]
        if straight != [previous] or [home[b.name] for b in branches] != [previous.name]:
            raise EngineError(f"law upwind: {site.name} adds {', '.join(s.name for s in sources)}; {_ALLOWED}")
        row, below, last = (np.arange(s.start, s.stop) for s in (site, previous, branches[0]))
        before[row], after[below], tip[below], above[last] = below, row, last, row
        previous = site
    if previous.role != "output" or previous is graph.sites[0]:
        raise EngineError(f"law upwind: the network does not end in the last of its residual sums; {_ALLOWED}")
    found = tuple(np.concatenate(synapses[k]) for k in sorted(synapses))
    return Stack(level, found, before, after, tip, above)


def _check(graph: ScatteringGraph) -> None:
    if graph.loss != "mse":
        raise EngineError(f"law upwind: loss is {graph.loss!r}; allowed: mse, the resistive load")
    if len(graph.network.inputs) > 1:
        raise EngineError(f"law upwind: {len(graph.network.inputs)} inputs; {_ALLOWED}")
    if graph.longest_delay > 1:
        raise EngineError(f"law upwind: lines of up to {graph.longest_delay} steps; allowed: one step, a cell per step")
    check_claims(graph)


def _is_station(graph: ScatteringGraph, site: Site) -> bool:
    """Whether a row is the input, or a sum without an activation."""
    kinds = [graph.nx.nodes[name]["element"].kind for name in site.members]
    return site.role == "source" or ("adder" in kinds and "activation" not in kinds)


def _site_at(graph: ScatteringGraph, neuron: int) -> Site:
    return next(site for site in graph.sites if site.start <= neuron < site.stop)


@dataclass(frozen=True)
class UpwindPlan(Plan):
    """A plan for the upwind law."""

    stack: Stack | None = None

    @property
    def cells(self) -> Stack:
        """The stack of the plan.

        Raises
        ------
        EngineError
            If it was made without one.
        """
        if self.stack is None:
            raise EngineError("a plan for law upwind has no stack; allowed: one from stack_of")
        return self.stack

    @cached_property
    def update(self) -> list[str]:
        """The code is the same for all stacks of as many levels and activations; see `emulator.families.upwind.objects`."""
        texts = [activation_text(name, which) for name in self.used for which in (0, 1)]
        return [f"upwind, {len(self.cells.synapses)} levels", *texts]

    @cached_property
    def key(self) -> str:
        """A hash of everything that is compiled in."""
        digest = hashlib.sha256(super().key.encode())
        stack = self.cells
        for array in (stack.level, stack.before, stack.after, stack.tip, stack.above, *stack.synapses):
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def lay_out_stack(graph: ScatteringGraph) -> tuple[Layout, Stack]:
    """Flatten a graph and recognise its stack."""
    layout = flatten(graph)
    return layout, stack_of(graph, layout)


def stack_values(
    graph: ScatteringGraph, plan: UpwindPlan, *, loaded: bool, threshold: float, resolution: float
) -> dict[str, Floats | float]:
    """Everything but the data; see `emulator.families.base.Family.values`."""
    weight, law = weights(graph, plan.layout), law_of(graph)
    return {
        "bias": biases(graph),
        "slope": plan.layout.slope,
        "Z": law.impedance,
        "nu": law.nu,
        "conductance": law.kappa if loaded else 0.0,
        "q": max(threshold, SMALLEST),
        "resolution": resolution,
        **{f"w{k}": weight[part] for k, part in enumerate(plan.cells.synapses, 1)},
    }
