"""The linearised engine step: against numerical differentiation, and against growth and decay in brian2."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from emulator import (
    Matched,
    Network,
    NodeLaw,
    ScatteringGraph,
    Worldsheet,
    compile_network,
    reference,
    settle,
)
from emulator.errors import EngineError
from emulator.families.node.linear_step import NodeStep
from emulator.measure.linear_step import numbers
from emulator.measure.rest import OperatingPoint, operating_point
from emulator.measure.stability import Prediction, predict, spectral_radius
from emulator.network import activation_function, softmax
from hwmodels.seeds import rng
from tests.graphs import SMOOTH, random_batch, random_network
from tests.refusals import refuses
from tests.substrate import STEP, delays

#: the engine's step in brian2's time


def generator(*names: str) -> np.random.Generator:
    return rng(0, "test_stability", *names)


class Independent:
    """The substrate in plain NumPy, one synapse after another, from the graph's own description."""

    def __init__(self, graph, target: np.ndarray | None) -> None:
        self.graph, self.target = graph, target
        self.synapses = []
        for coupling in graph.couplings:
            weight = np.eye(len(coupling.rows))
            if coupling.layer is not None:
                weight = graph.network.parameters[coupling.layer].weight
            forward, backward = coupling.pair_delays()
            for k, (row, column) in enumerate(zip(*coupling.pairs(), strict=True)):
                ends = int(coupling.rows[row]), int(coupling.columns[column])
                self.synapses.append((*ends, weight[column, row], int(forward[k]), int(backward[k])))
        self.bias = np.zeros(graph.neurons)
        for layer, (_, bias) in graph.network.parameters.items():
            self.bias[graph.layer_neurons(layer)] = bias
        self.output = graph.layer_neurons(graph.network.output)

    def step(self, x_past: np.ndarray, mu_past: np.ndarray, lam: np.ndarray):
        """New x, mu and lam from x (D, N) and mu (D, N) of the last D steps, newest first."""
        law, x = self.graph.law, x_past[0].copy()
        s, arrived = self.bias.copy(), np.zeros(self.graph.neurons)
        for source, sink, weight, forward, backward in self.synapses:
            s[sink] += weight * x_past[forward - 1, source]
            arrived[source] += weight * mu_past[backward - 1, sink]
        proposal, slope = x.copy(), np.zeros_like(x)
        for site in self.graph.sites:
            if site.role != "source":
                part = slice(site.start, site.stop)
                function = activation_function(site.function, site.slope)
                proposal[part], slope[part] = function.phi(s[part]), function.dphi(s[part])
        free = np.array([site.role != "source" for site in self.graph.sites for _ in range(site.size)])
        answer = law.gamma * law.impedance * (lam - self.loaded(arrived, x))
        x = np.where(free, x - law.beta * (x - proposal) + answer, self.clamp)
        back = self.loaded(arrived, x)
        residual = np.where(free, x - proposal, 0.0)
        lam = lam - law.beta * (lam - back) - law.gamma / law.impedance * residual
        return x, slope * lam, lam

    def loaded(self, arrived: np.ndarray, x: np.ndarray) -> np.ndarray:
        total = arrived.copy()
        if self.target is not None:
            out = x[self.output]
            total[self.output] += (out if self.graph.loss == "mse" else softmax(out)) - self.target
        return total


def numerical(graph, target, point: OperatingPoint, linear) -> np.ndarray:
    """Jacobian of `Independent.step` in the order of the linearisation's vector, by central differences."""
    machine = Independent(graph, target)
    machine.clamp = point.x
    count, longest = graph.neurons, graph.longest_delay

    def apply(vector: np.ndarray) -> np.ndarray:
        past = np.zeros((longest, 2 * count))
        for port in range(2 * count):
            held = vector[linear.first[port] : linear.first[port] + linear.depth[port]]
            past[: len(held), port] = held
        x, mu, lam = machine.step(past[:, :count], past[:, count:], vector[-count:])
        new = vector.copy()
        for port, value in enumerate([*x, *mu]):
            first, depth = linear.first[port], linear.depth[port]
            if depth:
                new[first + 1 : first + depth] = vector[first : first + depth - 1]
                new[first] = value
        new[-count:] = lam
        return new

    np.testing.assert_allclose(apply(linear.rest), linear.rest, atol=1e-12)
    nudges = 1e-6 * np.eye(len(linear.rest))
    return np.array([(apply(linear.rest + nudge) - apply(linear.rest - nudge)) / 2e-6 for nudge in nudges]).T


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@pytest.mark.parametrize("seed", range(6))
def test_the_matrix_is_the_jacobian_of_a_step(seed, wiring):
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_width=4, max_layers=5, activations=SMOOTH)
    law = Worldsheet(0.6, 0.3, 0.7)
    graph = compile_network(network, hardware=delays(1, 3), law=law, wiring=wiring, seed=seed)
    inputs, targets = random_batch(rng, network, 1)
    for target in (targets[0], None):
        exact = reference(network, inputs, None if target is None else targets)
        point = operating_point(graph, exact)
        linear = NodeStep(graph, point)
        expected = numerical(graph, target, point, linear)
        np.testing.assert_allclose(linear @ np.eye(linear.shape[0]), expected, atol=1e-8)
        held = linear.shape[0] + 2 * sum(len(coupling.pairs()[0]) for coupling in graph.couplings)
        assert held <= numbers(graph) < 2 * held


