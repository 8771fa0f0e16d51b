"""The same network with weights that have learned nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.network.layers import Dense
from emulator.network.network import Network
from hwmodels import rng

Floats = NDArray[np.float64]


def from_scratch(network: Network, scale: float, seed: int) -> Network:
    """Draw the parameters of all layers that learn anew; what is fixed stays.

    Weights are N(0, scale^2 / fan-in), the fan-in being the devices of a row; biases are 0. Devices that hold the same
    number of a kernel draw it together.

    Parameters
    ----------
    network : Network
    scale : float
    seed : int
        Seeds the draws, each layer under its own name.
    """
    fresh = {
        name: (_weights(layer, rng(seed, "from scratch", name), scale), np.zeros_like(layer.bias))
        for name, layer in network.dense.items()
        if layer.trainable
    }
    kept = {name: (layer.weight, layer.bias) for name, layer in network.dense.items() if not layer.trainable}
    return network.with_parameters({**kept, **fresh})


def _weights(layer: Dense, draws: np.random.Generator, scale: float) -> Floats:
    rows = layer.weight.shape[0]
    there = np.ones(layer.weight.shape, dtype=bool) if layer.devices is None else layer.devices
    drawn = draws.normal(0.0, scale / max(1.0, layer.count / rows) ** 0.5, layer.count)
    if layer.kernel is not None:
        number = layer.kernel[: layer.count]
        shared = np.flatnonzero(number >= 0)
        _, first, place = np.unique(number[shared], return_index=True, return_inverse=True)
        drawn[shared] = drawn[shared][first][place]
    weight = np.zeros(layer.weight.shape)
    weight[there] = drawn
    return weight
