"""Passes that turn layers into physical elements and join them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from emulator.compile.draft import Draft
from emulator.graph.elements import Bundle, Port
from emulator.network import Activation, Add, Concat, Dense, Input, Slice


def fused_into(draft: Draft, layer: str) -> str | None:
    """The activation that a dense or adding layer shares its neurons with: its only consumer, if it is one."""
    consumers = draft.network.consumers(layer)
    if layer == draft.network.output or len(consumers) != 1:
        return None
    return consumers[0] if isinstance(draft.network[consumers[0]], Activation) else None


def place_elements(draft: Draft) -> None:
    """Each layer becomes an element; a dense layer without an activation of its own gets a buffer.

    A concatenation is wiring, not an element, except as the output, where it gets a buffer, too: the load
    answers neurons of its own.
    """
    network = draft.network
    for name, layer in network.layers.items():
        size = network.size(name)
        out = Port("out", size, inward=False)
        match layer:
            case Input():
                draft.add(name, "source", name, (out,))
            case Dense():
                rows = Port("rows", layer.weight.shape[1], inward=True)
                draft.add(name, "crossbar", name, (rows, Port("columns", size, inward=False)))
                if fused_into(draft, name) is None:
                    _place_buffer(draft, name)
            case Activation():
                ports = (Port("in", size, inward=True), out)
                draft.add(name, "activation", name, ports, layer.function, layer.slope)
            case Add():
                inputs = tuple(Port(f"in{k}", size, inward=True) for k in range(len(layer.sources)))
                draft.add(name, "adder", name, (*inputs, out))
            case Concat() | Slice() if name == network.output:
                _place_buffer(draft, name)


def _place_buffer(draft: Draft, layer: str) -> None:
    """Place neurons that pass a layer's state on as it is."""
    size = draft.network.size(layer)
    ports = (Port("in", size, inward=True), Port("out", size, inward=False))
    draft.buffers[layer] = draft.fresh(f"{layer}.buffer")
    draft.add(draft.buffers[layer], "activation", layer, ports)


class _Segment(NamedTuple):
    """Some of the scalars of an element's outward port."""

    element: str
    port: str
    start: int
    stop: int
    width: int


def _segments(draft: Draft, layer: str, buffered: bool = True) -> list[_Segment]:
    """What of which element ports carries a layer's state, side by side."""
    size = draft.network.size(layer)
    if buffered and layer in draft.buffers:
        return [_Segment(draft.buffers[layer], "out", 0, size, size)]
    found = draft.network[layer]
    if isinstance(found, Concat):
        return [part for source in found.sources for part in _segments(draft, source)]
    if isinstance(found, Slice):
        return _cut(_segments(draft, found.source), found.start, found.stop)
    return [_Segment(layer, "columns" if isinstance(found, Dense) else "out", 0, size, size)]


def _cut(segments: list[_Segment], start: int, stop: int) -> list[_Segment]:
    """Scalars `start` to `stop` of what segments carry side by side."""
    kept, at = [], 0
    for one in segments:
        count = one.stop - one.start
        first, last = max(start - at, 0), min(stop - at, count)
        if first < last:
            kept.append(one._replace(start=one.start + first, stop=one.start + last))
        at += count
    return kept


def join_elements(draft: Draft) -> None:
    """Every element is joined to those its layer reads; a crossbar is joined to its buffer."""
    for name, layer in draft.network.layers.items():
        for k, source in enumerate(draft.network.sources(name)):
            match layer:
                case Dense():
                    _join(draft, _segments(draft, source), name, "rows")
                case Activation():
                    _join(draft, _segments(draft, source), name, "in")
                case Add():
                    _join(draft, _segments(draft, source), name, f"in{k}")
        if name in draft.buffers:
            _join(draft, _segments(draft, name, buffered=False), draft.buffers[name], "in")


def _join(draft: Draft, parts: list[_Segment], head: str, port: str) -> None:
    """Join outward ports, or some of their scalars, side by side, to one inward port."""
    start = 0
    for one in parts:
        width = one.stop - one.start
        into = slice(start, start + width)
        label = draft.fresh(f"{one.element}->{head}.{port}[{start}:{start + width}]")
        part = None if width == one.width else slice(one.start, one.stop)
        draft.connect(Bundle(label, (one.element, one.port), (head, port), width, into, part=part))
        start += width


def attach_load(draft: Draft) -> None:
    """The output ends in the load, which answers the state with ``dLoss/dx``."""
    output, load = draft.network.output, draft.fresh("(load)")
    draft.add(load, "load", output, (Port("in", draft.network.size(output), inward=True),))
    _join(draft, _segments(draft, output), load, "in")


def add_fanouts(draft: Draft) -> None:
    """Where an outward port feeds several bundles, a fan-out shares the state and sums the costates."""
    for element in draft.elements():
        leaving = draft.out_of(element.name)
        if len(leaving) < 2:
            continue
        size = element.port(leaving[0].tail[1]).width
        name = draft.fresh(f"{element.name}.fanout")
        ports = tuple(Port(f"out{k}", bundle.count, inward=False) for k, bundle in enumerate(leaving))
        draft.add(name, "fanout", element.layer, (Port("in", size, inward=True), *ports))
        for k, bundle in enumerate(leaving):
            draft.replace(bundle, replace(bundle, tail=(name, f"out{k}")))
        label = draft.fresh(f"{element.name}->{name}.in[0:{size}]")
        draft.connect(Bundle(label, leaving[0].tail, (name, "in"), size, slice(0, size)))