class Later(NodeLaw):
    """Matched while the first sample is held, which comes to rest exactly; a worldsheet law from then on."""

    name = "later"

    def __init__(self, law: Worldsheet, hold: int) -> None:
        self.law, self.hold = law, hold

    @property
    def state_update(self) -> str:
        return "x = F + int(t_in_timesteps > change)*((1 - beta)*(x - F) + gamma*Z*(lam - B))"

    @property
    def costate_update(self) -> str:
        return "lam = B + int(t_in_timesteps > change)*((1 - beta)*(lam - B) - gamma/Z*(x - F))"

    @property
    def impedance(self) -> float:
        return self.law.impedance

    @property
    def parameters(self) -> Mapping[str, float]:
        return {**self.law.parameters, "change": self.hold - 0.5}


class Bounded(NodeLaw):
    """Nonlinear on purpose: saturating residuals, and coupling that depends on where the node rests."""

    name = "bounded"
    impedance = 0.5
    parameters = {"rate": 0.7, "c": 0.15}
    state_update = """
        r = clip(x - F, -1, 1)  # a temporary
        x -= rate*tanh(r)
        x += c*Z*(lam - B)*exp(-x*x)*int(x < 1000)
    """
    costate_update = "lam = lam - rate*(lam - B) - c/Z*sin(x - F)*(1 + lam**2)"


def deep(rng: np.random.Generator, loss: str, function: str = "tanh") -> Network:
    sizes = [4, 6, 5, 6, 3]
    weights = [1.2 * rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]
    return Network.mlp(weights, [0.3 * rng.normal(size=b) for b in sizes[1:]], [*[function] * 3, "identity"], loss)


def disturbed(graph: ScatteringGraph, name: str, kick: float, steps: int, law: NodeLaw):
    """Deviation (steps, 2N) from rest in the engine after a small change of the data, and as predicted."""
    inputs, targets = random_batch(generator(name, "data"), graph.network, 1)
    noise = generator(name, "kick")
    moved = {key: np.vstack([row, row + kick * noise.normal(size=row.shape)]) for key, row in inputs.items()}
    targets = np.repeat(targets, 2, axis=0)
    other = replace(graph, law=law)
    result = settle(other, moved, targets, hold_seconds=steps * STEP, traces=True, target="numpy", diagnose=False)
    exact = reference(graph.network, moved, targets)
    before, after = (NodeStep(graph, operating_point(graph, exact, sample)) for sample in range(2))
    wave, predicted = before.rest - after.rest, []
    for _ in range(steps):
        wave = after @ wave
        predicted.append(np.concatenate(after.newest(wave)))
    traces = np.hstack([result.traces.x, result.traces.lam])[steps:]
    return traces - np.concatenate(after.newest(after.rest)), np.array(predicted)


