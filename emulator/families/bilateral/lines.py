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
from emulator.engine.thermal import thermal_variance
from emulator.errors import EngineError
from emulator.families.bilateral.mishaps import Mishaps, mishaps_of
from emulator.graph import Bundle, ScatteringGraph
from emulator.graph.elements import Steps
from emulator.laws import Bilateral
from hwmodels import rng
from hwmodels.lines import LineSample


@dataclass(frozen=True)
class Passes:
    """What a wave gets on its way: ``gain`` times it plus ``offset``; L lines.

    A lossy line is a line without loss and an attenuator matched to it, so that nothing is reflected within. Drivers and
    receivers that are not alike have gains and offsets of their own, each direction of each line.

    Parameters
    ----------
    gain_forward, gain_backward, offset_forward, offset_backward : (L,)
    """

    gain_forward: Floats
    gain_backward: Floats
    offset_forward: Floats
    offset_backward: Floats

    @property
    def ideal(self) -> bool:
        """Whether every wave arrives as it was sent."""
        gains, offsets = (self.gain_forward, self.gain_backward), (self.offset_forward, self.offset_backward)
        return all((gain == 1).all() for gain in gains) and not any(offset.any() for offset in offsets)


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
    passes : Passes
        What lines make of the waves that they carry.
    beside : (L,) bool
        Whether the line before it runs beside it, in its bundle.
    mishaps : Mishaps
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
    passes: Passes
    beside: np.ndarray
    mishaps: Mishaps

    @property
    def changes_waves(self) -> bool:
        """Whether lines do not carry on all that they are given, so that they rest beside backpropagation."""
        return not (self.passes.ideal and self.mishaps.none)

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
    passes: list[tuple[Floats, ...]] = []
    beside: list[np.ndarray] = []
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
            passes.append(_passes(graph, bundle, sample))
            beside.append(np.arange(bundle.count) > 0)
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
    tails, heads = (np.concatenate(part).astype(np.int32) for part in (tail, head))
    return Lines(
        tail=tails,
        head=heads,
        crossbar=np.concatenate(crossbar).astype(np.int32),
        impedance=z,
        forward=np.concatenate(forward).astype(np.int32),
        backward=np.concatenate(backward).astype(np.int32),
        far_impedance=far_z,
        far_pole=far_pole,
        source_impedance=source_z,
        source_pole=source_pole,
        beside=np.concatenate(beside),
        mishaps=mishaps_of(graph, tails, heads),
        passes=Passes(*(np.concatenate(part) for part in zip(*passes, strict=True))),
    )


def _passes(graph: ScatteringGraph, bundle: Bundle, sample: LineSample) -> tuple[Floats, ...]:
    """Gains forward and backward of the lines of a bundle, and offsets; drawn under the names that all laws use."""
    noise, gains, offsets = graph.hardware.noise, list[Floats](), list[Floats]()
    for way, gain in (("forward", sample.gain_forward), ("backward", sample.gain_backward)):
        for what, found, nominal, scale in (("gain", gains, gain, gain), ("offset", offsets, 0.0 * gain, 1.0)):
            sigma = getattr(noise, f"{what}_mismatch_{way}")
            drawn = (
                rng(graph.seed, f"{what} mismatch {way}", bundle.name, way).standard_normal(bundle.count)
                if sigma
                else 0.0
            )
            found.append(nominal + scale * sigma * drawn)
    return (*gains, *offsets)


def thermal_noise(graph: ScatteringGraph) -> Floats:
    """Variance (2L,) that the loss of every line adds to the waves that it carries backward, and forward, as taps are in order."""
    found: tuple[list[Floats], list[Floats]] = ([], [])
    bundles = [
        bundle
        for coupling in graph.couplings
        for bundle in (*coupling.bundles_forward, *(() if coupling.layer is None else coupling.bundles_backward))
    ]
    if not graph.hardware.lines.temperature:
        return np.zeros(2 * sum(bundle.count for bundle in bundles))
    for bundle in bundles:
        sample = graph.hardware.lines.sample(bundle.count, graph.seed, f"lines of {bundle.name}")
        z = bundle.impedance * sample.impedance_ratio
        for part, gain in zip(found, (sample.gain_backward, sample.gain_forward), strict=True):
            part.append(thermal_variance(graph.hardware, gain, z, graph.step))
    return np.concatenate([*found[0], *found[1]])


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
