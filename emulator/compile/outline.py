"""What a law that chooses its settings for a network has to know of it: how deep it is, how smooth, how it rings and bends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emulator.laws import Outline
from emulator.laws.base import Rise
from emulator.network import Activation, Add, Concat, Dense, Input, Layer, Network, Slice, activation_function
from emulator.network.arrays import FloatArray
from emulator.network.layers import layer_sources
from emulator.network.losses import loss_function

#: inputs that are tried, steps of the power iteration for each, and the seed of both
_TRIED, _STEPS, _SEED = 4, 24, 0
Values = dict[str, FloatArray]


def outline_of(network: Network) -> Outline:
    """The outline of a network, from what a few inputs and targets of unit variance make of it, always the same ones."""
    states, slopes = _passed(network)
    used = [layer for layer in network.layers.values() if isinstance(layer, Activation)]
    return Outline(
        depth=_depth(network),
        kinked=any(not activation_function(layer.function, layer.slope).smooth for layer in used),
        loss=network.loss,
        resonance=lambda rise: _resonance(network, slopes, _gains(network, rise, 0.5)),
        bend=lambda rise: _bend(network, states[network.output], slopes, _gains(network, rise, 1.0)),
    )


def _depth(network: Network) -> int:
    """Crossbars on the longest way from an input to the output, at least 1."""
    depth: dict[str, int] = {}
    for name, layer in network.layers.items():
        depth[name] = max((depth[one] for one in layer_sources(layer)), default=0) + isinstance(layer, Dense)
    return max(1, depth[network.output])


def _gains(network: Network, rise: Rise, power: float) -> dict[str, float]:
    """What is left of a wave at every crossbar of impedances that rise so, to a power of them."""
    return {name: float(np.float64(rise(layer.weight)) ** -power) for name, layer in network.dense.items()}


@np.errstate(all="ignore")
def _passed(network: Network) -> tuple[Values, Values]:
    """States of every layer and slopes of every activation (tried inputs, n); slopes are 1 where they are not finite."""
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
    return states, found


def _apply(
    layer: Layer, states: Values, slopes: FloatArray | None = None, gains: Mapping[str, float] | None = None
) -> FloatArray:
    """What a layer makes of (B, n) states of its sources, without its bias; an activation multiplies by its slopes."""
    values = [states[name] for name in layer_sources(layer)]
    if isinstance(layer, Dense):
        return (1.0 if gains is None else gains[layer.name]) * values[0] @ layer.weight.T
    if isinstance(layer, Concat):
        return np.concatenate(values, axis=1)
    if isinstance(layer, Slice):
        return values[0][:, layer.start : layer.stop]
    total = np.sum(values, axis=0)
    return total if slopes is None else total * slopes


@np.errstate(all="ignore")
def _bend(network: Network, outputs: FloatArray, slopes: Mapping[str, FloatArray], gains: Mapping[str, float]) -> float:
    """Median over the tried inputs of the most that a costate bends the junction of an activation: ``|lam| max |phi''|``.

    Costates are those of targets of unit variance, or of classes by chance, times its gain at every crossbar.
    """
    draws = np.random.default_rng(_SEED + 2)
    targets = draws.normal(size=outputs.shape)
    if network.loss != "mse":
        targets = np.eye(outputs.shape[1])[draws.integers(outputs.shape[1], size=len(outputs))]
    pulls = {name: np.zeros((len(outputs), network.size(name))) for name in network.layers}
    pulls[network.output] = np.nan_to_num(loss_function(network.loss).gradient(outputs, targets))
    pulls = _pulled(network, pulls, slopes, gains)
    most = np.zeros(len(outputs))
    for name, layer in network.layers.items():
        if isinstance(layer, Activation):
            bends = activation_function(layer.function, layer.slope).L2
            most = np.maximum(most, bends * np.abs(pulls[name]).max(axis=1))
    return float(np.median(np.nan_to_num(most, nan=np.inf)))


@np.errstate(all="ignore")
def _resonance(network: Network, slopes: Mapping[str, FloatArray], gains: Mapping[str, float]) -> float:
    """Median over the tried inputs of the largest gain from a disturbance of all rows to all rows.

    That is ``1/sigma_min(I - S)``, where `S` takes every row of neurons to the next with its Jacobian times its gain. It is
    the norm of ``(I - S)^-1``, a forward pass with a disturbance at every row, found by power iteration with its transpose,
    a pass back.
    """
    rows = _rows(network)
    draws = np.random.default_rng(_SEED + 1)
    states = {name: draws.normal(size=(_TRIED, network.size(name))) for name in rows}
    size = np.ones(_TRIED)
    for _ in range(_STEPS):
        states, _size = _normed(_back(network, _ahead(network, states, slopes, gains), slopes, gains, rows))
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


def _ahead(network: Network, sources: Values, slopes: Mapping[str, FloatArray], gains: Mapping[str, float]) -> Values:
    """All states of a forward pass of the linearised network with `sources` at its rows."""
    states: Values = {}
    for name, layer in network.layers.items():
        made = sources[name] if isinstance(layer, Input) else _apply(layer, states, slopes.get(name), gains)
        states[name] = made if isinstance(layer, Input) or name not in sources else made + sources[name]
    return states


def _back(
    network: Network, states: Values, slopes: Mapping[str, FloatArray], gains: Mapping[str, float], rows: list[str]
) -> Values:
    """The transpose of `_ahead` for the states of the rows."""
    pulls = {name: states[name] if name in rows else np.zeros_like(states[name]) for name in network.layers}
    pulls = _pulled(network, pulls, slopes, gains)
    return {name: pulls[name] for name in rows}


def _pulled(network: Network, pulls: Values, slopes: Mapping[str, FloatArray], gains: Mapping[str, float]) -> Values:
    """What is pulled at every layer, with what comes to it from the layers that read it."""
    pulls = dict(pulls)
    for name in reversed(tuple(network.layers)):
        layer = network[name]
        pull = pulls[name]
        if isinstance(layer, Dense):
            pulls[layer.source] = pulls[layer.source] + gains[name] * pull @ layer.weight
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
    return pulls


def _normed(values: Values) -> tuple[Values, FloatArray]:
    """The same directions of unit length in every sample, and their lengths before."""
    size = np.sqrt(np.sum([(one**2).sum(axis=1) for one in values.values()], axis=0))
    return {name: one / size[:, None] for name, one in values.items()}, size
