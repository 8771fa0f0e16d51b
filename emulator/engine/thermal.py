"""Thermal noise of lines that attenuate, in the amplitudes of their waves.

It comes on top of the noise of the receivers, from the same stream: with every event, as a wave that is held until the next
one keeps the noise with which it came.
"""

from __future__ import annotations

import numpy as np

from emulator.engine.layout import Floats
from emulator.engine.places import per_line
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


def thermal_noise(graph: ScatteringGraph) -> Floats:
    """Variance (C,) that the loss of its line adds to what arrives at every tap, at the nominal impedance of the lines."""
    if not graph.hardware.lines.temperature:
        bundles = (one for c in graph.couplings for one in (*c.bundles_forward, *c.bundles_backward))
        return np.zeros(sum(bundle.count for bundle in bundles))
    return thermal_variance(graph.hardware, per_line(graph, "gain"), 1.0, graph.step)
