"""What a law that chooses its settings for a network has to know of it: how deep it is, how smooth, and how it rings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emulator.laws import Outline
from emulator.network import Activation, Add, Concat, Dense, Input, Layer, Network, Slice, activation_function
from emulator.network.arrays import FloatArray
from emulator.network.layers import layer_sources

#: inputs that are tried, steps of the power iteration for each, and the seed of both
_TRIED, _STEPS, _SEED = 4, 24, 0
Values = dict[str, FloatArray]


def outline_of(network: Network) -> Outline:
    """The outline of a network; its slopes are those at a few inputs of unit variance, always the same ones."""
    slopes = _slopes(network)
    used = [layer for layer in network.layers.values() if isinstance(layer, Activation)]
    return Outline(
        depth=_depth(network),
        kinked=any(not activation_function(layer.function, layer.slope).smooth for layer in used),
        resonance=lambda taper: _resonance(network, slopes, 1 / np.sqrt(taper)),
    )


def _depth(network: Network) -> int:
    """Crossbars on the longest way from an input to the output, at least 1."""
    depth: dict[str, int] = {}
    for name, layer in network.layers.items():
        depth[name] = max((depth[one] for one in layer_sources(layer)), default=0) + isinstance(layer, Dense)
    return max(1, depth[network.output])


@np.errstate(all="ignore")
def _slopes(network: Network) -> Values:
    """Slope of every activation (tried inputs, n) where states and slopes stay finite; 1 elsewhere."""
    draws = np.random.default_rng(_SEED)
    states: Values = {}
    found: Values = {}
    for name, layer in network.layers.items():
        if isinstance(layer, Input):
            states[name] = draws.normal(size=(_TRIED, layer.size))
            continue
        states[name] = _apply(layer, states)
        if isinstance(layer, Dense):
            states[name] = states[name] + layer.bias
        elif isinstance(layer, Activation):
            function, before = activation_function(layer.function, layer.slope), states[layer.source]
            states[name] = np.nan_to_num(function.phi(before))
            found[name] = np.nan_to_num(function.dphi(before), nan=1.0)
    return found


def _apply(layer: Layer, states: Values, slopes: FloatArray | None = None, gain: float = 1.0) -> FloatArray:
    """What a layer makes of (B, n) states of its sources, without its bias; an activation multiplies by its slopes."""
    values = [states[name] for name in layer_sources(layer)]
    if isinstance(layer, Dense):
        return gain * values[0] @ layer.weight.T
    if isinstance(layer, Concat):
        return np.concatenate(values, axis=1)
    if isinstance(layer, Slice):
        return values[0][:, layer.start : layer.stop]
    total = np.sum(values, axis=0)
    return total if slopes is None else total * slopes


@np.errstate(all="ignore")
def _resonance(network: Network, slopes: Mapping[str, FloatArray], gain: float) -> float:
    """Median over the tried inputs of the largest gain from a disturbance of all rows to all rows.

    That is ``1/sigma_min(I - S)``, where `S` takes every row of neurons to the next with its Jacobian times `gain`. It is
    the norm of ``(I - S)^-1``, a forward pass with a disturbance at every row, found by power iteration with its transpose,
    a pass back.
    """
    rows = _rows(network)
    draws = np.random.default_rng(_SEED + 1)
    states = {name: draws.normal(size=(_TRIED, network.size(name))) for name in rows}
    size = np.ones(_TRIED)
    for _ in range(_STEPS):
        states, _size = _normed(_back(network, _ahead(network, states, slopes, gain), slopes, gain, rows))
        if not np.isfinite(_size).all():
            return float("inf")
        size = _size
    return float(np.median(np.sqrt(size)))


def _rows(network: Network) -> list[str]:
    """Layers that are rows of neurons: all but what the activation right behind it takes in."""
    inner = {name for name in network.layers if _feeds_one_activation(network, name)}
    return [
        name for name, layer in network.layers.items() if name not in inner and not isinstance(layer, Concat | Slice)
    ]


def _feeds_one_activation(network: Network, name: str) -> bool:
    readers = network.consumers(name)
    return (
        isinstance(network[name], Dense | Add)
        and len(readers) == 1
        and isinstance(network[readers[0]], Activation | Add)
        and name != network.output
    )


def _ahead(network: Network, sources: Values, slopes: Mapping[str, FloatArray], gain: float) -> Values:
    """All states of a forward pass of the linearised network with `sources` at its rows."""
    states: Values = {}
    for name, layer in network.layers.items():
        made = sources[name] if isinstance(layer, Input) else _apply(layer, states, slopes.get(name), gain)
        states[name] = made if isinstance(layer, Input) or name not in sources else made + sources[name]
    return states


def _back(network: Network, states: Values, slopes: Mapping[str, FloatArray], gain: float, rows: list[str]) -> Values:
    """The transpose of `_ahead` for the states of the rows."""
    pulls = {name: states[name] if name in rows else np.zeros_like(states[name]) for name in network.layers}
    for name in reversed(tuple(network.layers)):
        layer = network[name]
        pull = pulls[name]
        if isinstance(layer, Dense):
            pulls[layer.source] = pulls[layer.source] + gain * pull @ layer.weight
        elif isinstance(layer, Concat):
            ends = np.cumsum([network.size(one) for one in layer.sources])[:-1]
            for one, part in zip(layer.sources, np.split(pull, ends, axis=1), strict=True):
                pulls[one] = pulls[one] + part
        elif isinstance(layer, Slice):
            pulls[layer.source] = pulls[layer.source].copy()
            pulls[layer.source][:, layer.start : layer.stop] += pull
        else:
            for one in layer_sources(layer):
                pulls[one] = pulls[one] + (pull * slopes[name] if name in slopes else pull)
    return {name: pulls[name] for name in rows}


def _normed(values: Values) -> tuple[Values, FloatArray]:
    """The same directions of unit length in every sample, and their lengths before."""
    size = np.sqrt(np.sum([(one**2).sum(axis=1) for one in values.values()], axis=0))
    return {name: one / size[:, None] for name, one in values.items()}, size
