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
