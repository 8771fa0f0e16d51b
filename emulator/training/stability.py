"""What the first samples say of a training: curvatures that every port meets, and losses that it has to get below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emulator.learning import Curvatures
from emulator.measure.reference import reference
from emulator.network import Network, loss_function, softmax
from emulator.training.streams import Floats

_SAMPLES, _ROUNDS = 64, 50


@dataclass(frozen=True)
class Outlook:
    """What is known before a training from the first samples and the network as it is.

    Parameters
    ----------
    curvatures : Curvatures or None
        None if the output is not a dense layer that learns, or nothing curves.
    start : float
        Mean loss of the initial network, exact.
    chance : float
        Mean loss of the best answer that is the same for all samples.
    """

    curvatures: Curvatures | None
    start: float
    chance: float


def outlook(network: Network, feed: Floats, batch: int = 1, kappa: float = 1.0, whole: bool = False) -> Outlook:
    """Look at the first samples.

    In the parameters of the output layer the loss is convex, with second derivative ``H (x) (x, 1)(x, 1)^T`` per
    sample, `H` that of the loss in the output; the curvature in all parameters is at least as large. That of the mean
    loss is found by power iteration. One sample alone meets ``H (|x|^2 + 1)``, of which the square mean
    over the mean counts, with an `H` of cross-entropy of up to 1/2 as soon as two classes tie; a mini-batch lies between.

    Parameters
    ----------
    network : Network
    feed : (n, inputs + outputs)
        All samples, or as many as there are to see; curvatures are those of the first.
    batch : int
        Samples whose efforts are averaged before an update.
    kappa : float
        Factor on a squared error.
    whole : bool
        Whether a mini-batch holds all samples there are.
    """
    size = network.size(network.output)
    rows, wanted = feed[:_SAMPLES], feed[:, -size:]
    inputs, begin = {}, 0
    for name in network.inputs:
        inputs[name] = rows[:, begin : begin + network.size(name)]
        begin += network.size(name)
    states = reference(network, inputs).states
    start = loss_function(network.loss).value(states[network.output], wanted[: len(rows)]).mean()
    return Outlook(_curvatures(network, states, batch, kappa, whole), float(start), chance(network.loss, wanted))


def chance(loss: str, wanted: Floats) -> float:
    """Mean loss of the best constant answer to targets (n, outputs)."""
    middle = wanted.mean(axis=0)
    if loss == "softmax_cross_entropy":
        return float(-(middle * np.log(np.where(middle > 0, middle, 1.0))).sum())
    return float(loss_function(loss).value(np.broadcast_to(middle, wanted.shape), wanted).mean())


def _curvatures(
    network: Network, states: Mapping[str, Floats], batch: int, kappa: float, whole: bool
) -> Curvatures | None:
    last = network.output
    while last not in network.dense:
        layer = network[last]
        if getattr(layer, "function", None) != "identity":
            return None
        last = network.sources(last)[0]
    dense = network.dense[last]
    if not dense.trainable:
        return None
    there = None if dense.devices is None else np.hstack([dense.devices, np.ones((len(dense.bias), 1))])
    x = states[dense.source]
    x = np.hstack([x, np.ones((len(x), 1))])
    entropy = network.loss == "softmax_cross_entropy"
    bend, floor = (0.5, 0.0) if entropy else (kappa, kappa)
    mean = _largest(x, softmax(states[network.output]) if entropy else None, there)
    if mean <= 0.0:
        return None
    mean *= 1.0 if entropy else kappa
    norms = (x * x).sum(axis=1, keepdims=True) if there is None else (x * x) @ there.T
    single = bend * float(((norms * norms).mean(axis=0) / norms.mean(axis=0)).max())
    step = mean if whole else max(mean, ((batch - 1) * mean + single) / batch)
    return Curvatures(step, bend, floor, mean)


def _largest(x: Floats, p: Floats | None, there: Floats | None) -> float:
    """Largest curvature of the mean loss, of a cross-entropy with probabilities `p`, by power iteration.

    `there` (outputs, n) is 1 for parameters that exist.
    """
    v = np.ones((1 if p is None else p.shape[1], x.shape[1])) if there is None else there.copy()
    v[::2] *= -1.0
    size = 0.0
    for _ in range(_ROUNDS):
        v /= np.linalg.norm(v)
        moved = x @ v.T
        if p is not None:
            moved = p * moved - p * (p * moved).sum(axis=1, keepdims=True)
        v = moved.T @ x / len(x) if there is None else there * (moved.T @ x) / len(x)
        size = float(np.linalg.norm(v))
        if size == 0.0:
            return 0.0
    return size
