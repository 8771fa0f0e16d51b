"""Thermal noise of lines that attenuate, in the amplitudes of their waves.

It comes on top of the noise of the receivers, from the same stream: with every event, as a wave that is held until the next
one keeps the noise with which it came.
"""

from __future__ import annotations

import numpy as np

from emulator.engine.layout import Floats, Layout
from emulator.engine.places import per_tap
from emulator.graph import ScatteringGraph
from hwmodels import HardwareModel


def thermal_variance(hardware: HardwareModel, gain: Floats, impedance: Floats | float, step: float) -> Floats:
    """Variance (n,) that the loss of lines adds to arriving amplitudes, 1 being `energy.unit_amplitude`.

    Parameters
    ----------
    gain : (n,)
        What their loss leaves of an amplitude.
    impedance : (n,) or float
        Characteristic impedances over `lines.impedance`.
    step : float
        Time step [s].
    """
    ohms, volts = hardware.lines.impedance, hardware.energy.unit_amplitude
    if not hardware.lines.temperature or ohms is None or volts is None:
        return 0.0 * gain
    return hardware.lines.thermal_variance(gain, ohms * impedance, step) / volts**2


def thermal_noise(graph: ScatteringGraph, layout: Layout) -> Floats:
    """Variance (T,) that the loss of its line adds to what arrives at every tap, at the nominal impedance of the lines."""
    return thermal_variance(graph.hardware, per_tap(graph, layout, "gain"), 1.0, graph.step)


def mean_thermal_noise(graph: ScatteringGraph) -> tuple[float, float]:
    """The same forward and backward, in the mean over all lines of a direction."""
    if not graph.hardware.lines.temperature:
        return 0.0, 0.0
    found: dict[str, list[Floats]] = {"forward": [], "backward": []}
    for coupling in graph.couplings:
        for way, bundles in (("forward", coupling.bundles_forward), ("backward", coupling.bundles_backward)):
            for bundle in bundles:
                sample = graph.hardware.lines.sample(bundle.count, graph.seed, f"lines of {bundle.name}")
                gain = getattr(sample, f"gain_{way}")
                found[way].append(thermal_variance(graph.hardware, gain, 1.0, graph.step))
    forward, backward = (float(np.concatenate(part).mean()) for part in found.values())
    return forward, backward
