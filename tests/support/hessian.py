"""Per-layer Hessians of a network's loss by complex steps, exact to round-off, and damped Newton's method with them."""

from __future__ import annotations

import numpy as np

from emulator import Activation, Add, Concat, Dense, Input, Network

_STEP = 1e-30
_FUNCTIONS = {
    "identity": (lambda s: s, lambda s: np.ones_like(s)),
    "tanh": (np.tanh, lambda s: 1 - np.tanh(s) ** 2),
    "sigmoid": (lambda s: 1 / (1 + np.exp(-s)), lambda s: np.exp(-s) / (1 + np.exp(-s)) ** 2),
    "softplus": (lambda s: np.log(1 + np.exp(s)), lambda s: 1 / (1 + np.exp(-s))),
    "silu": (
        lambda s: s / (1 + np.exp(-s)),
        lambda s: 1 / (1 + np.exp(-s)) + s * np.exp(-s) / (1 + np.exp(-s)) ** 2,
    ),
    "relu": (lambda s: s * (s.real > 0), lambda s: (s.real > 0) * np.ones_like(s)),
}


def gradient(network: Network, held: dict, x: np.ndarray, y: np.ndarray) -> dict[str, tuple]:
    """Gradients (weight, bias) of one sample's loss, in whatever arithmetic the parameters `held` have."""
    state, slope = {}, {}
    for name, layer in network.layers.items():
        given = [state[source] for source in network.sources(name)]
        if isinstance(layer, Input):
            state[name] = x.astype(complex)
        elif isinstance(layer, Dense):
            state[name] = held[name][0] @ given[0] + held[name][1]
        elif isinstance(layer, Activation):
            function, derivative = _FUNCTIONS[layer.function]
            state[name], slope[name] = function(given[0]), derivative(given[0])
        elif isinstance(layer, Add):
            state[name] = sum(given)
        else:
            assert isinstance(layer, Concat)
            state[name] = np.concatenate(given)
    costate = {name: np.zeros_like(value) for name, value in state.items()}
    for name, penalty in network.penalties.items():
        costate[name] = costate[name] + penalty.state * state[name]
    top = state[network.output]
    if network.loss == "softmax_cross_entropy":
        e = np.exp(top - top.real.max())
        top = e / e.sum()
    costate[network.output] = costate[network.output] + top - y
    found = {}
    for name, layer in reversed(network.layers.items()):
        lam, begin = costate[name], 0
        for source in network.sources(name):
            if isinstance(layer, Dense):
                decay = network.penalties[name].weight if name in network.penalties else 0.0
                found[name] = (np.outer(lam, state[source]) + decay * held[name][0], lam)
                costate[source] = costate[source] + held[name][0].T @ lam
            elif isinstance(layer, Activation):
                costate[source] = costate[source] + slope[name] * lam
            elif isinstance(layer, Add):
                costate[source] = costate[source] + lam
            else:
                width = len(state[source])
                costate[source] = costate[source] + lam[begin : begin + width]
                begin += width
    return found


def flat(weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A layer's parameters as they stand in the crossbar, row by row, then its biases."""
    return np.concatenate([weight.T.ravel(), bias])


def hessian(network: Network, held: dict, layer: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Second derivative of one sample's loss in one layer's parameters, in the order of `flat`."""
    weight, bias = (np.asarray(part, dtype=complex) for part in held[layer])
    columns = []
    for row in range(weight.shape[1] + 1):
        for column in range(len(bias)):
            moved = weight.copy(), bias.copy()
            if row < weight.shape[1]:
                moved[0][column, row] += 1j * _STEP
            else:
                moved[1][column] += 1j * _STEP
            columns.append(flat(*gradient(network, {**held, layer: moved}, x, y)[layer]).imag / _STEP)
    return np.array(columns)


def newton(network: Network, inputs: np.ndarray, targets: np.ndarray, order, port, factors, batch: int = 1):
    """The parameters after samples in this order, and the last mean Hessians."""
    held = {name: [layer.weight.copy(), layer.bias.copy()] for name, layer in network.dense.items()}
    keep, seen, mean, total = 1 - 1 / port.memory, 0.0, dict.fromkeys(held, 0.0), dict.fromkeys(held, 0.0)
    for n, k in enumerate(order):
        seen = keep * seen + 1 - keep
        steps = {}
        for name in held:
            here = hessian(network, held, name, inputs[k], targets[k])
            mean[name] = keep * mean[name] + (1 - keep) * here
            total[name] = total[name] - flat(*gradient(network, held, inputs[k], targets[k])[name]).real
            if (n + 1) % batch == 0:
                values, vectors = np.linalg.eigh(mean[name] / seen)
                steps[name] = vectors @ ((vectors.T @ total[name] / batch) / (np.abs(values) + port.damping))
                total[name] = 0.0
        for name, step in steps.items():
            weight, bias = held[name]
            change = factors[n] * step / port.time_constant
            held[name] = [weight + change[: weight.size].reshape(weight.T.shape).T, bias + change[weight.size :]]
    return held, {name: value / seen for name, value in mean.items()}
