"""The charge of two-way lines: what a unit of state stores in a line and in the capacitor at its far end."""

from __future__ import annotations

import numpy as np

from emulator.engine.layout import Floats
from emulator.families.bilateral.lines import law_of, lines_of
from emulator.graph import ScatteringGraph


def charges_of(graph: ScatteringGraph) -> tuple[Floats, Floats]:
    """Capacitance of the lines that end at every neuron, and of those that begin there, (N,) each, in steps over impedance.

    A line of delay d stores ``d/Z`` per unit of state, and the series RC at its far end ``C`` times the mean delay over `Z`.
    """
    lines, law = lines_of(graph), law_of(graph)
    end = 0.0 if law.far_end is None else law.far_end.capacitance * graph.transit
    stored = ((lines.forward + lines.backward) / 2 + end) / lines.impedance
    into, out = np.zeros(graph.neurons), np.zeros(graph.neurons)
    for total, at in ((into, lines.head), (out, lines.tail)):
        np.add.at(total, at[at >= 0], stored[at >= 0])
    return into, out
