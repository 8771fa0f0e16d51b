"""Two-way lines with what terminates them: impedances, and the share of each wave in what a junction sees.

A termination is a port of its own whose leaving wave returns to it a step later through a low-pass (a trapezoidal
capacitor or inductor in wave variables): a line of one step that starts and ends there.

- Series RC to ground, parallel to the line at its far end, with ``Rc = dt/(2 C)``: impedance ``Zt = R + Rc``,
  coefficient ``Rc/Zt``.
- Parallel RL, in series with the line at its source end, with ``Gl = dt/(2 L)``: impedance ``Zt = 1/(1/R + Gl)``,
  coefficient ``Gl Zt``, and the wave returns with its sign changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.engine.layout import Floats, Ints
from emulator.errors import EngineError
from emulator.graph import Bundle, ScatteringGraph
from emulator.graph.elements import Steps
from emulator.laws import Bilateral


@dataclass(frozen=True)
class Lines:
    """Two-way lines of a graph, in the order of its couplings (rows, then columns); L lines.

    Parameters
    ----------
    tail, head : (L,) int32
        Neuron at each end, -1 for a crossbar.
    crossbar : (L,) int32
        Number of the crossbar at one end, -1 where there is none; its rows, and its columns, are in order.
    impedance : (L,)
    forward, backward : (L,) int32
        Delays in steps.
    far_impedance, far_pole : (L,) or None
        Impedance and coefficient of the termination at each far end.
    source_impedance, source_pole : (L,) or None
        The same at each source end.
    """

    tail: Ints
    head: Ints
    crossbar: Ints
    impedance: Floats
    forward: Ints
    backward: Ints
    far_impedance: Floats | None
    far_pole: Floats | None
    source_impedance: Floats | None
    source_pole: Floats | None

    @property
    def count(self) -> int:
        """Number of lines."""
        return len(self.impedance)


def law_of(graph: ScatteringGraph) -> Bilateral:
    """The law of a graph of two-way lines.

    Raises
    ------
    EngineError
        If it has another law.
    """
    if not isinstance(graph.law, Bilateral):
        raise EngineError(f"scattering of law {graph.law.name}: it has no junctions; allowed: law bilateral")
    return graph.law


def lines_of(graph: ScatteringGraph) -> Lines:
    """Flatten the lines of a graph compiled for two-way lines."""
    tail: list[Steps] = []
    head: list[Steps] = []
    crossbar: list[Steps] = []
    impedance: list[Floats] = []
    forward: list[Steps] = []
    backward: list[Steps] = []
    crossbars = 0

    def add(bundles: tuple[Bundle, ...], tails: Steps, heads: Steps, at: int) -> None:
        start = 0
        for bundle in bundles:
            part = slice(start, start + bundle.count)
            tail.append(tails[part])
            head.append(heads[part])
            crossbar.append(np.full(bundle.count, at))
            sample = graph.hardware.lines.sample(bundle.count, graph.seed, f"lines of {bundle.name}")
            impedance.append(bundle.impedance * sample.impedance_ratio)
            forward.append(_known(bundle.delay_forward))
            backward.append(_known(bundle.delay_backward))
            start += bundle.count

    for coupling in graph.couplings:
        rows, columns = coupling.rows, coupling.columns
        if coupling.layer is None:
            add(coupling.bundles_forward, rows, columns, -1)
            continue
        add(coupling.bundles_forward, rows, np.full(len(rows), -1), crossbars)
        add(coupling.bundles_backward, np.full(len(columns), -1), columns, crossbars)
        crossbars += 1
    z, law = np.concatenate(impedance), law_of(graph)
    far_z, far_pole = far_end(law, z, graph.transit)
    source_z, source_pole = source_end(law, z, graph.transit)
    return Lines(
        tail=np.concatenate(tail).astype(np.int32),
        head=np.concatenate(head).astype(np.int32),
        crossbar=np.concatenate(crossbar).astype(np.int32),
        impedance=z,
        forward=np.concatenate(forward).astype(np.int32),
        backward=np.concatenate(backward).astype(np.int32),
        far_impedance=far_z,
        far_pole=far_pole,
        source_impedance=source_z,
        source_pole=source_pole,
    )


def _known(delay: Steps | None) -> Steps:
    """A delay of a bundle that `lay_lines` made a line in both directions."""
    if delay is None:
        raise EngineError("a bundle has no line in one direction; allowed: graphs compiled for two-way lines")
    return delay


def far_end(law: Bilateral, impedance: Floats, delay: float) -> tuple[Floats | None, Floats | None]:
    """Impedance and coefficient of the series RC at the far end of lines of this impedance; `delay` in steps."""
    if law.far_end is None:
        return None, None
    resistance = law.far_end.resistance * impedance
    reactance = impedance / (2 * law.far_end.capacitance * delay)
    return resistance + reactance, reactance / (resistance + reactance)


def source_end(law: Bilateral, impedance: Floats, delay: float) -> tuple[Floats | None, Floats | None]:
    """Impedance and coefficient of the parallel RL at the source end of lines of this impedance; `delay` in steps."""
    if law.source_end is None:
        return None, None
    conductance = 1 / (law.source_end.resistance * impedance)
    susceptance = 1 / (2 * law.source_end.inductance * impedance * delay)
    return 1 / (conductance + susceptance), susceptance / (conductance + susceptance)
