"""Reading a recording: per-layer states, costates and gradients from the arrays per neuron."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.engine import Layout, Recording, biases
from emulator.graph import ScatteringGraph
from emulator.measure.result import Floats
from emulator.measure.rows import by_neuron, finite, span
from emulator.network import Dense, DeviceGradient, Gradient, Slice

#: waves that did not settle may have grown beyond all numbers
_UNSETTLED = np.errstate(over="ignore", invalid="ignore")
#: amplitudes that are multiplied at once
_MOST_NUMBERS = 1 << 16


def layer_values(
    graph: ScatteringGraph, layout: Layout, recording: Recording
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """State and costate of every layer at the end of each hold, (B, n) each.

    A fused dense or adding layer is the pre-activation of its neurons. A concatenation has no neurons: its state is
    that of its parts, its costate what its readers send back.
    """
    count = layout.neurons
    s = recording.v[:, count:] + biases(graph)
    return by_layer(graph, recording.u[:, :count], s, recording.lam, recording.u[:, count:])


@_UNSETTLED
def by_layer(
    graph: ScatteringGraph, x: Floats, s: Floats, lam: Floats, mu: Floats
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Sort states, pre-activations and their costates of neurons, (B, N) each, into layers."""
    states: dict[str, Floats] = {}
    costates: dict[str, Floats] = {}
    for layer in graph.network.layers:
        if layer in graph.layer_sites:
            site_name, kind = graph.layer_sites[layer]
            site = graph.site(site_name)
            part = slice(site.start, site.stop)
            states[layer] = (x if kind == "x" else s)[:, part]
            costates[layer] = (lam if kind == "x" else mu)[:, part]
        else:
            states[layer] = x[:, graph.layer_neurons(layer)]
    for layer in reversed(list(graph.network.layers)):
        if layer not in graph.layer_sites:
            costates[layer] = _returned(graph, layer, mu, costates)
    return states, {layer: costates[layer] for layer in states}


def _returned(graph: ScatteringGraph, layer: str, mu: Floats, costates: dict[str, Floats]) -> Floats:
    """The costates that the readers of a concatenation send back, summed."""
    network = graph.network
    total = np.zeros((len(mu), network.size(layer)))
    for reader in network.consumers(layer):
        found = network[reader]
        if isinstance(found, Slice) and reader not in graph.layer_sites:
            total[:, found.start : found.stop] += costates[reader]
            continue
        if reader not in graph.layer_sites:  # a concatenation of concatenations
            start = 0
            for source in network.sources(reader):
                stop = start + network.size(source)
                if source == layer:
                    total = total + costates[reader][:, start:stop]
                start = stop
            continue
        neurons = graph.layer_neurons(reader)
        if isinstance(network[reader], Dense):
            total = total + mu[:, neurons] @ network.parameters[reader].weight
        else:
            total = total + network.sources(reader).count(layer) * mu[:, neurons]
    return total


@_UNSETTLED
def gradients(graph: ScatteringGraph, layout: Layout, recording: Recording) -> dict[str, Gradient]:
    """Weight and bias gradients, averaged over the batch, from what each crossbar received on its two sides.

    Of a crossbar with gaps they are kept per device.
    """
    count, samples = layout.neurons, len(recording.lam)
    mu = recording.u[:, count:]
    found: dict[str, Gradient] = {}
    for block in layout.blocks:
        if block.layer is None:
            continue
        share = by_neuron(mu[:, span(graph.layer_neurons(block.layer))])
        share /= samples
        bias = share.sum(axis=0)
        if block.devices is not None:
            order = block.by_column
            row, column = (part[order] for part in block.devices)
            if recording.tap is not None:
                values = _products(recording.tap, block.column_taps[column], block.row_taps[row]) / samples
            else:
                values = recording.products[block.first + order] / samples  # type: ignore[index]
            shape = (len(block.columns), len(block.rows))
            found[block.layer] = DeviceGradient.of(values, (column, row), shape, bias)
        elif recording.tap is not None:
            rows, columns = recording.tap[:, span(block.row_taps)], recording.tap[:, span(block.column_taps)]
            weight = (columns / samples).T @ rows
            found[block.layer] = Gradient(weight, bias)
        else:
            found[block.layer] = Gradient(block.matrix(recording.products) / samples, bias)  # type: ignore[arg-type]
    return found


def _products(tap: Floats, columns: NDArray[np.int32], rows: NDArray[np.int32]) -> Floats:
    """Of two amplitudes (B, C) at a time, the products summed over the batch."""
    total = np.zeros(len(rows))
    some = max(1, _MOST_NUMBERS // len(tap))
    for first in range(0, len(rows), some):
        part = slice(first, first + some)
        total[part] = np.einsum("bs,bs->s", tap[:, columns[part]], tap[:, rows[part]])
    return total


@_UNSETTLED
def representable(
    graph: ScatteringGraph,
    layout: Layout,
    recording: Recording,
    costates: dict[str, Floats],
    products: dict[str, Gradient],
) -> NDArray[np.bool_]:
    """Samples (B,) of which nothing is beyond all numbers that is made of what neurons hold, where all of that is finite: no
    costate of a layer without neurons, and no share of the batch's gradient.
    """
    count, samples = layout.neurons, len(recording.lam)
    fits = np.ones(samples, bool)
    for layer, rows in costates.items():
        if layer not in graph.layer_sites:
            fits &= finite(rows)
    if all(np.isfinite(part).all() for gradient in products.values() for part in gradient.held):
        return fits
    x, mu = np.abs(recording.u[:, :count]), np.abs(recording.u[:, count:])
    for block in layout.blocks:
        if block.layer is not None:
            largest = mu[:, block.columns].max(axis=1) * x[:, block.rows].max(axis=1)
            fits &= largest < np.finfo(float).max / samples
    return fits
