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
    forward: float
    """Of the noise of one event received forward."""
    backward: float
    """Of one received backward."""
    thermal: Floats
    """Of what the loss of lines adds at each tap (C,)."""


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
    return bool(by.node or by.forward or by.backward or by.thermal.any())


def noise_of_sums(graph: ScatteringGraph, layout: Layout, held: Fields, by: Disturbance) -> Fields:
    """The same where every line ends in a sum, to first order."""
    shape = held.x.shape
    slope, bend = slopes(graph, held.s, exact=False)
    square = weights(graph, layout) ** 2
    var_s, var_lam = np.zeros(shape), np.zeros(shape)
    thermal_forward, thermal_backward = (square * by.thermal[taps] for taps in (layout.row, layout.column))
    for coupling, block in zip(graph.couplings, layout.blocks, strict=True):
        rows = coupling.rows
        arriving = slope[:, rows] ** 2 * var_s[:, rows] + by.node + by.forward
        _add(var_s, coupling.columns, arriving, square, block)
        var_s[:, coupling.columns] += _summed(thermal_forward, block, 1)
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
        np.add.at(var_lam.T, coupling.rows, _summed(thermal_backward, block, 0)[:, np.newaxis])
    return Fields(np.sqrt(var_s), np.sqrt(state), np.sqrt(var_lam), np.sqrt(var_mu))


def _of_load(graph: ScatteringGraph, x: Floats, state: Floats) -> Floats:
    """Variance of what the load answers: of a softmax, by its derivative."""
    if graph.loss == "mse":
        return state
    share = softmax(x)
    own = ((1 - share) ** 2 - share**2) * state
    return np.asarray(share**2 * (own + (share**2 * state).sum(axis=1, keepdims=True)))


def _summed(each: Floats, block: Block, axis: int) -> Floats:
    """Numbers of all synapses (S,), summed over the rows (axis 1) or the columns (axis 0) of a crossbar; of wires as they are."""
    if block.layer is None:
        return each[block.first : block.first + block.size]
    return np.asarray(block.matrix(each).sum(axis=axis))


def _add(total: Floats, columns: np.ndarray, arriving: Floats, square: Floats, block: Block) -> None:
    if block.layer is None:
        total[:, columns] += arriving
    else:
        total[:, columns] += arriving @ block.matrix(square).T


def _disturbance(graph: ScatteringGraph) -> Disturbance:
    noise, precision = graph.hardware.noise, graph.hardware.precision
    node = noise.node.rms**2 + noise.flicker.rms**2
    thermal, received = family_of(graph.law).thermal(graph), []
    for quantiser in (precision.forward, precision.backward):
        variance = noise.receiver**2
        if quantiser.bits is not None and (node or variance or thermal.any() or quantiser.rounding == "stochastic"):
            variance += (quantiser.full_scale / (2 ** (quantiser.bits - 1) - 1)) ** 2 / 4
        received.append(variance)
    forward, backward = received
    return Disturbance(node, forward, backward, thermal)
