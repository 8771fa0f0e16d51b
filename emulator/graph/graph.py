"""The scattering graph: a compiled network that is shown, drawn and written when it is asked to."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx

from emulator.graph.compiled import CompiledNetwork
from emulator.graph.describe import summary
from emulator.graph.expand import expand
from emulator.graph.files import write_graphml, write_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ScatteringGraph(CompiledNetwork):
    """A network compiled for a substrate, as users hold it; made by `emulator.compile_network`."""

    def summary(self) -> str:
        """A text table: elements, ports, lines, delays, longest round trip."""
        return summary(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return f"<pre>{html.escape(self.summary())}</pre>"

    def draw(self, path: str | Path | None = None, ax: Axes | None = None, title: str | None = None) -> Axes:
        """Draw elements and bundles with matplotlib; save to `path` if given."""
        from emulator.graph.draw import draw

        return draw(self, path, ax, title)

    def to_json(self, path: str | Path) -> None:
        """Write the graph with every delay as JSON (atomically)."""
        write_json(self, path)

    def to_graphml(self, path: str | Path) -> None:
        """Write the graph as GraphML, delays as their least, mean and greatest (atomically)."""
        write_graphml(self, path)

    def expand(self) -> nx.MultiDiGraph:
        """The scalar graph: one node per neuron, one edge per synapse or wire with its two delays."""
        return expand(self)
