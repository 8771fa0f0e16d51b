"""Reading a recording: per-layer states, costates and gradients from the arrays per neuron."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from emulator.engine import Layout, Recording, biases
from emulator.graph import ScatteringGraph
from emulator.measure.result import Floats
from emulator.network import Dense, Gradient, Slice

#: waves that did not settle may have grown beyond all numbers
_UNSETTLED = np.errstate(over="ignore", invalid="ignore")


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
    """Weight and bias gradients, averaged over the batch, from what each crossbar received on its two sides; 0 without device."""
    count, samples = layout.neurons, len(recording.lam)
    mu = recording.u[:, count:]
    parts: dict[str, Floats] = {}
    for block in layout.blocks:
        if block.layer is None:
            continue
        if recording.tap is not None:
            product = (recording.tap[:, block.column_taps] / samples).T @ recording.tap[:, block.row_taps]
            parts[block.layer] = block.existing(product)
        else:
            parts[block.layer] = block.matrix(recording.products) / samples  # type: ignore[arg-type]
    return {
        layer: Gradient(product, (mu[:, graph.layer_neurons(layer)] / samples).sum(axis=0))
        for layer, product in parts.items()
    }


@_UNSETTLED
def representable(
    layout: Layout,
    recording: Recording,
    values: Iterable[dict[str, Floats]],
    products: dict[str, Gradient],
) -> NDArray[np.bool_]:
    """Samples (B,) of which nothing is beyond all numbers: no state, no costate, and no share of the batch's gradient."""
    count, samples = layout.neurons, len(recording.lam)
    fits = np.ones(samples, bool)
    for layers in values:
        for rows in layers.values():
            fits &= np.isfinite(rows).all(axis=1)
    if all(np.isfinite(part).all() for gradient in products.values() for part in gradient):
        return fits
    x, mu = np.abs(recording.u[:, :count]), np.abs(recording.u[:, count:])
    for block in layout.blocks:
        if block.layer is not None:
            largest = mu[:, block.columns].max(axis=1) * x[:, block.rows].max(axis=1)
            fits &= largest < np.finfo(float).max / samples
    return fits
