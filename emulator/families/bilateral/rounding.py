"""What the rounding of waves on two-way lines moves the rest by.

A wave that is rounded as it leaves breaks both laws of its line: with ``rho = u - sent`` at the tail and at the head, at rest

    x_head - x_tail = rho_head - rho_tail        i_tail - i_head = (rho_head + rho_tail)/Z

which crossbars carry on to the neurons behind them.
"""

from __future__ import annotations

import numpy as np

from emulator.families.bilateral.layout import BilateralLayout
from emulator.graph import ScatteringGraph
from emulator.measure.synapses import Floats, crossbar


def line_rounding(graph: ScatteringGraph, layout: BilateralLayout, rounded: Floats) -> tuple[Floats, Floats]:
    """What is added to pre-activations and to costates, (B, N) each; `rounded` (B, P) is `rho` of every port."""
    lines = layout.lines
    tail, head = rounded[:, : lines.count], rounded[:, lines.count : 2 * lines.count]
    state, current = head - tail, (head + tail) / lines.impedance
    s, lam = np.zeros((2, len(rounded), graph.neurons))
    first = 0
    for coupling in graph.couplings:
        middle = first + len(coupling.rows)
        weight, rows = crossbar(graph, coupling), slice(first, middle)
        np.add.at(lam.T, coupling.rows, current[:, rows].T)
        if weight is None:
            s[:, coupling.columns] += state[:, rows]
            first = middle
            continue
        first = middle + len(coupling.columns)
        columns = slice(middle, first)
        s[:, coupling.columns] += state[:, columns] + state[:, rows] @ weight.T
        np.add.at(lam.T, coupling.rows, (current[:, columns] @ weight).T)
    return s, lam
