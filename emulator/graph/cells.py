"""A network as a chain of cells between stations, from its rows of neurons and their couplings.

A station is a row of neurons that everything on its way from the inputs to the output passes; all inputs together are the
first one, the output is the last. What lies between two of them is a cell, a graph of rows whatever it looks like. The level of a
row is the longest way to it from the station before, in crossbars and wires; stations have level 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emulator.graph.coupling import Coupling
from emulator.graph.elements import Site
from emulator.network.arrays import IntArray


@dataclass(frozen=True)
class Cells:
    """Flat arrays of a chain of cells of N neurons.

    Parameters
    ----------
    level : (N,) int32
        Position in the branch, 0 for stations.
    rank : (N,) int32
        Level at which all has come together that a neuron adds up, in the cell before it if it is of a station; 0 for inputs.
    parts : tuple of tuple of int
        Per rank from 1 up: the couplings (places among them) that lead to it, but wires between stations.
    before, after : (N,) int32
        For a neuron of a station: the one whose state it adds to what the branch brings, and the one that adds its own;
        itself where the cell has no wire.
    cell : (N,) int32
        Number of the cells up to a neuron of a station; of a branch, of those before it.
    """

    level: IntArray
    rank: IntArray
    parts: tuple[tuple[int, ...], ...]
    before: IntArray
    after: IntArray
    cell: IntArray

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.cell.max(initial=0))

    @property
    def levels(self) -> int:
        """The most levels of any cell."""
        return len(self.parts)


def cells_of(sites: Sequence[Site], couplings: Sequence[Coupling]) -> Cells:
    """Find the cells of rows and couplings in topological order."""
    count = sites[-1].stop
    own = np.arange(count, dtype=np.int32)
    before, after = own.copy(), own.copy()
    level, rank, cell = np.zeros((3, count), np.int32)
    home = np.repeat(np.arange(len(sites), dtype=np.int32), [site.size for site in sites])
    stations = _stations(sites, couplings, home)
    coming: dict[str, list[int]] = {site.name: [] for site in sites}
    for k, coupling in enumerate(couplings):
        coming[sites[home[coupling.columns[0]]].name].append(k)
    found: dict[int, list[int]] = {}
    near: list[Site] = [site for site in sites if site.role == "source"]
    passed = 0
    for site in sites:
        row = slice(site.start, site.stop)
        if site.role == "source":
            continue
        wired = next((k for k in coming[site.name] if _wire(couplings[k], site, near)), None)
        if wired is not None and site.name in stations:
            coming[site.name].remove(wired)
            below = couplings[wired].rows
            before[row], after[below] = below, own[row]
        here = 1 + max((int(level[couplings[k].rows].max(initial=0)) for k in coming[site.name]), default=0)
        found.setdefault(here, []).extend(coming[site.name])
        rank[row] = here
        if site.name in stations:
            passed += 1
            near = [site]
        else:
            level[row] = here
        cell[row] = passed
    parts = tuple(tuple(found.get(k, ())) for k in range(1, max(found, default=0) + 1))
    return Cells(level, rank, parts, before, after, cell)


def _stations(sites: Sequence[Site], couplings: Sequence[Coupling], home: IntArray) -> set[str]:
    """The inputs, and every row that no crossbar or wire goes round."""
    inputs = np.array([site.role == "source" for site in sites])
    place = np.cumsum(~inputs) - 1  # all inputs come before any other row
    place[inputs] = -1
    around = np.zeros(len(sites) + 1, dtype=np.int64)
    for coupling in couplings:
        if not len(coupling.rows):
            continue
        first, last = place[home[coupling.rows]].min(), place[home[coupling.columns[0]]]
        around[first + 1] += 1
        around[max(last, first + 1)] -= 1
    passed = np.cumsum(around)
    return {site.name for site, at in zip(sites, place, strict=True) if at < 0 or passed[at] == 0}


def _wire(coupling: Coupling, site: Site, near: list[Site]) -> bool:
    """Whether these are wires from the station before, neuron by neuron, to a row that only adds."""
    if coupling.layer is not None or site.function != "identity" or len(near) != 1:
        return False
    rows, columns = (np.arange(one.start, one.stop) for one in (near[0], site))
    return np.array_equal(coupling.rows, rows) and np.array_equal(coupling.columns, columns)
