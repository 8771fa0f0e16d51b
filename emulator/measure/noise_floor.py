"""How far noise alone moves states and costates at rest: the least a settled substrate can promise.

Variances are propagated to first order through the settled network, the noise of every line and node being independent:
a sum adds ``w^2`` times what arrives, an activation multiplies by ``phi'^2``, and the costate of a pre-activation also
feels the noise of its slope, ``(phi'' lam)^2`` times the variance of `s`.
"""

from __future__ import annotations

import numpy as np

from emulator.engine import Layout, Recording, biases, weights
from emulator.engine.layout import Block
from emulator.graph import ScatteringGraph
from emulator.measure.rest import OperatingPoint
from emulator.measure.result import Floats
from emulator.measure.wave_noise import wave_noise
from emulator.network.activations import activation_function

#: standard deviations that noise is allowed before it counts as motion
SIGMAS = 6.0


def noise_floor(graph: ScatteringGraph, layout: Layout, recording: Recording) -> tuple[Floats, Floats]:
    """Standard deviation of every neuron's state and costate that the hardware's noise causes, (B, N) each."""
    shape = recording.lam.shape
    node, receiver = _sources(graph)
    if not (node or any(receiver)):
        return np.zeros(shape), np.zeros(shape)
    count = layout.neurons
    s = recording.v[:, count:] + biases(graph)
    if graph.law.two_way:
        held = zip(recording.u[:, :count], s, recording.lam, strict=True)
        found = [wave_noise(graph, OperatingPoint(*values), receiver) for values in held]
        return np.array([state for state, _ in found]), np.array([costate for _, costate in found])
    slope, bend = np.ones(shape), np.zeros(shape)
    for site in graph.sites:
        part = slice(site.start, site.stop)
        function = activation_function(site.function, site.slope)
        if site.role == "source":
            slope[:, part] = 0.0
        else:
            slope[:, part], bend[:, part] = function.dphi(s[:, part]), function.d2phi(s[:, part])
    square = weights(graph, layout) ** 2
    var_s, var_lam = np.zeros(shape), np.zeros(shape)
    state = np.zeros(shape)
    for coupling, block in zip(graph.couplings, layout.blocks, strict=True):
        rows = coupling.rows
        state[:, rows] = slope[:, rows] ** 2 * var_s[:, rows] + node
        _add(var_s, coupling.columns, state[:, rows] + receiver[0], square, block)
    state = slope**2 * var_s + node
    var_lam[:, layout.outputs] = state[:, layout.outputs]
    for coupling, block in zip(reversed(graph.couplings), reversed(layout.blocks), strict=True):
        columns = coupling.columns
        at = slope[:, columns] ** 2 * var_lam[:, columns]
        at = at + (bend[:, columns] * recording.lam[:, columns]) ** 2 * var_s[:, columns] + receiver[1]
        if block.layer is None:
            var_lam[:, coupling.rows] += at
        else:
            matrix = square[block.first : block.first + block.size].reshape(len(block.rows), -1)
            np.add.at(var_lam.T, coupling.rows, matrix @ at.T)
    return np.sqrt(state), np.sqrt(var_lam)


def _add(total: Floats, columns: np.ndarray, arriving: Floats, square: Floats, block: Block) -> None:
    if block.layer is None:
        total[:, columns] += arriving
    else:
        matrix = square[block.first : block.first + block.size].reshape(len(block.rows), -1)
        total[:, columns] += arriving @ matrix


def _sources(graph: ScatteringGraph) -> tuple[float, tuple[float, float]]:
    """Variance of a node's own noise, and of the noise of one received event forward and backward."""
    noise, precision = graph.hardware.noise, graph.hardware.precision
    node = noise.node.rms**2 + noise.flicker.rms**2
    received = []
    for quantiser in (precision.forward, precision.backward):
        variance = noise.receiver**2
        if quantiser.bits is not None and (node or noise.receiver or quantiser.rounding == "stochastic"):
            variance += (quantiser.full_scale / (2 ** (quantiser.bits - 1) - 1)) ** 2 / 4
        received.append(variance)
    return node, (received[0], received[1])
