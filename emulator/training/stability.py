"""A curvature that every training meets: a rate that is too large for it cannot be stable."""

from __future__ import annotations

import numpy as np

from emulator.measure.reference import reference
from emulator.network import Dense, Network, softmax
from emulator.training.streams import Floats

_SAMPLES, _ROUNDS = 64, 50


def curvature(network: Network, feed: Floats) -> float:
    """Largest curvature of the mean loss in the parameters of the output layer; 0 if the output is not a dense layer.

    In those parameters the loss is convex, with second derivative ``H (x) (x, 1)(x, 1)^T`` per sample, `H` that of
    the loss in the output; the curvature in all parameters is at least as large. Found by power iteration over the
    first samples.

    Parameters
    ----------
    network : Network
    feed : (n, inputs + outputs)
    """
    last = network.output
    while not isinstance(network[last], Dense):
        layer = network[last]
        if getattr(layer, "function", None) != "identity":
            return 0.0
        last = network.sources(last)[0]
    rows, inputs, start = feed[:_SAMPLES], {}, 0
    for name in network.inputs:
        inputs[name] = rows[:, start : start + network.size(name)]
        start += network.size(name)
    states = reference(network, inputs).states
    x = np.hstack([states[network.sources(last)[0]], np.ones((len(rows), 1))])
    p = softmax(states[network.output])
    v = np.ones((network.size(network.output), x.shape[1]))
    v[::2] = -1.0
    size = 0.0
    for _ in range(_ROUNDS):
        v /= np.linalg.norm(v)
        moved = x @ v.T
        if network.loss == "softmax_cross_entropy":
            moved = p * moved - p * (p * moved).sum(axis=1, keepdims=True)
        v = moved.T @ x / len(rows)
        size = float(np.linalg.norm(v))
        if size == 0.0:
            return 0.0
    return size
