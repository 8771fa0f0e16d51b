"""Weights as the hardware holds them: quantised, or programmed into devices that err, drift and are read with noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.engine.layout import Floats, Layout, spread
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.learning import Learning, Written
from hwmodels import program, rng


@dataclass(frozen=True)
class Programmed:
    """What every synapse holds, (S,) each; wires are exact.

    Parameters
    ----------
    weight : float64
        The effective weight.
    sigma : float64
        Standard deviation of one reading of it.
    top : float64
        Weight of a device at `g_max`; 1 where there is none.
    """

    weight: Floats
    sigma: Floats
    top: Floats


def programmed(
    graph: ScatteringGraph, layout: Layout, age: float | None = None, w_max: float | None = None
) -> Programmed:
    """The network's weights on a chip.

    Parameters
    ----------
    graph : ScatteringGraph
    layout : Layout
    age : float, optional
        Seconds since the devices were programmed; by default they have just been.
    w_max : float, optional
        Weight of a device at `g_max`; by default the largest of its layer.

    Raises
    ------
    HardwareError
        If the age is outside the range the device laws were fitted to.
    """
    hardware = graph.hardware
    held: dict[str, np.ndarray] = {}
    sigma: dict[str, Floats | float] = {}
    top: dict[str, Floats | float] = {}
    for layer, parameters in graph.network.parameters.items():
        held[layer], sigma[layer], top[layer] = parameters.weight, 0.0, 1.0
        if not hardware.weights.exact:
            devices = program(hardware.weights, parameters.weight, graph.seed, _stream(layer), w_max)
            held[layer], sigma[layer] = devices.weights(age), devices.read_sigma(age)
            top[layer] = devices.w_max
        if hardware.precision.weights.bits is not None:
            stream = rng(graph.seed, "weight rounding", layer).random(parameters.weight.shape)
            held[layer] = hardware.precision.weights.apply(held[layer], stream)
    return Programmed(spread(layout, held, 1.0), spread(layout, sigma, 0.0), spread(layout, top, 1.0))


def writable(graph: ScatteringGraph, layout: Layout, w_max: float | None = None) -> tuple[Floats, Floats]:
    """Whether each synapse can be written (1 or 0) by a device for weights above 0, and by one for weights below.

    A pair with a device stuck at `g_max` cannot be written at all, since no state of the other makes up for it.
    """
    up: dict[str, Floats | float] = {}
    down: dict[str, Floats | float] = {}
    law = graph.hardware.weights
    for layer, parameters in graph.network.parameters.items():
        up[layer] = down[layer] = 1.0
        if not law.exact:
            stuck = program(law, parameters.weight, graph.seed, _stream(layer), w_max).stuck
            free = (stuck == 0) & (stuck < 1).all(axis=0)
            up[layer], down[layer] = free[0].astype(np.float64), free[-1].astype(np.float64)
    return spread(layout, up, 1.0), spread(layout, down, 1.0)


def device_scores(graph: ScatteringGraph, layout: Layout, name: str) -> tuple[Floats, Floats]:
    """How far the devices of weights above and below 0 are from their mean, in standard deviations, in what `name` says.

    Scores of ``drift`` are the samples that `hwmodels.program` draws for the same chip.
    """
    up: dict[str, np.ndarray] = {}
    down: dict[str, np.ndarray] = {}
    for layer, parameters in graph.network.parameters.items():
        up[layer], down[layer] = _layer_scores(graph, layer, parameters.weight.shape, name)
    return spread(layout, up, 0.0), spread(layout, down, 0.0)


def bias_scores(graph: ScatteringGraph, layout: Layout, name: str) -> NDArray[np.float64]:
    """The same (2, N) for the devices of biases, which do not drift."""
    if name == "drift":
        return np.zeros((2, layout.neurons))
    return rng(graph.seed, "devices of biases", name).standard_normal((2, layout.neurons))


def zeros(graph: ScatteringGraph, layout: Layout, port: Written) -> tuple[Floats, Floats]:
    """Relative conductances of the references of weights (S,) and of biases (N,): each device's symmetry point, and an error.

    Whose devices: those that the port's `zero_of` names, by the beginning of their scores' names.
    """
    law, at = port.law.update, port.zero_error
    if law is None:
        raise EngineError(f"port {port.name}: nothing says what a pulse does; allowed: devices with weights.update")
    varied, prefix = list(law.spreads), port.zero_of
    found: dict[str, np.ndarray] = {}
    for layer, parameters in graph.network.parameters.items():
        shape = parameters.weight.shape
        scores = {name: _layer_scores(graph, layer, shape, f"{prefix}{name}") for name in varied}
        error = _layer_scores(graph, layer, shape, f"{prefix}zero")[0]
        found[layer] = law.symmetry_points(scores) + at * error
    own = {name: tuple(bias_scores(graph, layout, f"{prefix}{name}")) for name in varied}
    biases = law.symmetry_points(own) + at * bias_scores(graph, layout, f"{prefix}zero")[0]
    return spread(layout, found, 0.5), np.broadcast_to(biases, (layout.neurons,)).copy()


def _layer_scores(graph: ScatteringGraph, layer: str, shape: tuple[int, ...], name: str) -> tuple[Floats, Floats]:
    """Scores of one layer's devices of weights above and below 0."""
    pair = graph.hardware.weights.differential or name != "drift"
    scores = rng(graph.seed, _stream(layer), name).standard_normal((2 if pair else 1, *shape))
    return scores[0], scores[-1]


def _stream(layer: str) -> str:
    """The name of a layer's devices among the chip's random streams."""
    return f"devices of {layer}"


def top_weight(learning: Learning | None) -> float | None:
    """Weight of a device at `g_max`: the port's if it writes devices; None for that of the largest in its layer."""
    return learning.port.w_max if learning is not None and isinstance(learning.port, Written) else None
