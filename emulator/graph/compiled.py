"""A compiled network: a networkx graph of physical elements, plus what it takes to read and measure it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np

from emulator.errors import CompileError, suggest
from emulator.graph.arrival import Arrival, arrival_times
from emulator.graph.cells import Cells, cells_of
from emulator.graph.coupling import Coupling, couplings
from emulator.graph.elements import Bundle, Element, Site
from emulator.laws import Law
from emulator.network import Network, Slice, Tiling
from hwmodels import HardwareModel


@dataclass(frozen=True)
class CompiledNetwork:
    """A network compiled for a substrate, as data.

    Nodes of `nx` are elements (attribute `element`), its edges bundles of lines or joints (attribute
    `bundle`). The state travels along the edge, the costate against it.
    """

    nx: nx.MultiDiGraph
    network: Network
    law: Law
    loss: str
    wiring: str
    hardware: HardwareModel
    #: seconds per engine step: the node update interval
    step: float
    #: seed from which the delays were drawn
    seed: int
    #: rows of neurons, in topological order
    sites: tuple[Site, ...]
    #: layer -> (site, "x") for the site's state and costate or (site, "s") for its pre-activation; of
    #: concatenations only the output is there
    layer_sites: dict[str, tuple[str, str]]
    #: what the compiler wants the user to know, such as a rounding that was asked for
    notes: tuple[str, ...] = ()
    #: how large crossbars were split into tiles, if they were: `network` then is the one in tiles
    tiling: Tiling | None = None

    @property
    def whole(self) -> Network:
        """The network as it was given, before its large crossbars were split into tiles."""
        return self.network if self.tiling is None else self.tiling.whole

    @property
    def elements(self) -> Iterator[Element]:
        """All elements, in topological order."""
        for name in nx.topological_sort(self.nx):
            yield self.nx.nodes[name]["element"]

    @property
    def bundles(self) -> Iterator[Bundle]:
        """All bundles."""
        for _, _, bundle in self.nx.edges(data="bundle"):
            yield bundle

    def site(self, name: str) -> Site:
        """The site of that name."""
        try:
            return next(site for site in self.sites if site.name == name)
        except StopIteration:
            raise CompileError(f"no site {suggest(name, [site.name for site in self.sites])}") from None

    @property
    def neurons(self) -> int:
        """Number of neurons of the substrate (sources included)."""
        return self.sites[-1].stop

    @cached_property
    def couplings(self) -> tuple[Coupling, ...]:
        """Crossbars and wires between neurons, by neuron number."""
        return couplings(self.nx, self.sites, self.network)

    @cached_property
    def cells(self) -> Cells:
        """The network as a chain of cells, for laws that evaluate each within a step."""
        return cells_of(self.sites, self.couplings)

    @property
    def bus_efforts(self) -> int:
        """Efforts that buses bring together in one update of the kernels whose places learn together."""
        kernels = [c.kernel for c in self.couplings if c.kernel is not None and c.trainable]
        return sum(int(np.count_nonzero(kernel >= 0)) for kernel in kernels)

    @cached_property
    def arrival(self) -> Arrival:
        """When the last wave of a new sample lands at each neuron, in steps."""
        return self.arrival_times()

    def arrival_times(self, late: int = 0) -> Arrival:
        """The same if every wave on the longest paths takes `late` steps more on each line."""
        return arrival_times(self.sites, self.couplings, self.loss == "softmax_cross_entropy", late)

    @cached_property
    def transit(self) -> float:
        """Mean delay of all lines in all directions, in steps."""
        delays = np.concatenate([bundle.delays() for bundle in self.bundles])
        return float(delays.mean()) if delays.size else 1.0

    @property
    def transit_seconds(self) -> float:
        """Mean line delay in seconds."""
        return self.transit * self.step

    @property
    def longest_delay(self) -> int:
        """The longest line delay, in steps."""
        return max((int(bundle.delays().max(initial=1)) for bundle in self.bundles if bundle.is_line), default=1)

    @property
    def longest_round_trip(self) -> int:
        """Steps until the last costate of a new sample has landed under the matched law."""
        return int(self.arrival.costate.max())

    def layer_neurons(self, layer: str) -> np.ndarray:
        """Neuron numbers behind the scalars of a layer (of a concatenation: its parts, side by side)."""
        if layer in self.layer_sites:
            site = self.site(self.layer_sites[layer][0])
            return np.arange(site.start, site.stop)
        found = self.network[layer]
        if isinstance(found, Slice):
            return self.layer_neurons(found.source)[found.start : found.stop]
        return np.concatenate([self.layer_neurons(source) for source in self.network.sources(layer)])
