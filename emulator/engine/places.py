"""Named places on a substrate, and frozen properties drawn bundle by bundle.

A property of the lines of one bundle is drawn under that bundle's name, so that changing another part of the network,
or switching another effect on, leaves it as it was.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from emulator.engine.layout import Layout
from emulator.errors import EngineError, suggest
from emulator.graph import ScatteringGraph
from hwmodels import Fault, rng

_PLACE = re.compile(r"(?P<name>.*?)(\[(?P<index>\d+)\])?", re.DOTALL)


def per_tap(graph: ScatteringGraph, layout: Layout, what: str) -> NDArray[np.float64]:
    """One number per tap: the amplitude factor of its line for ``gain``, else a standard normal sample named `what`."""
    values = per_line(graph, what)
    if len(values) != len(layout.tap_port):
        raise EngineError(f"{what}: {len(values)} values for {len(layout.tap_port)} taps; allowed: one each")
    return values


def per_line(graph: ScatteringGraph, what: str) -> NDArray[np.float64]:
    """The same of lines of one direction each, in the order of their taps."""
    parts = [np.zeros(0)]
    for coupling in graph.couplings:
        for direction, bundles in (("forward", coupling.bundles_forward), ("backward", coupling.bundles_backward)):
            for bundle in bundles:
                if what == "gain":
                    sample = graph.hardware.lines.sample(bundle.count, graph.seed, f"lines of {bundle.name}")
                    parts.append(getattr(sample, f"gain_{direction}"))
                else:
                    stream = rng(graph.seed, what, bundle.name, direction)
                    parts.append(stream.standard_normal(bundle.count))
    return np.concatenate(parts)


def per_node(graph: ScatteringGraph) -> NDArray[np.float64]:
    """Characteristic impedance of every neuron over its nominal value."""
    lines = graph.hardware.lines
    ratios = [lines.sample(site.size, graph.seed, f"nodes of {site.name}").impedance_ratio for site in graph.sites]
    return np.concatenate(ratios)


def strikes(fault: Fault, count: int, seed: int, name: str) -> NDArray[np.bool_]:
    """Which of `count` places a lasting fault hits by its rate."""
    return fault.sample(count, rng(seed, name)) if fault.rate else np.zeros(count, bool)


def ports_at(graph: ScatteringGraph, fault: Fault, where: str) -> NDArray[np.int64]:
    """Ports of the named neurons: state ports first, costate ports after them."""
    neurons = [_neurons(graph, place, where) for place in fault.places]
    flat = np.concatenate([np.zeros(0, np.int64), *neurons])
    return np.concatenate([flat, flat + graph.neurons])


def lines_at(graph: ScatteringGraph, layout: Layout, fault: Fault, where: str) -> NDArray[np.int64]:
    """Taps of the lines that the named neurons drive, in the fault's direction."""
    if not fault.places:
        return np.zeros(0, np.int64)
    ports = ports_at(graph, fault, where)
    if fault.direction != "both":
        ports = ports[(ports < graph.neurons) == (fault.direction == "forward")]
    return np.flatnonzero(np.isin(layout.tap_port, ports))


def _neurons(graph: ScatteringGraph, place: str, where: str) -> NDArray[np.int64]:
    found = _PLACE.fullmatch(place)
    name = found["name"] if found else place
    if name not in graph.network.layers:
        raise EngineError(f"hardware.faults.{where}: no layer {suggest(name, graph.network.layers)}")
    neurons = graph.layer_neurons(name)
    if found is None or found["index"] is None:
        return neurons
    index = int(found["index"])
    if index >= len(neurons):
        raise EngineError(
            f"hardware.faults.{where}: place {place!r}; allowed: indices 0 to {len(neurons) - 1} of {name!r}"
        )
    return neurons[index : index + 1]


def neighbours(graph: ScatteringGraph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (victim tap, aggressor tap) of lines that run side by side in a bundle, in the same direction."""
    victims, aggressors = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    start = 0
    for coupling in graph.couplings:
        for bundles in (coupling.bundles_forward, coupling.bundles_backward):
            for bundle in bundles:
                taps = np.arange(start, start + bundle.count)
                victims += [taps[:-1], taps[1:]]
                aggressors += [taps[1:], taps[:-1]]
                start += bundle.count
    return np.concatenate(victims), np.concatenate(aggressors)


def facing(direction: str, forward: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a fault of this direction can be."""
    if direction == "both":
        return np.ones_like(forward)
    return forward if direction == "forward" else ~forward
