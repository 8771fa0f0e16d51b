"""What ports and junctions of two-way lines reflect; see `emulator.measure.reflections`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.engine import WaveTraces
from emulator.families.bilateral.layout import BilateralLayout, lay_out
from emulator.families.bilateral.power import crossbar_ports
from emulator.graph import ScatteringGraph
from emulator.measure.reflections import FLOOR, Reflections

Floats = NDArray[np.float64]


def reflections(graph: ScatteringGraph, waves: WaveTraces, part: slice) -> Reflections:
    """Reflection coefficients and residual reflections in some steps of recorded waves."""
    layout = lay_out(graph)
    leaving, arriving = waves.leaving[part], waves.arriving[part]
    lost = (leaving - arriving[:, layout.partner]) ** 2 / (2 * layout.impedance)
    junction, names, rows = _junctions(graph, layout)
    residual = np.zeros((len(names), len(lost)))
    np.add.at(residual, junction, lost.T)
    return Reflections(_ratio(leaving, arriving), residual.T, junction, names, rows, graph.step)


def _ratio(leaving: Floats, arriving: Floats) -> Floats:
    """Deviations that leave over deviations that arrive; NaN where too little arrives."""
    came, left = arriving - arriving[-1], leaving - leaving[-1]
    enough = np.abs(came) > FLOOR * np.abs(came).max(axis=0)
    return np.divide(left, came, out=np.full_like(came, np.nan), where=enough)


def _junctions(
    graph: ScatteringGraph, layout: BilateralLayout
) -> tuple[NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
    """Junction of every port, and the names and rows of the junctions."""
    junction = layout.node.astype(np.int64)
    for number, ports in enumerate(crossbar_ports(layout)):
        junction[ports] = graph.neurons + number
    crossbars = [f"crossbar {block.layer}" for block in layout.blocks if block.layer is not None]
    names = [f"{site.name}[{k}]" for site in graph.sites for k in range(site.size)]
    rows = [site.name for site in graph.sites for _ in range(site.size)]
    return junction, (*names, *crossbars), (*rows, *crossbars)
