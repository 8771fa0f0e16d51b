"""How neurons are coupled, by neuron number: the view from which engine and measurements work."""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx
import numpy as np

from emulator.graph.elements import Bundle, Element, Site, Steps
from emulator.network import Dense, Network
from emulator.network.arrays import IntArray


@dataclass(frozen=True)
class Coupling:
    """One crossbar, or one bundle of wires, between rows of neurons.

    Parameters
    ----------
    name : str
        The crossbar, or the bundle of wires.
    layer : str or None
        The dense layer whose weights the crossbar holds; None for wires, which couple one to one with
        weight 1.
    rows, columns : (R,), (C,) int64
        Neurons that drive the rows with their state, and neurons whose input the columns are.
    delay_forward, delay_backward : int64 steps
        Per line: (R,) and (C,) for a crossbar in tile wiring, (S,) row by row in synapse wiring, (R,) for wires.
    per_synapse : bool
        Whether every synapse has a line of its own.
    bundles_forward, bundles_backward : tuple of Bundle
        The bundles whose lines those are, in their order.
    delay_returning, delay_leaving : (R,), (C,) int64 steps, or None
        Two-way lines: backward delay of the rows' lines, forward delay of the columns' lines.
    devices : (row, column) of (S,) int32, or None
        Positions of the synapses of a crossbar that has not one for every pair, row by row.
    trainable, biased : bool
        Whether learning may move the weights, and whether columns have biases that it may move.
    kernel : (S + C,) int32, or None
        Of tied places: which number of a kernel each synapse holds, and then which the bias of each column; -1 for none.
    """

    name: str
    layer: str | None
    rows: Steps
    columns: Steps
    delay_forward: Steps
    delay_backward: Steps
    per_synapse: bool
    bundles_forward: tuple[Bundle, ...]
    bundles_backward: tuple[Bundle, ...]
    delay_returning: Steps | None = None
    delay_leaving: Steps | None = None
    devices: tuple[IntArray, IntArray] | None = None
    trainable: bool = True
    biased: bool = True
    kernel: IntArray | None = None

    @property
    def size(self) -> int:
        """Number S of synapses, or of wires."""
        if self.layer is None:
            return len(self.rows)
        return len(self.rows) * len(self.columns) if self.devices is None else len(self.devices[0])

    @property
    def by_line(self) -> bool:
        """Whether every row meets every column, on lines that all synapses of each share."""
        return self.layer is not None and self.devices is None and not self.per_synapse and self.size > 0

    def pairs(self) -> tuple[Steps | IntArray, Steps | IntArray]:
        """Positions (row, column) of every synapse, row by row; for wires, the diagonal."""
        if self.layer is None:
            diagonal = np.arange(len(self.rows))
            return diagonal, diagonal
        if self.devices is not None:
            return self.devices
        return (
            np.repeat(np.arange(len(self.rows)), len(self.columns)),
            np.tile(np.arange(len(self.columns)), len(self.rows)),
        )

    def pair_delays(self) -> tuple[Steps, Steps]:
        """Forward and backward delay seen by every synapse, row by row."""
        if self.per_synapse or self.layer is None:
            return self.delay_forward, self.delay_backward
        row, column = self.pairs()
        forward, backward = self.delay_forward[row], self.delay_backward[column]
        if self.delay_leaving is not None and self.delay_returning is not None:
            return forward + self.delay_leaving[column], backward + self.delay_returning[row]
        return forward, backward


def couplings(graph: nx.MultiDiGraph, sites: tuple[Site, ...], network: Network) -> tuple[Coupling, ...]:
    """Resolve the crossbars and wires of a graph of elements to neuron numbers, in topological order."""
    site_of = {member: site for site in sites for member in site.members}
    found: list[Coupling] = []
    for name in nx.topological_sort(graph):
        if name not in site_of:
            continue
        element: Element = graph.nodes[name]["element"]
        incoming: list[Bundle] = [b for _, _, b in graph.in_edges(name, data="bundle")]
        incoming.sort(key=lambda b: (b.head[1], b.into.start))
        if element.kind == "crossbar":
            after: Bundle = next(b for _, _, b in graph.out_edges(name, data="bundle"))
            per_synapse = incoming[0].rows is not None
            backward = tuple(incoming) if per_synapse else (after,)
            rows = np.concatenate([_driving(site_of, b) for b in incoming])
            columns = _neurons(site_of[name])
            made = _coupling(name, element.layer, rows, columns, tuple(incoming), backward, per_synapse)
            dense = network.dense[element.layer]
            found.append(
                replace(
                    made, devices=positions(dense), trainable=dense.trainable, biased=dense.biased, kernel=_tied(dense)
                )
            )
        else:
            target = site_of[name]
            for bundle in incoming:
                if bundle.is_line and bundle.tail[0] not in target.members:
                    columns = np.arange(target.start + bundle.into.start, target.start + bundle.into.stop)
                    rows = _driving(site_of, bundle)
                    found.append(_coupling(bundle.name, None, rows, columns, (bundle,), (bundle,), False))
    return tuple(found)


def positions(layer: Dense) -> tuple[IntArray, IntArray] | None:
    """Positions (row, column) of a layer's devices in its crossbar, row by row; None for a full one."""
    if layer.devices is None:
        return None
    row, column = np.nonzero(layer.devices.T)
    return row.astype(np.int32), column.astype(np.int32)


def _tied(layer: Dense) -> IntArray | None:
    """The kernel of a layer whose places learn together, in the order of its synapses."""
    if not layer.tied or layer.kernel is None:
        return None
    held, biases = layer.kernel[: layer.count], layer.kernel[layer.count :]
    if layer.devices is None:
        held = held.reshape(layer.weight.shape).T.ravel()
    else:
        held = held[np.argsort(np.nonzero(layer.devices)[1], kind="stable")]
    return np.concatenate([held, biases])


def _coupling(
    name: str,
    layer: str | None,
    rows: Steps,
    columns: Steps,
    forward: tuple[Bundle, ...],
    backward: tuple[Bundle, ...],
    per_synapse: bool,
) -> Coupling:
    ahead = np.concatenate([_known(b.delay_forward) for b in forward])
    back = np.concatenate([_known(b.delay_backward) for b in backward])
    returning = leaving = None
    if layer is not None and not per_synapse and backward[0].delay_forward is not None:
        returning = np.concatenate([_known(b.delay_backward) for b in forward])
        leaving = np.concatenate([_known(b.delay_forward) for b in backward])
    return Coupling(name, layer, rows, columns, ahead, back, per_synapse, forward, backward, returning, leaving)


def _neurons(site: Site) -> Steps:
    return np.arange(site.start, site.stop)


def _driving(site_of: dict[str, Site], bundle: Bundle) -> Steps:
    """Neurons at which the lines of a bundle start."""
    neurons = _neurons(site_of[bundle.tail[0]])
    return neurons if bundle.part is None else neurons[bundle.part]


def _known(delay: Steps | None) -> Steps:
    return np.zeros(0, np.int64) if delay is None else delay
