"""Weights as the hardware holds them: quantised, or programmed into devices that err, drift and are read with noise."""

from __future__ import annotations

import numpy as np

from emulator.engine.layout import Floats, Layout, spread
from emulator.graph import ScatteringGraph
from hwmodels import program, rng


def programmed(graph: ScatteringGraph, layout: Layout, age: float | None = None) -> tuple[Floats, Floats]:
    """Effective weight of every synapse, and the standard deviation of one reading of it; wires are exact.

    Parameters
    ----------
    graph : ScatteringGraph
    layout : Layout
    age : float, optional
        Seconds since the devices were programmed; by default they have just been.

    Raises
    ------
    HardwareError
        If the age is outside the range the device laws were fitted to.
    """
    hardware = graph.hardware
    held: dict[str, np.ndarray] = {}
    sigma: dict[str, np.ndarray] = {}
    for layer, parameters in graph.network.parameters.items():
        held[layer], sigma[layer] = parameters.weight, np.zeros_like(parameters.weight)
        if not hardware.weights.exact:
            devices = program(hardware.weights, parameters.weight, graph.seed, f"devices of {layer}")
            held[layer], sigma[layer] = devices.weights(age), devices.read_sigma(age)
        if hardware.precision.weights.bits is not None:
            stream = rng(graph.seed, "weight rounding", layer).random(parameters.weight.shape)
            held[layer] = hardware.precision.weights.apply(held[layer], stream)
    return spread(layout, held, 1.0), spread(layout, sigma, 0.0)


def writable(graph: ScatteringGraph, layout: Layout) -> tuple[Floats, Floats]:
    """Whether each synapse can be written (1 or 0) by a device for weights above 0, and by one for weights below.

    A pair with a device stuck at `g_max` cannot be written at all, since no state of the other makes up for it.
    """
    up: dict[str, np.ndarray] = {}
    down: dict[str, np.ndarray] = {}
    law = graph.hardware.weights
    for layer, parameters in graph.network.parameters.items():
        up[layer] = down[layer] = np.ones_like(parameters.weight)
        if not law.exact:
            stuck = program(law, parameters.weight, graph.seed, f"devices of {layer}").stuck
            free = (stuck == 0) & (stuck < 1).all(axis=0)
            up[layer], down[layer] = free[0].astype(np.float64), free[-1].astype(np.float64)
    return spread(layout, up, 1.0), spread(layout, down, 1.0)