def growth(sizes: np.ndarray) -> float:
    """Factor per step, fitted to the later part of what is neither round-off nor nonlinear."""
    inside = np.flatnonzero((sizes > 1e-11) & (sizes < 1e-5))
    inside = inside[len(inside) // 3 :]
    return float(np.exp(np.polyfit(inside, np.log(sizes[inside]), 1)[0]))


#: beta, gamma, impedance, longest delay, loss, activation, wiring, stable
CASES = [
    (0.6, 0.3, 0.3, 3, "mse", "tanh", "tile", True),
    (0.4, 0.3, 0.3, 5, "mse", "gelu", "synapse", True),
    (1.0, 0.4, 1.0, 5, "softmax_cross_entropy", "silu", "tile", True),
    (0.3, 0.1, 0.5, 3, "softmax_cross_entropy", "tanh", "synapse", True),
    (0.5, 0.9, 1.0, 2, "mse", "sigmoid", "synapse", False),
    (0.2, 0.5, 1.0, 3, "softmax_cross_entropy", "silu", "tile", False),
    (0.6, 0.6, 2.0, 4, "mse", "tanh", "tile", False),
]


@pytest.mark.parametrize("case", CASES)
def test_small_waves_in_the_engine_follow_the_operator(case):
    *settings, longest, loss, function, wiring, stable = case
    law, name = Worldsheet(*settings), f"{case}"
    network = deep(generator(name), loss, function)
    graph = compile_network(network, hardware=delays(1, longest), law=law, wiring=wiring, seed=1)
    radius = spectral_radius(graph, reference(network, *random_batch(generator(name, "data"), network, 1)))
    assert (radius < 1) == stable
    steps = min(500, max(60, int(np.log(1e8 if stable else 1e5) / abs(np.log(radius)))))
    measured, predicted = disturbed(graph, name, 1e-5 if stable else 1e-9, steps, Later(law, steps))
    sizes = np.linalg.norm(measured, axis=1)
    small = (sizes > 1e-11) & (sizes < 1e-5)
    assert small.sum() > 30
    error = np.linalg.norm(measured - predicted, axis=1)
    assert (error[small] < 1e-3 * sizes[small] + 2e-13).all()
    assert growth(sizes) == pytest.approx(radius, rel=0.02)


@pytest.mark.slow
def test_waves_of_a_law_of_the_users_own_follow_the_operator():
    network = deep(generator("user law"), "softmax_cross_entropy")
    graph = compile_network(network, hardware=delays(1, 3), law=Bounded(), seed=2)
    radius = spectral_radius(graph, reference(network, *random_batch(generator("user law", "data"), network, 1)))
    assert 0.8 < radius < 0.97
    steps = int(np.log(1e13) / -np.log(radius))
    measured, predicted = disturbed(graph, "user law", 1e-5, steps, graph.law)
    sizes, error = np.linalg.norm(measured, axis=1), np.linalg.norm(measured - predicted, axis=1)
    small = (sizes > 1e-11) & (sizes < 1e-5)
    assert small.sum() > 30
    assert (error[small] < 1e-3 * sizes[small] + 2e-13).all()
    assert growth(sizes) == pytest.approx(radius, rel=0.02)


def test_the_matched_law_is_nilpotent_and_pure_relaxation_decays_as_its_nodes():
    network = deep(generator("triangular"), "mse")
    exact = reference(network, *random_batch(generator("triangular", "data"), network, 1))
    matched = predict(compile_network(network, hardware=delays(1, 3), law=Matched(), seed=1), exact)
    assert (matched.radius, matched.method, matched.settles, matched.steps) == (0.0, "triangular", True, 0.0)
    assert matched.decay == np.inf
    assert matched.sentence == "the spectral radius is 0: every deviation from rest is gone once its waves have landed"
    for beta in (0.3, 1.6):
        law = Worldsheet(beta, 0.0)
        slow = predict(compile_network(network, hardware=delays(1, 3), law=law, seed=1), exact, tolerance=1e-2)
        assert slow.radius == pytest.approx(abs(1 - beta))
        assert slow.steps == np.ceil(np.log(1e-2) / np.log(abs(1 - beta)))
        assert f"fall by a factor 0.01 in about {slow.steps:.0f} steps" in slow.sentence


class Listening(NodeLaw):
    """A law whose state listens to what comes back, but not to its own costate; without a load it rests."""

    name = "listening"
    impedance = 1.0
    state_update = "x = F + 0.5*B"
    costate_update = "lam = B - 0.5*(x - F)"


def test_a_state_that_listens_to_what_comes_back_alone_is_not_triangular():
    network = deep(generator("listening"), "mse")
    step = NodeStep(compile_network(network, law=Listening()), reference(network, np.ones((1, 4))))
    assert step.triangular is None


def test_an_unstable_prediction_says_so():
    prediction = Prediction(1.25, 1e-3, "dense")
    assert not prediction.settles
    assert prediction.steps == np.inf
    assert prediction.decay == pytest.approx(-np.log(1.25))
    assert prediction.sentence == "the spectral radius 1.25 is not below 1: deviations from rest do not die"
    assert not Prediction(1 - 1e-13, 1e-3, "dense").settles


def test_the_tolerance_of_a_prediction_is_a_fraction():
    network = Network.mlp([[[1.0]]])
    for tolerance in (0.0, 1.0):
        words = f"prediction: tolerance is {tolerance!r}; allowed: above 0 and below 1"
        refuses(
            words,
            lambda t=tolerance: predict(compile_network(network), reference(network, [1.0]), t),
            EngineError,
        )


def test_an_operating_point_has_one_finite_number_per_neuron():
    network = Network.mlp([[[1.0, 2.0]]])
    graph = compile_network(network)
    point = operating_point(graph, reference(network, [[1.0, 2.0], [3.0, 5.0]], [[0.0], [1.0]]), 1)
    np.testing.assert_allclose(point.x, [3.0, 5.0, 13.0])
    np.testing.assert_allclose(point.s[2:], [13.0])
    np.testing.assert_allclose(point.lam, [12.0, 24.0, 12.0])
    short = replace(point, lam=point.lam[:2])
    words = "operating point: lam has shape (2,); allowed: (3,), one number per neuron"
    refuses(words, lambda: spectral_radius(graph, short), EngineError)
    infinite = replace(point, s=np.array([0.0, np.inf, 0.0]))
    words = "operating point: s[1] is inf; allowed: finite numbers"
    refuses(words, lambda: spectral_radius(graph, infinite), EngineError)
    exact = reference(network, [[1.0, 2.0]])
    words = "operating point: sample is 1; allowed: 0 to 0"
    refuses(words, lambda: operating_point(graph, exact, 1), EngineError)
