"""A network as a chain of cells: stations, which hold waves, and branches, which are evaluated within a step.

A station is a row of neurons that everything on its way from the inputs to the output passes; all inputs together are the
first one, the output is the last. What lies between two of them is a cell, a graph of rows whatever it looks like. The level of a
row is the longest way to it from the station before, in crossbars and wires; stations have level 0.
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
from emulator.graph.coupling import Coupling
from emulator.graph.penalties import state_penalties
from emulator.laws import Upwind
from emulator.measure.rest import load_conductance


@dataclass(frozen=True)
class Stack:
    """Flat arrays of a chain of cells of N neurons.

    Parameters
    ----------
    level : (N,) int32
        Position in the branch, 0 for stations.
    rank : (N,) int32
        Level at which all has come together that a neuron adds up, in the cell before it if it is of a station; 0 for inputs.
    synapses : tuple of int arrays
        Per rank from 1 up: the synapses (positions in the layout) that lead to it, but those of wires between stations.
    before, after : (N,) int32
        For a neuron of a station: the one whose state it adds to what the branch brings, and the one that adds its own;
        itself where the cell has no wire.
    cell : (N,) int32
        Number of the cells up to a neuron of a station; of a branch, of those before it.
    """

    level: Ints
    rank: Ints
    synapses: tuple[Ints, ...]
    before: Ints
    after: Ints
    cell: Ints

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.cell.max(initial=0))


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
    """Find the cells.

    Raises
    ------
    EngineError
        If the hardware is not ideal with lines of one step.
    """
    _check(graph)
    own = np.arange(graph.neurons, dtype=np.int32)
    before, after = own.copy(), own.copy()
    level, rank, cell = np.zeros((3, graph.neurons), np.int32)
    stations = {site.name for site in _stations(graph)}
    coming: dict[str, list[tuple[Coupling, Ints]]] = {site.name: [] for site in graph.sites}
    home = _homes(graph)
    for coupling, block in zip(graph.couplings, layout.blocks, strict=True):
        every = np.arange(block.first, block.first + block.size, dtype=np.int32)
        coming[graph.sites[home[coupling.columns[0]]].name].append((coupling, every))
    found: dict[int, list[Ints]] = {}
    near: list[Site] = [site for site in graph.sites if site.role == "source"]
    passed = 0
    for site in graph.sites:
        row = slice(site.start, site.stop)
        if site.role == "source":
            continue
        wired = next((k for k, (one, _) in enumerate(coming[site.name]) if _wire(one, site, near)), None)
        wired = wired if site.name in stations else None
        if wired is not None:
            below = coming[site.name].pop(wired)[0].rows
            before[row], after[below] = below, own[row]
        here = 1 + max((int(level[one.rows].max(initial=0)) for one, _ in coming[site.name]), default=0)
        found.setdefault(here, []).extend(every for _, every in coming[site.name])
        rank[row] = here
        if site.name in stations:
            passed += 1
            near = [site]
        else:
            level[row] = here
        cell[row] = passed
    none = np.zeros(0, np.int32)
    synapses = tuple(np.concatenate([none, *found.get(k, ())]) for k in range(1, max(found, default=0) + 1))
    return Stack(level, rank, synapses, before, after, cell)


def _check(graph: ScatteringGraph) -> None:
    if graph.longest_delay > 1:
        raise EngineError(
            f"law upwind: lines of up to {graph.longest_delay} steps; allowed: one step, since a cell takes the state of its near side and "
            "the costate of its far side at the same time (slower waves: law.nu below 1, or a longer hardware.clock.node_update_interval)"
        )
    check_claims(graph)


def _homes(graph: ScatteringGraph) -> Ints:
    """Number of the site of every neuron."""
    return np.repeat(np.arange(len(graph.sites), dtype=np.int32), [site.size for site in graph.sites])


def _stations(graph: ScatteringGraph) -> list[Site]:
    """The inputs, and every row that no crossbar or wire goes round."""
    home, inputs = _homes(graph), np.array([site.role == "source" for site in graph.sites])
    place = np.cumsum(~inputs) - 1  # all inputs come before any other row
    place[inputs] = -1
    around = np.zeros(len(graph.sites) + 1, dtype=np.int64)
    for coupling in graph.couplings:
        if not len(coupling.rows):
            continue
        first, last = place[home[coupling.rows]].min(), place[home[coupling.columns[0]]]
        around[first + 1] += 1
        around[max(last, first + 1)] -= 1
    passed = np.cumsum(around)
    return [site for site, at in zip(graph.sites, place, strict=True) if at < 0 or passed[at] == 0]


def _wire(coupling: Coupling, site: Site, near: list[Site]) -> bool:
    """Whether these are wires from the station before, neuron by neuron, to a row that only adds."""
    if coupling.layer is not None or site.function != "identity" or len(near) != 1:
        return False
    rows, columns = (np.arange(one.start, one.stop) for one in (near[0], site))
    return np.array_equal(coupling.rows, rows) and np.array_equal(coupling.columns, columns)


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
        """What the code depends on: levels, activations and loss; see `emulator.families.upwind.objects`."""
        texts = [activation_text(name, which) for name in self.used for which in (0, 1)]
        return [f"upwind, {len(self.cells.synapses)} levels, {self.loss}", *texts]

    @cached_property
    def key(self) -> str:
        """A hash of everything that is compiled in."""
        digest = hashlib.sha256(super().key.encode())
        stack = self.cells
        for array in (stack.level, stack.rank, stack.before, stack.after, *stack.synapses):
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def lay_out_stack(graph: ScatteringGraph) -> tuple[Layout, Stack]:
    """Flatten a graph and recognise its stack."""
    layout = flatten(graph)
    return layout, stack_of(graph, layout)


def impedances(law: Upwind, stack: Stack) -> Floats:
    """Of every neuron: that of the output, less the taper for every cell on the way there."""
    return np.asarray(law.impedance * float(law.taper) ** (stack.cell - float(stack.count)))


def stack_values(
    graph: ScatteringGraph, plan: UpwindPlan, *, loaded: bool, threshold: float, resolution: float
) -> dict[str, Floats | float]:
    """Everything but the data; see `emulator.families.base.Family.values`."""
    weight, law = weights(graph, plan.layout), law_of(graph)
    z = impedances(law, plan.cells)
    load = np.zeros(graph.neurons)
    load[plan.layout.outputs] = load_conductance(graph) if loaded else 0.0
    return {
        "bias": biases(graph),
        "slope": plan.layout.slope,
        "Z": z,
        "M": 1 / z,
        "nu": law.nu,
        "load": load,
        "shunt": state_penalties(graph) if loaded else np.zeros(graph.neurons),
        "q": max(threshold, SMALLEST),
        "resolution": resolution,
        **{f"w{k}": weight[part] for k, part in enumerate(plan.cells.synapses, 1)},
    }
