"""The graph while it is being compiled: what the passes read and change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import networkx as nx

from emulator.graph.elements import Bundle, Element, ElementKind, Port, Site
from emulator.laws import Law
from emulator.network import Network
from hwmodels import HardwareModel


@dataclass
class Draft:
    """Inputs of the compiler and the graph built so far; passes change it in place."""

    network: Network
    hardware: HardwareModel
    step: float
    law: Law
    loss: str
    wiring: Literal["tile", "synapse"]
    seed: int
    rounding: Literal["error", "nearest"]
    nx: nx.MultiDiGraph = field(default_factory=nx.MultiDiGraph)
    sites: list[Site] = field(default_factory=list)
    layer_sites: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    #: layer -> the element that buffers it
    buffers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._names = set(self.network.layers)

    def fresh(self, name: str) -> str:
        """`name`, with as many primes as it takes to differ from every layer, element and bundle."""
        while name in self._names:
            name += "'"
        self._names.add(name)
        return name

    def add(
        self,
        name: str,
        kind: ElementKind,
        layer: str,
        ports: tuple[Port, ...],
        function: str = "identity",
        slope: float = 0.0,
    ) -> None:
        """Add an element."""
        self.nx.add_node(name, element=Element(name, kind, layer, ports, function, slope))

    def connect(self, bundle: Bundle) -> None:
        """Add a bundle (its name is the edge key)."""
        self.nx.add_edge(bundle.tail[0], bundle.head[0], key=bundle.name, bundle=bundle)

    def replace(self, old: Bundle, new: Bundle) -> None:
        """Put `new` in the place of `old`."""
        self.nx.remove_edge(old.tail[0], old.head[0], key=old.name)
        self.connect(new)

    def element(self, name: str) -> Element:
        """The element of that name."""
        found: Element = self.nx.nodes[name]["element"]
        return found

    def elements(self) -> list[Element]:
        """All elements, in topological order."""
        return [self.element(name) for name in nx.topological_sort(self.nx)]

    def bundles(self) -> list[Bundle]:
        """All bundles, in the order in which they were added."""
        return [bundle for _, _, bundle in self.nx.edges(data="bundle")]

    def into(self, name: str) -> list[Bundle]:
        """Bundles that end at an element."""
        return [bundle for _, _, bundle in self.nx.in_edges(name, data="bundle")]

    def out_of(self, name: str) -> list[Bundle]:
        """Bundles that start at an element."""
        return [bundle for _, _, bundle in self.nx.out_edges(name, data="bundle")]
