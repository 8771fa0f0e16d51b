"""A scattering graph as a table of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from emulator.graph.compiled import CompiledNetwork
from emulator.graph.elements import Bundle, Steps
from emulator.graph.names import printable, shorten
from emulator.text import columns
from emulator.units import si

#: at most so many bundles are listed
_MOST_BUNDLES = 40
_NAME_WIDTH = 40
_HEADINGS = (
    "bundle",
    "tail -> head",
    "kind",
    "count",
    "forward, steps",
    "forward, time",
    "backward, steps",
    "backward, time",
)
_CROSSBAR_HEADINGS = ("crossbar", "rows x columns", "devices", "lines", "crossings", "devices may")
_KERNEL_HEADINGS = ("convolution", "sharing", "kernel", "devices", "on a bus", "one shared tile")
_LEGEND = "delays: least/mean/greatest, or one number where all are equal"


def summary(graph: CompiledNetwork) -> str:
    """Describe a graph: what it was compiled for, its elements, bundles, delays and totals.

    Delays are in steps and in seconds; of very many bundles only the first and the last are listed.
    """
    parts = [columns(_origin(graph)), columns(_elements(graph)), _bundles(graph), columns(_totals(graph))]
    if any(c.devices is not None or not c.trainable for c in graph.couplings):
        parts.insert(2, _crossbars(graph))
    if any(layer.kernel is not None for layer in graph.network.dense.values()):
        parts.insert(3, _kernels(graph))
    notes = "".join(f"\nnote: {note}" for note in graph.notes)
    return "\n\n".join(parts) + notes


def totals(graph: CompiledNetwork) -> dict[str, int]:
    """How many elements, ports, lines, line directions, synapses and neurons a graph has."""
    lines = [bundle for bundle in graph.bundles if bundle.is_line]
    return {
        "elements": graph.nx.number_of_nodes(),
        "ports": sum(len(element.ports) for element in graph.elements),
        "lines": sum(bundle.count for bundle in lines),
        "line directions": sum(len(bundle.delays()) for bundle in lines),
        "synapses": sum(coupling.size for coupling in graph.couplings if coupling.layer is not None),
        "neurons": graph.neurons,
    }


def _origin(graph: CompiledNetwork) -> list[tuple[str, str]]:
    settings = ", ".join(f"{name} {value:g}" for name, value in graph.law.parameters.items())
    settings = ", ".join(filter(None, [settings, f"impedance {graph.law.impedance:g}"]))
    return [
        ("network", graph.network.digest[:12]),
        ("law", f"{graph.law.name} ({settings})"),
        ("loss", graph.loss),
        ("wiring", graph.wiring),
        ("hardware", printable(graph.hardware.name)),
        ("seed", str(graph.seed)),
        ("step", si(graph.step, "s")),
    ]


def _elements(graph: CompiledNetwork) -> list[tuple[str, str]]:
    kinds = Counter(element.kind for element in graph.elements)
    return [("element", "count"), *((kind, str(count)) for kind, count in kinds.items())]


def _totals(graph: CompiledNetwork) -> list[tuple[str, str]]:
    trip = graph.longest_round_trip
    transits = f"{trip / graph.transit:.3g} transits"
    return [
        *((name, str(count)) for name, count in totals(graph).items()),
        ("transit", f"{graph.transit:.4g} steps, {si(graph.transit_seconds, 's')}"),
        ("longest round trip", f"{trip} steps, {si(trip * graph.step, 's')}, {transits}"),
    ]


def _crossbars(graph: CompiledNetwork) -> str:
    """What each crossbar has where its rows cross its columns; for networks that have not all devices, or fixed ones."""
    rows: list[tuple[str, ...]] = [_CROSSBAR_HEADINGS]
    for coupling in graph.couplings:
        if coupling.layer is None:
            continue
        size = len(coupling.rows), len(coupling.columns)
        lines = coupling.size if coupling.per_synapse else sum(size)
        counts = coupling.size, lines, size[0] * size[1] - coupling.size
        name = shorten(coupling.layer, _NAME_WIDTH)
        rows.append((name, f"{size[0]} x {size[1]}", *map(str, counts), "learn" if coupling.trainable else "stay"))
    table = _shortened(rows, right={1, 2, 3, 4})
    return "\n".join([*table, "crossings: places where a row passes a column without a device"])


def _kernels(graph: CompiledNetwork) -> str:
    """How convolutions became hardware: unrolled, with a device per weight and place; and, to compare, one tile in turns."""
    rows: list[tuple[str, ...]] = [_KERNEL_HEADINGS]
    for name, layer in graph.network.dense.items():
        if layer.kernel is None:
            continue
        held, biases = layer.kernel[: layer.count], layer.kernel[layer.count :]
        weights, channels = (len(np.unique(part[part >= 0])) for part in (held, biases))
        joined = str(np.count_nonzero(layer.kernel >= 0)) if layer.tied and layer.trainable else "-"
        turns = -(-len(biases) // max(1, channels))
        tile = f"{weights} devices, {-(-weights // max(1, channels))} + {channels} lines, {turns} turns"
        rows.append((shorten(name, _NAME_WIDTH), layer.sharing, str(weights), str(layer.count), joined, tile))
    table = _shortened(rows, right={2, 3, 4})
    legend = ["one shared tile: the kernel alone, used for one place after another (counted only, not simulated)"]
    if graph.bus_efforts:
        events, price = 2 * graph.bus_efforts, graph.hardware.energy.per_event
        cost = "of unknown energy" if price is None else si(events * price, "J")
        legend.append(
            f"buses: every update sums {graph.bus_efforts} efforts and brings the sums back, {events} events on lines, {cost}"
        )
    return "\n".join([*table, *legend])


def _shortened(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Lines of a table, of very many rows only the first and the last."""
    hidden = max(0, len(rows) - 1 - _MOST_BUNDLES)
    first = 1 + _MOST_BUNDLES // 2
    lines = columns(rows if not hidden else [*rows[:first], *rows[first + hidden :]], right).splitlines()
    if hidden:
        lines.insert(first, f"... {hidden} more")
    return lines


def _bundles(graph: CompiledNetwork) -> str:
    ordered = [b for e in graph.elements for _, _, b in graph.nx.out_edges(e.name, data="bundle")]
    lines = _shortened([_HEADINGS, *(_row(graph, bundle) for bundle in ordered)], right={3})
    return "\n".join([*lines, _LEGEND])


def _row(graph: CompiledNetwork, bundle: Bundle) -> tuple[str, ...]:
    ends = f"{'.'.join(bundle.tail)} -> {'.'.join(bundle.head)}"
    kind = "lines" if bundle.is_line else "joints"
    forward, backward = _delay(bundle.delay_forward, graph.step), _delay(bundle.delay_backward, graph.step)
    names = shorten(bundle.name, _NAME_WIDTH), shorten(ends, _NAME_WIDTH)
    return (*names, kind, str(bundle.count), *forward, *backward)


def _delay(delay: Steps | None, step: float) -> tuple[str, str]:
    """Least/mean/greatest delay in steps and in seconds."""
    if delay is None or not len(delay):
        return "-", "-"
    figures = [float(delay.min()), float(delay.mean()), float(delay.max())]
    if figures[0] == figures[2]:
        figures = figures[:1]
    return "/".join(f"{d:.4g}" for d in figures), "/".join(si(d * step, "s") for d in figures)
