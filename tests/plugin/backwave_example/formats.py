"""An export format: a file name, and what writes it."""

from __future__ import annotations


def write_edges(graph, path):
    """The names of all crossbars and wires, one a line."""
    path.write_text("\n".join(coupling.name for coupling in graph.couplings))


EDGES = ("edges.txt", write_edges)
