"""Small trainings, and online learning in plain NumPy, weight by weight, that the substrate's is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from emulator import Network, NetworkBuilder, reference
from emulator.learning import Adaptive, Device, GaussNewton, Inductive, Newton, ParameterPort, RateSchedule, Resistive
from emulator.runs.train import train
from hwmodels import PulsedUpdate, Weights

SAMPLES = 200
SIZES = [6, 5, 4, 3]


def mlp(rng: np.random.Generator, loss: str) -> Network:
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(SIZES)]
    return Network.mlp(weights, [rng.normal(size=b) * 0.1 for b in SIZES[1:]], "tanh", loss)


def dag(rng: np.random.Generator, loss: str) -> Network:
    """A skip connection, a concatenation, fan-out and a wire: what is wired must not learn, what is shared must."""
    build = NetworkBuilder()
    x = build.input("x", 6)
    a = build.dense(x, rng.normal(size=(4, 6)) / 2.4, rng.normal(size=4) / 10, name="a", activation="sigmoid")
    b = build.residual(a, rng.normal(size=(5, 4)) / 2, None, rng.normal(size=(4, 5)) / 2.2, None, name="b")
    c = build.concat(x, b)
    out = build.dense(c, rng.normal(size=(3, 10)) / 3, rng.normal(size=3) / 10, name="out")
    return build.build(output=out, loss=loss)


def data(rng: np.random.Generator, network: Network):
    inputs = rng.normal(size=(40, network.size(network.inputs[0])))
    width = network.size(network.output)
    if network.loss == "softmax_cross_entropy":
        return inputs, rng.integers(width, size=40)
    return inputs, rng.normal(size=(40, width))


@dataclass
class Descent:
    """Online learning in plain NumPy: `step` maps effort, parameter, and a dictionary of its own to the change."""

    network: Network
    step: object
    batch: int = 1
    total: dict = field(default_factory=dict)
    memory: dict = field(default_factory=dict)

    def run(self, inputs, targets, order, factors):
        network, held = self.network, {n: [p.weight.copy(), p.bias.copy()] for n, p in self.network.parameters.items()}
        for n, k in enumerate(order):
            target = targets[k : k + 1]
            now = network.with_parameters(held)
            for name, gradient in reference(now, inputs[k : k + 1], target).gradients.items():
                if not network.dense[name].trainable:
                    continue
                for side in range(2):
                    where = (name, side)
                    self.total[where] = self.total.get(where, 0.0) - gradient[side]
                    if (n + 1) % self.batch == 0:
                        own = self.memory.setdefault(where, {})
                        effort = self.total.pop(where) / self.batch
                        held[name][side] = held[name][side] + self.step(effort, held[name][side], own, factors[n], side)
        return held


def sample_order(count: int, seed: int) -> np.ndarray:
    from hwmodels import rng

    epochs = [rng(seed, "sample order", f"epoch {e}").permutation(40) for e in range(-(-count // 40))]
    return np.concatenate(epochs)[:count]


def resistive(rate, leak=0.0):
    return lambda e, w, own, f, side: f * (rate * e - (leak * w if side == 0 else 0.0))


def heavy_ball(rate, mass, leak=0.0):
    def step(e, w, own, f, side):
        own["v"] = (1 - 1 / (rate * mass)) * own.get("v", 0.0) + f * e / mass
        return own["v"] - f * (leak * w if side == 0 else 0.0)

    return step


def adam(rate, memory, averaging, floor, leak=0.0):
    """D. P. Kingma and J. Ba (2014); with ``averaging = 1`` RMSprop, its first means corrected likewise."""
    second, first = 1 - 1 / memory, 1 - 1 / averaging

    def step(e, w, own, f, side):
        own["n"] = own.get("n", 0) + 1
        own["square"] = second * own.get("square", 0.0) + (1 - second) * e * e
        own["mean"] = first * own.get("mean", 0.0) + (1 - first) * e
        mean, square = own["mean"] / (1 - first ** own["n"]), own["square"] / (1 - second ** own["n"])
        return f * (rate * mean / (np.sqrt(square) + floor) - (leak * w if side == 0 else 0.0))

    return step


def check(network, port: ParameterPort, step, *, seed=3, batch=1, rates=None, samples=SAMPLES, start=None, **how):
    """`start`: the network as the hardware holds it at first, if that is another."""
    rng = np.random.default_rng(8)
    inputs, targets = data(rng, network)
    result = train(
        network, inputs, targets, port=port, samples=samples, seed=seed, batch=batch, rate_schedule=rates,
        target="numpy", **how,
    )  # fmt: skip
    assert result.status == "finished"
    factors = (rates or RateSchedule()).factors(0, samples)
    wanted = Descent(start or network, step, batch).run(inputs, targets, sample_order(samples, seed), factors)
    for name, (weight, bias) in wanted.items():
        np.testing.assert_allclose(result.network.parameters[name].weight, weight, atol=1e-9, rtol=0)
        np.testing.assert_allclose(result.network.parameters[name].bias, bias, atol=1e-9, rtol=0)
        assert np.abs(weight - network.parameters[name].weight).max() > 1e-2
    return result


PORTS = {
    "resistive": Resistive(0.1, leak=1e-3),
    "inductive": Inductive(0.1, 40.0),
    "gauss-newton": GaussNewton(0.5),
    "newton": Newton(0.5),
    "adaptive": Adaptive(0.02, averaging=5.0),
    "device": Device(0.2, Weights(g_max="20 uS", update=PulsedUpdate(pulses=80, write_noise=0.3)), w_max=3.0),
}


def problem(seed: int = 0, loss: str = "softmax_cross_entropy"):
    rng = np.random.default_rng(seed)
    network = Network.mlp([rng.normal(size=(6, 4)) / 2, rng.normal(size=(3, 6)) / 2.4], loss=loss)
    inputs = rng.normal(size=(30, 4))
    labels = (inputs @ rng.normal(size=(4, 3))).argmax(axis=1)
    return network, inputs, labels if loss == "softmax_cross_entropy" else np.eye(3)[labels]
