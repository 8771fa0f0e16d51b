"""How far noise alone moves states and costates at rest: the least a settled substrate can promise.

Variances are propagated to first order through the settled network, the noise of every line and node being independent:
a sum adds ``w^2`` times what arrives, an activation multiplies by ``phi'^2``, and the costate of a pre-activation also
feels the noise of its slope, ``(phi'' lam)^2`` times the variance of `s`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emulator.engine import Layout, weights
from emulator.engine.layout import Block
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.fields import Fields
from emulator.measure.rest import slopes
from emulator.measure.result import Floats
from emulator.network import softmax

#: standard deviations that noise is allowed before it counts as motion
SIGMAS = 6.0


class Disturbance(NamedTuple):
    """Variances of what disturbs a substrate."""

    node: float
    """Of a node's own noise."""
    forward: Floats | float
    """Of the noise of one event received forward, on any line, or of each line as its family has them."""
    backward: Floats | float
    """Of one received backward."""


def noisy(graph: ScatteringGraph) -> bool:
    """Whether the hardware has noise."""
    return _any(_disturbance(graph))


def noise_floor(graph: ScatteringGraph, layout: Layout, held: Fields, feed: Floats) -> Fields | None:
    """Standard deviation that the hardware's noise causes in every neuron's fields, (B, N) each; None without noise.

    On two-way lines those of pre-activations and their costates are as large as those at the lines' other ends allow.
    """
    by = _disturbance(graph)
    return family_of(graph.law).noise(graph, layout, held, by, feed) if _any(by) else None


def _any(by: Disturbance) -> bool:
    return any(np.any(part) for part in by)


def noise_of_sums(graph: ScatteringGraph, layout: Layout, held: Fields, by: Disturbance) -> Fields:
    """The same where every line ends in a sum, to first order."""
    shape = held.x.shape
    slope, bend = slopes(graph, held.s, exact=False)
    square = weights(graph, layout) ** 2
    var_s, var_lam = np.zeros(shape), np.zeros(shape)
    for coupling, block in zip(graph.couplings, layout.blocks, strict=True):
        rows = coupling.rows
        arriving = slope[:, rows] ** 2 * var_s[:, rows] + by.node + by.forward
        _add(var_s, coupling.columns, arriving, square, block)
    state = slope**2 * var_s + by.node
    var_lam[:, layout.outputs] = _of_load(graph, held.x[:, layout.outputs], state[:, layout.outputs])
    var_lam += layout.shunt**2 * state
    var_mu = np.zeros(shape)
    for coupling, block in zip(reversed(graph.couplings), reversed(layout.blocks), strict=True):
        columns = coupling.columns
        at = slope[:, columns] ** 2 * var_lam[:, columns]
        at = at + (bend[:, columns] * held.lam[:, columns]) ** 2 * var_s[:, columns]
        var_mu[:, columns] = at
        at = at + by.backward
        if block.layer is None:
            var_lam[:, coupling.rows] += at
        else:
            np.add.at(var_lam.T, coupling.rows, block.matrix(square).T @ at.T)
    return Fields(np.sqrt(var_s), np.sqrt(state), np.sqrt(var_lam), np.sqrt(var_mu))


def _of_load(graph: ScatteringGraph, x: Floats, state: Floats) -> Floats:
    """Variance of what the load answers: of a softmax, by its derivative."""
    if graph.loss == "mse":
        return state
    share = softmax(x)
    own = ((1 - share) ** 2 - share**2) * state
    return np.asarray(share**2 * (own + (share**2 * state).sum(axis=1, keepdims=True)))


def _add(total: Floats, columns: np.ndarray, arriving: Floats, square: Floats, block: Block) -> None:
    if block.layer is None:
        total[:, columns] += arriving
    else:
        total[:, columns] += arriving @ block.matrix(square).T


def _disturbance(graph: ScatteringGraph) -> Disturbance:
    noise, precision = graph.hardware.noise, graph.hardware.precision
    node = noise.node.rms**2 + noise.flicker.rms**2
    received = []
    for quantiser, thermal in zip(
        (precision.forward, precision.backward), family_of(graph.law).thermal(graph), strict=True
    ):
        variance = noise.receiver**2 + thermal
        if quantiser.bits is not None and (node or np.any(variance) or quantiser.rounding == "stochastic"):
            variance = variance + (quantiser.full_scale / (2 ** (quantiser.bits - 1) - 1)) ** 2 / 4
        received.append(variance)
    return Disturbance(node, *received)
