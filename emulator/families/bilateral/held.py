"""A graph of two-way lines as its chip holds it: with the weights that its devices have, and no errors of devices left.

A crossbar of devices that err, drift and are stuck is a crossbar of other weights: as lossless, and at rest the exact
backpropagation of the network that has them. So whatever is known of a substrate with exact weights is known of it.
"""

from __future__ import annotations

from dataclasses import replace

from emulator.engine.layout import Floats
from emulator.engine.programming import programmed
from emulator.families.bilateral.layout import lay_out
from emulator.graph import ScatteringGraph
from hwmodels import HardwareModel


def as_held(graph: ScatteringGraph, weight: Floats | None = None) -> ScatteringGraph:
    """The graph with exact weights that a chip has in the place of its own.

    Parameters
    ----------
    graph : ScatteringGraph
    weight : (S,), optional
        Of every synapse, wires included; by default what its devices hold just after they were programmed.
    """
    hardware = graph.hardware
    if hardware.weights.exact and hardware.precision.weights.bits is None:
        return graph
    layout, ideal = lay_out(graph), HardwareModel()
    weight = programmed(graph, layout).weight if weight is None else weight
    parameters = graph.network.parameters
    held = {
        block.layer: (block.matrix(weight), parameters[block.layer].bias)
        for block in layout.blocks
        if block.layer is not None
    }
    exact = hardware.replace({"weights": ideal.weights, "precision.weights": ideal.precision.weights})
    return replace(graph, network=graph.network.with_parameters(held), hardware=exact)
