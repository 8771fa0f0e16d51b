"""The cells of a network under the upwind law: the synapses of their levels, their impedances, and a plan for them."""

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
from emulator.graph import ScatteringGraph
from emulator.graph.cells import Cells
from emulator.graph.penalties import state_penalties
from emulator.laws import Upwind
from emulator.measure.rest import load_conductance


@dataclass(frozen=True)
class Stack(Cells):
    """The cells of a graph, with the synapses of its layout.

    Parameters
    ----------
    synapses : tuple of int arrays
        Per rank from 1 up: the synapses (positions in the layout) that lead to it, but those of wires between stations.
    """

    synapses: tuple[Ints, ...]


def law_of(graph: ScatteringGraph) -> Upwind:
    """The law of a graph that is laid out in cells.

    Raises
    ------
    EngineError
        If it has another law.
    """
    if not isinstance(graph.law, Upwind):
        raise EngineError(f"stations of law {graph.law.name}: it has none; allowed: law upwind")
    return graph.law


def stack_of(graph: ScatteringGraph, layout: Layout) -> Stack:
    """The cells of a graph, with their synapses.

    Raises
    ------
    EngineError
        If the hardware is not ideal with lines of one step.
    """
    _check(graph)
    found = graph.cells
    blocks = [np.arange(block.first, block.first + block.size, dtype=np.int32) for block in layout.blocks]
    synapses = tuple(np.concatenate([np.zeros(0, np.int32), *(blocks[k] for k in part)]) for part in found.parts)
    return Stack(**vars(found), synapses=synapses)


def _check(graph: ScatteringGraph) -> None:
    if graph.longest_delay > 1:
        raise EngineError(
            f"law upwind: lines of up to {graph.longest_delay} steps; allowed: one step, since a cell takes the state of its near side and "
            "the costate of its far side at the same time (slower waves: law.nu below 1, or a longer hardware.clock.node_update_interval)"
        )
    check_claims(graph)


@dataclass(frozen=True)
class UpwindPlan(Plan):
    """A plan for the upwind law."""

    stack: Stack | None = None

    @property
    def cells(self) -> Stack:
        """The cells that it was made with.

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
    """Flatten a graph and find its cells."""
    layout = flatten(graph)
    return layout, stack_of(graph, layout)


def impedances(law: Upwind, stack: Cells) -> Floats:
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
