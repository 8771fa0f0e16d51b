"""Networks as strangers bring them: any depth and width, four activations, three ways to draw weights, both losses."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from emulator import Network


class Brought(NamedTuple):
    """A network with one sample, (1, inputs) and (1, outputs)."""

    network: Network
    inputs: np.ndarray
    targets: np.ndarray
    words: str


def brought(seed: int, deepest: int = 5, widest: int = 64, depth: int | None = None) -> Brought:
    """The network of this seed: 1 to `deepest` crossbars, 4 to `widest` neurons in a row, data of order 1."""
    draws = np.random.default_rng(seed)
    sizes = draws.integers(4, widest + 1, size=(depth or int(draws.integers(1, deepest + 1))) + 1)
    activation = str(draws.choice(["tanh", "relu", "sigmoid", "softplus"]))
    spread = str(draws.choice(["1/n", "2/n", "uniform"]))
    loss = str(draws.choice(["mse", "softmax_cross_entropy"]))
    weights, biases = [], []
    for before, after in itertools.pairwise(sizes):
        root = before**-0.5
        drawn = draws.normal(size=(after, before)) * root * (2**0.5 if spread == "2/n" else 1.0)
        weights.append(draws.uniform(-root, root, size=(after, before)) if spread == "uniform" else drawn)
        biases.append(draws.uniform(-root, root, size=after))
    inputs, targets = draws.normal(size=(1, sizes[0])), 0.5 * draws.normal(size=(1, sizes[-1]))
    if loss != "mse":
        targets = np.eye(sizes[-1])[draws.integers(sizes[-1], size=1)]
    network = Network.mlp(weights, biases, activations=activation, loss=loss)
    return Brought(network, inputs, targets, f"{'-'.join(map(str, sizes))} {activation}, weights {spread}, {loss}")
