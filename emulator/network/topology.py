"""Checks that layers form a network, and the order in which they are stored."""

from __future__ import annotations

import graphlib
import heapq
from collections.abc import Iterable, Mapping

from emulator.errors import NetworkError, suggest
from emulator.network.layers import LAYER_KINDS, Add, Concat, Dense, Input, Layer, Slice, layer_sources
from hwmodels.doors import brief


def by_name(layers: Iterable[Layer]) -> dict[str, Layer]:
    """Index layers by name, in the given order.

    Raises
    ------
    NetworkError
        If something is not a layer, two layers share a name, a source is unknown, or there is no `Input`.
    """
    named: dict[str, Layer] = {}
    for layer in layers:
        if type(layer) not in LAYER_KINDS.values():
            raise NetworkError(f"a network got {layer!r} as a layer; allowed: {', '.join(LAYER_KINDS)}")
        if layer.name in named:
            raise NetworkError(f"{layer.place} is given twice; allowed: unique names")
        named[layer.name] = layer
    for layer in named.values():
        for source in layer_sources(layer):
            if source not in named:
                raise NetworkError(f"{layer.place}: no source {suggest(source, named)}")
    if not any(isinstance(layer, Input) for layer in named.values()):
        raise NetworkError(f"a network of {len(named)} layers has no Input; allowed: at least one")
    return named


def topological(layers: Mapping[str, Layer]) -> dict[str, Layer]:
    """Order layers after their sources; among those ready, the first given comes first (Kahn 1962).

    Raises
    ------
    NetworkError
        If layers form a loop; the whole loop is listed.
    """
    sources = {name: set(layer_sources(layer)) for name, layer in layers.items()}
    try:
        graphlib.TopologicalSorter(sources).prepare()
    except graphlib.CycleError as error:
        loop = " -> ".join(error.args[1])
        raise NetworkError(f"layers form the loop {loop}; allowed: acyclic networks") from error
    rank = {name: position for position, name in enumerate(layers)}
    users = consumers(layers)
    waiting = {name: len(found) for name, found in sources.items()}
    ready = [rank[name] for name, count in waiting.items() if count == 0]
    names = list(layers)
    ordered: dict[str, Layer] = {}
    while ready:
        name = names[heapq.heappop(ready)]
        ordered[name] = layers[name]
        for user in users[name]:
            waiting[user] -= 1
            if waiting[user] == 0:
                heapq.heappush(ready, rank[user])
    return ordered


def consumers(layers: Mapping[str, Layer]) -> dict[str, tuple[str, ...]]:
    """Return for each layer the layers it feeds, in the order of `layers`, each once."""
    users: dict[str, list[str]] = {name: [] for name in layers}
    for name, layer in layers.items():
        for source in dict.fromkeys(layer_sources(layer)):
            users[source].append(name)
    return {name: tuple(found) for name, found in users.items()}


def layer_sizes(ordered: Mapping[str, Layer]) -> dict[str, int]:
    """Return the number of components of each layer, given layers in topological order.

    Raises
    ------
    NetworkError
        If the columns of a weight do not match its source, or the sources of an `Add` differ in size.
    """
    sizes: dict[str, int] = {}
    for name, layer in ordered.items():
        found = [sizes[source] for source in layer_sources(layer)]
        match layer:
            case Input():
                sizes[name] = layer.size
            case Dense():
                rows, columns = layer.weight.shape
                if columns != found[0]:
                    raise NetworkError(
                        f"{layer.place}: weight has shape {layer.weight.shape} but source {layer.source!r} "
                        f"has size {found[0]}; allowed: ({rows}, {found[0]})"
                    )
                sizes[name] = rows
            case Add():
                if len(set(found)) > 1:
                    listed = ", ".join(f"{s!r} ({n})" for s, n in zip(layer.sources, found, strict=True))
                    raise NetworkError(f"{layer.place}: sources have sizes {listed}; allowed: equal sizes")
                sizes[name] = found[0]
            case Concat():
                sizes[name] = sum(found)
            case Slice():
                if layer.stop > found[0]:
                    raise NetworkError(
                        f"{layer.place}: it ends at {layer.stop} but source {layer.source!r} has size {found[0]}; allowed: up to that"
                    )
                sizes[name] = layer.stop - layer.start
            case _:
                sizes[name] = found[0]
    return sizes


def output_name(ordered: Mapping[str, Layer], output: str | None) -> str:
    """Return the name of the output layer, by default the only layer that feeds no other.

    Raises
    ------
    NetworkError
        If `output` is unknown or an `Input`, if it is not given and several layers feed no other, or if a
        layer does not reach it.
    """
    users = consumers(ordered)
    if output is None:
        sinks = [name for name, found in users.items() if not found]
        if len(sinks) > 1:
            raise NetworkError(
                f"layers {', '.join(map(repr, sinks))} feed no other layer; allowed: exactly one, the output"
            )
        output = sinks[0]
    if not isinstance(output, str) or output not in ordered:
        raise NetworkError(f"no output layer {suggest(output, ordered)}")
    if isinstance(ordered[output], Input):
        raise NetworkError(f"output {output!r} is an Input; allowed: a layer that computes something")
    reaching = {output}
    for name in reversed(list(ordered)):
        if reaching.intersection(users[name]):
            reaching.add(name)
        elif name != output:
            raise NetworkError(f"{ordered[name].place} does not reach output {output!r}; every layer must")
    return output


def checked_names(names: Mapping[str, Iterable[str]], sizes: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Names of the components of layers, as they are kept.

    Raises
    ------
    NetworkError
        If a layer is unknown, or its names are not as many different texts as it has components.
    """
    if not isinstance(names, Mapping):
        raise NetworkError(f"names are {brief(names)}; allowed: a mapping of layers to the names of their components")
    found = {}
    for layer, given in names.items():
        if layer not in sizes:
            raise NetworkError(f"names: no layer {suggest(layer, sizes)}")
        kept = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
        if (
            len(kept) != sizes[layer]
            or len(set(map(str, kept))) != len(kept)
            or not all(isinstance(n, str) for n in kept)
        ):
            raise NetworkError(f"names of layer {layer!r} are {brief(given)}; allowed: {sizes[layer]} different texts")
        found[layer] = tuple(str(name) for name in kept)
    return dict(sorted(found.items()))
