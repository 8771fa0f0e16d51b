"""What befalls two-way lines that stand where they should not: ends that are stuck, breaks, and neighbours that listen in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.engine.effects import broken_lines, stuck_ports
from emulator.engine.layout import Floats, Ints
from emulator.graph import ScatteringGraph


@dataclass(frozen=True)
class Mishaps:
    """Of L lines.

    Parameters
    ----------
    broken : (L,) bool
        Which lines carry nothing: a wave comes back to the end that it left.
    stuck_near, stuck_far : (L,) bool
        Which ends always send the same wave.
    near_at, far_at : (L,)
        The wave that they send; 0 where they are not stuck.
    spill : float
        Share of what comes that leaks to each neighbour.
    """

    broken: np.ndarray
    stuck_near: np.ndarray
    stuck_far: np.ndarray
    near_at: Floats
    far_at: Floats
    spill: float = 0.0

    @property
    def none(self) -> bool:
        """Whether every line carries what its ends make, to its other end."""
        return not (self.broken.any() or self.stuck_near.any() or self.stuck_far.any() or self.spill)


def mishaps_of(graph: ScatteringGraph, tail: Ints, head: Ints) -> Mishaps:
    """What a graph's hardware does to lines from neurons `tail` to `head` (L,), -1 at crossbars.

    Raises
    ------
    EngineError
        If a line is to break in one direction only, or a place is none.
    """
    stuck, level = stuck_ports(graph)
    ends = []
    for neuron, port in ((tail, tail), (head, head + graph.neurons)):
        found = (neuron >= 0) & stuck[port]
        ends.append((found, np.where(found, level[port], 0.0)))
    (from_tail, near_at), (from_head, far_at) = ends
    broken = broken_lines(graph, tail, head)
    return Mishaps(broken, from_tail, from_head, near_at, far_at, graph.hardware.lines.crosstalk)
