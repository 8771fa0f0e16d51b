"""Exact forward pass and backpropagation in NumPy: what a settled network must agree with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from emulator.network.activations import activation_function
from emulator.network.arrays import FloatArray
from emulator.network.batch import Inputs, check_batch
from emulator.network.gradients import Gradient
from emulator.network.layers import Activation, Add, Concat, Dense, Slice, layer_sources
from emulator.network.losses import loss_function
from emulator.network.network import Network


@dataclass(frozen=True)
class Reference:
    """Exact result for a batch of B samples; all arrays are read-only.

    Attributes
    ----------
    states : mapping of str to ndarray (B, n)
        State ``x`` of every layer (of a dense layer: its pre-activation ``s``), in topological order.
    costates : mapping of str to ndarray (B, n)
        Derivative of each sample's own loss in that state, not averaged; empty without targets.
    gradients : mapping of str to Gradient
        Derivative of the loss averaged over the batch in each dense layer's parameters, 0 where a weight has no device;
        empty without targets.
    loss : ndarray (B,) or None
        Loss of each sample; None without targets.
    """

    states: Mapping[str, FloatArray]
    costates: Mapping[str, FloatArray]
    gradients: Mapping[str, Gradient]
    loss: FloatArray | None


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def reference(network: Network, inputs: Inputs, targets: ArrayLike | None = None) -> Reference:
    """Compute states, costates, gradients and loss exactly; what is beyond all numbers is infinite or NaN.

    Parameters
    ----------
    network : Network
        Any network.
    inputs, targets
        As for `emulator.network.check_batch`; without `targets` only the states are computed.

    Raises
    ------
    NetworkError
        If the batch does not suit the network.
    """
    data, desired = check_batch(network, inputs, targets)
    states = _forward(network, data)
    if desired is None:
        return Reference(_read_only(states), {}, {}, None)
    loss = loss_function(network.loss)
    outputs = states[network.output]
    pulls = {name: penalty.conductance * states[name] for name, penalty in network.penalties.items() if penalty.state}
    pulls[network.output] = loss.gradient(outputs, desired) + pulls.get(network.output, 0.0)
    costates = _backward(network, states, pulls)
    gradients = {
        name: Gradient(
            layer.existing((costates[name] / len(outputs)).T @ states[layer.source]) + _decay(network, name),
            (costates[name] / len(outputs)).sum(axis=0),
        )
        for name, layer in network.dense.items()
    }
    value = loss.value(outputs, desired) + penalty_value(network, states)
    return Reference(_read_only(states), _read_only(costates), gradients, value)


def _forward(network: Network, data: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    states: dict[str, FloatArray] = {}
    for name, layer in network.layers.items():
        sources = [states[source] for source in layer_sources(layer)]
        match layer:
            case Dense():
                states[name] = sources[0] @ layer.weight.T + layer.bias
            case Activation():
                states[name] = activation_function(layer.function, layer.slope).phi(sources[0])
            case Add():
                states[name] = np.sum(sources, axis=0)
            case Concat():
                states[name] = np.concatenate(sources, axis=1)
            case Slice():
                states[name] = sources[0][:, layer.start : layer.stop]
            case _:
                states[name] = data[name]
    return states


def penalty_value(network: Network, states: Mapping[str, FloatArray]) -> FloatArray | float:
    """The sum of the penalties of every sample, (B,); 0.0 of a network without."""
    total: FloatArray | float = 0.0
    for name, penalty in network.penalties.items():
        if penalty.state:
            total = total + (penalty.conductance / 2 * states[name] ** 2).sum(axis=1)
        if penalty.weight:
            total = total + penalty.weight / 2 * float((network.dense[name].weight ** 2).sum())
    return total


def _decay(network: Network, name: str) -> FloatArray | float:
    """Derivative of a dense layer's own penalty in its weight."""
    penalty = network.penalties.get(name)
    return 0.0 if penalty is None else penalty.weight * network.dense[name].weight


def _backward(
    network: Network, states: Mapping[str, FloatArray], pulls: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Send the derivatives in the states themselves back; where a state fans out, the costates of its uses add up."""
    costates = {name: pulls[name] if name in pulls else np.zeros_like(state) for name, state in states.items()}
    for name, layer in reversed(list(network.layers.items())):
        sources = layer_sources(layer)
        costate = costates[name]
        match layer:
            case Dense():
                shares = [costate @ layer.weight]
            case Activation():
                slope = activation_function(layer.function, layer.slope).dphi(states[layer.source])
                shares = [slope * costate]
            case Concat():
                ends = np.cumsum([network.size(source) for source in sources])[:-1]
                shares = np.split(costate, ends, axis=1)
            case Slice():
                shares = [np.zeros_like(states[layer.source])]
                shares[0][:, layer.start : layer.stop] = costate
            case _:
                shares = [costate] * len(sources)
        for source, share in zip(sources, shares, strict=True):
            costates[source] = costates[source] + share
    return costates


def _read_only(arrays: dict[str, FloatArray]) -> dict[str, FloatArray]:
    for array in arrays.values():
        array.setflags(write=False)
    return arrays
