"""How far small static errors of lines and weights move a settled substrate, to first order.

A line direction delivers ``(1 + gain) u + offset`` of the wave `u` its port was meant to send, to which the port may add
an error of its own (rounding); a crossbar holds ``W + dW``. With deviations written ``d``, one pass forward and one back
through the network at rest give

    da = dx + sent + gain x + offset                 what a crossbar receives of a state
    ds = sum (W da + dW x)         dx = phi'(s) ds
    dlam at the output = J dx                        J: 1 (mse) or diag(p) - p p^T (cross-entropy); plus penalty dx
    dmu = phi'(s) dlam + phi''(s) lam ds
    dc = dmu + sent + gain mu + offset               what it receives of a costate
    dlam = sum (W^T dc + dW^T mu)
    d(mu x^T) = dc x^T + mu da^T                     a crossbar's gradient is the product of what it received

The error of the estimate falls with the square of the errors. It holds for every node law, since they rest alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.engine import Layout, effects_of, flatten
from emulator.engine.layout import Block
from emulator.engine.programming import programmed
from emulator.errors import EngineError, suggest
from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.laws import node_law
from emulator.measure.readout import by_layer
from emulator.measure.reference import Reference
from emulator.measure.rest import neuron_values, slopes
from emulator.measure.synapses import Floats
from emulator.network import Gradient
from emulator.network.losses import softmax


@dataclass(frozen=True)
class StaticErrors:
    """Errors of a substrate with N neurons, C line directions and B samples; what is left out is exact.

    Parameters
    ----------
    gain, offset : (C,) or float
        Relative gain error and offset of every line direction, in the order of `emulator.engine.Layout`.
    weights : dict of (n_out, n_in)
        Weight error by dense layer.
    sent : (B, 2N) or (2N,) or float
        Error of the wave that every port sends: states of all neurons, then costates of their pre-activations.
    """

    gain: Floats | float = 0.0
    offset: Floats | float = 0.0
    weights: dict[str, Floats] | None = None
    sent: Floats | float = 0.0


@dataclass(frozen=True)
class Change:
    """First-order change of a settled batch of B samples.

    Parameters
    ----------
    states, costates : dict of (B, n)
        Of every layer (of a dense layer: pre-activation and its costate); costates are empty without targets.
    gradients : dict of Gradient
        Of the batch-averaged weight and bias gradient of every dense layer; empty without targets.
    """

    states: dict[str, Floats]
    costates: dict[str, Floats]
    gradients: dict[str, Gradient]


def _one_way(graph: ScatteringGraph) -> Layout:
    """The layout of a graph whose errors are those of lines and crossbars, which node laws have."""
    node_law(graph.law)
    return flatten(graph)


def static_errors(graph: ScatteringGraph, age: float | None = None) -> StaticErrors:
    """The gain, offset and weight errors that the graph's hardware model draws.

    Rounding of waves is not among them: it depends on the waves themselves.

    Parameters
    ----------
    graph : ScatteringGraph
    age : float, optional
        Seconds since the weights were programmed.
    """
    layout = _one_way(graph)
    values = effects_of(graph, layout, seed=0).values
    held = programmed(graph, layout, age).weight
    errors = {}
    for block in layout.blocks:
        if block.layer is not None:
            errors[block.layer] = block.matrix(held) - graph.network.parameters[block.layer].weight
    return StaticErrors(
        gain=np.asarray(values.get("gain", 1.0)) - 1.0,
        offset=np.asarray(values.get("offset", 0.0)),
        weights=errors,
    )


def first_order(graph: ScatteringGraph, reference: Reference, errors: StaticErrors) -> Change:
    """Estimate how far static errors move states, costates and gradients.

    Parameters
    ----------
    graph : ScatteringGraph
    reference : Reference
        Exact result for the batch, around which the substrate is linearised.
    errors : StaticErrors

    Raises
    ------
    EngineError
        If an error array has another shape than the graph, or names an unknown layer.
    """
    layout = _one_way(graph)
    gain, offset, sent, weights = _checked(graph, layout, errors, len(next(iter(reference.states.values()))))
    count = graph.neurons
    x, s, lam = neuron_values(graph, reference)
    slope, bend = slopes(graph, s)
    mu = slope * lam
    crossings = [
        _Crossing(graph, coupling, block, gain, offset, weights)
        for coupling, block in zip(graph.couplings, layout.blocks, strict=True)
    ]
    dx, ds = np.zeros_like(x), np.zeros_like(x)
    for part in crossings:
        rows, columns = part.rows, part.columns
        dx[:, rows] = slope[:, rows] * ds[:, rows]
        _accumulate(ds, columns, part.forward(x[:, rows], dx[:, rows] + sent[:, rows]))
    dx = slope * ds
    if not reference.costates:
        return Change(by_layer(graph, dx, ds, np.zeros_like(x), np.zeros_like(x))[0], {}, {})
    dlam = np.zeros_like(x)
    dlam[:, layout.outputs] = _load(graph, x[:, layout.outputs], dx[:, layout.outputs])
    dlam += layout.shunt * dx
    dmu = np.zeros_like(x)
    for part in reversed(crossings):
        rows, columns = part.rows, part.columns
        dmu[:, columns] = slope[:, columns] * dlam[:, columns] + bend[:, columns] * lam[:, columns] * ds[:, columns]
        _accumulate(dlam, rows, part.backward(mu[:, columns], dmu[:, columns] + sent[:, count + columns]))
    dmu = slope * dlam + bend * lam * ds
    states, costates = by_layer(graph, dx, ds, dlam, dmu)
    gradients = {}
    for part in crossings:
        if part.layer is not None:
            arrived, returned = (
                dx[:, part.rows] + sent[:, part.rows],
                dmu[:, part.columns] + sent[:, count + part.columns],
            )
            product = part.gradient(x[:, part.rows], mu[:, part.columns], arrived, returned)
            gradients[part.layer] = Gradient(product, dmu[:, part.columns].mean(axis=0))
    return Change(states, costates, gradients)


class _Crossing:
    """One crossbar (or bundle of wires) with the errors of its lines, as matrices (columns, rows)."""

    def __init__(
        self,
        graph: ScatteringGraph,
        coupling: Coupling,
        block: Block,
        gain: Floats,
        offset: Floats,
        weights: dict[str, Floats],
    ) -> None:
        self.layer, self.rows, self.columns, self.block = coupling.layer, coupling.rows, coupling.columns, block
        shape = (len(self.columns), len(self.rows))
        row, column = coupling.pairs()

        row_taps, column_taps = block.row_taps, block.column_taps
        if not coupling.per_synapse:
            row_taps, column_taps = row_taps[row], column_taps[column]

        def per_pair(taps: np.ndarray, values: Floats) -> Floats:
            matrix = np.zeros(shape)
            matrix[column, row] = values[taps]
            return matrix

        self.gain_forward, self.gain_backward = per_pair(row_taps, gain), per_pair(column_taps, gain)
        self.offset_forward, self.offset_backward = per_pair(row_taps, offset), per_pair(column_taps, offset)
        if self.layer is None:
            self.weight, self.error = np.eye(len(self.rows)), np.zeros(shape)
        else:
            self.weight = graph.network.parameters[self.layer].weight
            self.error = block.existing(weights.get(self.layer, np.zeros(shape)))

    def forward(self, x: Floats, deviation: Floats) -> Floats:
        """Change of the pre-activations."""
        own = x @ (self.weight * self.gain_forward + self.error).T
        return np.asarray(deviation @ self.weight.T + own + (self.weight * self.offset_forward).sum(axis=1))

    def backward(self, mu: Floats, deviation: Floats) -> Floats:
        """Change of the costates that come back to the rows."""
        own = mu @ (self.weight * self.gain_backward + self.error)
        return np.asarray(deviation @ self.weight + own + (self.weight * self.offset_backward).sum(axis=0))

    def gradient(self, x: Floats, mu: Floats, dx: Floats, dmu: Floats) -> Floats:
        """Change of the weight gradient, averaged over the batch."""
        product = (dmu.T @ x + mu.T @ dx) / len(x)
        product += (self.gain_forward + self.gain_backward) * (mu.T @ x) / len(x)
        product += self.offset_backward * x.mean(axis=0) + self.offset_forward * mu.mean(axis=0)[:, None]
        return self.block.existing(np.asarray(product))


def _accumulate(total: Floats, at: np.ndarray, values: Floats) -> None:
    np.add.at(total.T, at, values.T)  # a concatenation may hold a neuron twice


def _load(graph: ScatteringGraph, x: Floats, dx: Floats) -> Floats:
    """Change of the loss derivative at the output."""
    if graph.loss == "mse":
        return dx
    p = softmax(x)
    return np.asarray(p * (dx - (p * dx).sum(axis=1, keepdims=True)))


def _checked(
    graph: ScatteringGraph, layout: Layout, errors: StaticErrors, samples: int
) -> tuple[Floats, Floats, Floats, dict[str, Floats]]:
    lines = len(layout.tap_port)
    arrays = []
    for name, given, shape in (
        ("gain", errors.gain, (lines,)),
        ("offset", errors.offset, (lines,)),
        ("sent", errors.sent, (samples, 2 * graph.neurons)),
    ):
        try:
            arrays.append(np.broadcast_to(np.asarray(given, dtype=float), shape))
        except ValueError:
            raise EngineError(
                f"static errors: {name} has shape {np.shape(given)}; allowed: {shape} or a number"
            ) from None
    weights = errors.weights or {}
    for layer, error in weights.items():
        if layer not in graph.network.parameters:
            raise EngineError(f"static errors: no dense layer {suggest(layer, graph.network.parameters)}")
        wanted = graph.network.parameters[layer].weight.shape
        if np.shape(error) != wanted:
            raise EngineError(f"static errors: weights of {layer!r} have shape {np.shape(error)}; allowed: {wanted}")
    return arrays[0], arrays[1], arrays[2], weights
