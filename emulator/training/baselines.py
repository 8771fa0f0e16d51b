"""What training on a substrate is compared with, in NumPy: exact descent, and a pipeline with stale weights."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from emulator.errors import EngineError
from emulator.learning import RateSchedule
from emulator.network import Activation, Dense, Input, Network, activation_function, loss_function
from emulator.network.gradients import Gradient
from emulator.training.streams import Stream

Floats = NDArray[np.float64]
#: baselines by name
BASELINES = ("descent", "pipelined")


def baseline(
    name: str, network: Network, stream: Stream, rate: float, rates: RateSchedule, samples: int, batch: int = 1
) -> Network:
    """Train a chain of dense layers and activations in NumPy, one sample after another; what is fixed or missing stays.

    ``descent`` is exact gradient descent, by default online: with a batch, efforts of so many samples are averaged before
    anything moves. ``pipelined`` presents a sample in every tick while each layer needs a
    tick forward and a tick back: layer k of K sees sample t at tick ``t + k`` and its costate at tick ``t + 2 K - k -
    1``, uses the weights of that tick both times, and changes them at once (no copies of old weights are kept); with a
    batch, at the tick at which the costate of the last of so many samples reaches it.

    Parameters
    ----------
    name : {"descent", "pipelined"}
    network : Network
    stream : Stream
        Samples, in the order in which the substrate sees them.
    rate : float
    rates : RateSchedule
    samples : int
    batch : int
        Samples whose efforts are averaged before a layer moves, at the rate of the last of them, as on the substrate.

    Returns
    -------
    Network
        With the parameters reached.

    Raises
    ------
    EngineError
        If the network is not a chain, or there is no such baseline.
    """
    if name not in BASELINES:
        raise EngineError(f"unknown baseline {name!r}; allowed: {', '.join(BASELINES)}")
    chain = _Chain(network)
    feed, factors = stream.rows(0, samples), rates.factors(0, samples)
    x, y = feed[:, : chain.inputs], feed[:, chain.inputs :]
    with np.errstate(all="ignore"):
        steps = _steps(rate * factors, batch)
        if name == "descent":
            _descend(chain, x, y, steps)
        else:
            _pipeline(chain, x, y, steps)
    return chain.network_with(network)


class _Chain:
    """Weights, biases and activations of a chain, layer by layer."""

    def __init__(self, network: Network) -> None:
        self.names: list[str] = []
        self.functions: list[str] = []
        self.slopes: list[float] = []
        holders: list[str] = []  # of the states in front of each layer, then of the output
        previous = ""
        for name, layer in network.layers.items():
            sources = network.sources(name)
            if isinstance(layer, Input) and not previous:
                self.inputs = layer.size
            elif sources != (previous,) or not isinstance(layer, Dense | Activation):
                raise EngineError(f"baselines: layer {name!r} is no dense layer or activation behind {previous!r}; "
                                  "allowed: a chain")  # fmt: skip
            elif isinstance(layer, Dense):
                holders.append(previous)
                self.names.append(name)
                self.functions.append("identity")
                self.slopes.append(0.0)
            else:
                self.functions[-1], self.slopes[-1] = layer.function, layer.slope
            previous = name
        self.layers = [network.dense[name] for name in self.names]
        self.weights = [layer.weight.copy() for layer in self.layers]
        self.biases = [layer.bias.copy() for layer in self.layers]
        self.phi = [activation_function(f, a) for f, a in zip(self.functions, self.slopes, strict=True)]
        self.loss = loss_function(network.loss)
        penalties = network.penalties
        self.shunt = [penalties[name].conductance if name in penalties else 0.0 for name in (*holders, previous)]
        self.decay = [network.penalties[name].weight if name in network.penalties else 0.0 for name in self.names]
        self.gathered: list[Gradient | None] = [None] * len(self.names)  # efforts of the batch so far

    def forward(self, k: int, x: Floats) -> tuple[Floats, Floats]:
        """State of layer k and the slope of its activation."""
        s = self.weights[k] @ x + self.biases[k]
        return self.phi[k].phi(s), self.phi[k].dphi(s)

    def learn(self, k: int, x: Floats, slope: Floats, lam: Floats, step: float | None) -> Floats:
        """Add to the efforts of layer k, move it if a step is due, and return its costate, of the weights before."""
        mu = slope * lam
        back = self.weights[k].T @ mu + self.shunt[k] * x
        if self.layers[k].trainable:
            pull, before = self.pull(k, x, mu), self.gathered[k]
            if before is not None:
                pull = Gradient(before.weight + pull.weight, before.bias + pull.bias)
            self.gathered[k] = pull if step is None else None
            if step is not None:
                self.weights[k] -= step * pull.weight
                self.biases[k] -= step * pull.bias
        return back

    def pull(self, k: int, x: Floats, mu: Floats) -> Gradient:
        """Gradient of the objective in the parameters of layer k."""
        effort = np.asarray(np.outer(mu, x), dtype=np.float64) + self.decay[k] * self.weights[k]
        return self.layers[k].summed(effort, mu)

    def at_output(self, x: Floats, y: Floats) -> Floats:
        """Derivative of the objective in the output."""
        return self.loss.gradient(x[np.newaxis], y[np.newaxis])[0] + self.shunt[-1] * x

    def network_with(self, network: Network) -> Network:
        """The network with these parameters; raises `NetworkError` where they are not finite."""
        return network.with_parameters(
            {name: (w, b) for name, w, b in zip(self.names, self.weights, self.biases, strict=True)}
        )


def _steps(rates: Floats, batch: int) -> list[float | None]:
    """How far the summed efforts move a layer after each sample: None within a batch, after its last one the rate over its size."""
    count = len(rates)
    ends = [min(start + batch, count) for start in range(0, count, batch)]
    steps: list[float | None] = [None] * count
    for start, end in zip([0, *ends], ends, strict=False):
        steps[end - 1] = float(rates[end - 1]) / (end - start)
    return steps


def _descend(chain: _Chain, x: Floats, y: Floats, steps: list[float | None]) -> None:
    depth = len(chain.weights)
    for sample, wanted, step in zip(x, y, steps, strict=True):
        states, slopes = [sample], []
        for k in range(depth):
            state, slope = chain.forward(k, states[-1])
            states.append(state)
            slopes.append(slope)
        lam = chain.at_output(states[-1], wanted)
        for k in reversed(range(depth)):
            lam = chain.learn(k, states[k], slopes[k], lam, step)


def _pipeline(chain: _Chain, x: Floats, y: Floats, steps: list[float | None]) -> None:
    depth = len(chain.weights)
    ahead: list[Floats | None] = [None] * (depth + 1)  # the state in front of each layer
    behind: list[tuple[Floats, float | None] | None] = [None] * depth  # costate and step that each layer waits for
    kept: list[deque[tuple[Floats, Floats]]] = [deque() for _ in range(depth)]
    numbers: deque[int] = deque()
    for tick in range(len(x) + 2 * depth):
        if tick < len(x):
            ahead[0] = x[tick]
            numbers.append(tick)
        states: list[Floats | None] = [None] * (depth + 1)
        costates: list[tuple[Floats, float | None] | None] = [None] * depth
        for k in reversed(range(depth)):
            arrived = behind[k]
            if arrived is not None:
                lam, step = arrived
                back = chain.learn(k, *kept[k].popleft(), lam, step)
                if k > 0:
                    costates[k - 1] = (back, step)
        for k in range(depth):
            state = ahead[k]
            if state is not None:
                out, slope = chain.forward(k, state)
                kept[k].append((state, slope))
                states[k + 1] = out
        top = states[depth]
        if top is not None:
            number = numbers.popleft()
            costates[depth - 1] = (chain.at_output(top, y[number]), steps[number])
        ahead, behind = states, costates
