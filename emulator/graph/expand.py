"""The scalar view of a scattering graph: one node per neuron, one edge per synapse or wire."""

from __future__ import annotations

import networkx as nx
import numpy as np

from emulator.graph.compiled import CompiledNetwork


def expand(graph: CompiledNetwork) -> nx.MultiDiGraph:
    """Expand a graph to its neurons.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes are neuron numbers, with attributes `site`, `index` (within the site), `role`, `function`, `slope` and
        `label`, such as ``x1[3]``. Edges run as the state does, with attributes `weight`, `layer` (None for a
        wire), `delay_forward` and `delay_backward` in steps, and `kind`: ``synapse`` or ``wire``.
    """
    scalar = nx.MultiDiGraph()
    for site in graph.sites:
        shared = {"site": site.name, "role": site.role, "function": site.function, "slope": site.slope}
        scalar.add_nodes_from(
            (site.start + k, {"index": k, "label": f"{site.name}[{k}]", **shared}) for k in range(site.size)
        )
    for coupling in graph.couplings:
        row, column = coupling.pairs()
        forward, backward = coupling.pair_delays()
        if coupling.layer is None:
            weight, kind = np.ones(len(row)), "wire"
        else:
            weight, kind = graph.network.parameters[coupling.layer].weight[column, row], "synapse"
        columns = (coupling.rows[row], coupling.columns[column], weight, forward, backward)
        scalar.add_edges_from(
            (tail, head, {"weight": w, "delay_forward": f, "delay_backward": b, "layer": coupling.layer, "kind": kind})
            for tail, head, w, f, b in zip(*(values.tolist() for values in columns), strict=True)
        )
    return scalar
