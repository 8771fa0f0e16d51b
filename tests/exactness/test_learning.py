"""Learning inside brian2 follows plain NumPy, weight by weight, after hundreds of samples."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Network, Worldsheet, reference
from emulator.engine.random import gauss, key, uniform
from emulator.learning import Adaptive, Device, GaussNewton, Inductive, RateSchedule, Resistive
from emulator.runs.train import train
from hwmodels import PolynomialSpread, PulsedUpdate, Weights, load, program, pulse
from tests.substrate import delays
from tests.support.descent import SAMPLES, SIZES, adam, check, dag, data, heavy_ball, mlp, resistive, sample_order


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
@pytest.mark.parametrize("make", [mlp, dag])
def test_a_resistive_port_is_online_gradient_descent(make, loss):
    network = make(np.random.default_rng(1), loss)
    check(network, Resistive(0.05, leak=1e-3), resistive(0.05, 1e-3), rates=RateSchedule(20, 300, 0.1))


def test_synapse_wiring_with_random_delays_learns_the_same():
    network = dag(np.random.default_rng(2), "softmax_cross_entropy")
    check(network, Resistive(0.1), resistive(0.1), wiring="synapse", hardware=delays(1, 4), hardware_seed=5)


def test_a_law_that_reflects_learns_the_same_once_it_has_settled():
    network = mlp(np.random.default_rng(3), "mse")
    check(network, Resistive(0.05), resistive(0.05), law=Worldsheet(0.8, 0.1, 0.5), hold=90, samples=40)


def test_an_inductive_port_is_heavy_ball_momentum():
    network = mlp(np.random.default_rng(4), "softmax_cross_entropy")
    port = Inductive(rate=0.2, mass=40.0, leak=1e-3)
    assert port.momentum() == pytest.approx(0.875)
    check(network, port, heavy_ball(0.2, 40.0, 1e-3), rates=RateSchedule(10))


@pytest.mark.parametrize("averaging", [0.0, 10.0])
def test_an_adaptive_port_is_rmsprop_or_adam(averaging):
    make, loss, batch = (mlp, "softmax_cross_entropy", 4) if averaging else (dag, "mse", 1)
    port = Adaptive(0.01, memory=200.0, averaging=averaging, floor=1e-3, leak=1e-3)
    step = adam(0.01, 200.0, max(1.0, averaging), 1e-3, 1e-3)
    check(make(np.random.default_rng(4), loss), port, step, rates=RateSchedule(20, 300, 0.1), batch=batch)


@pytest.mark.parametrize("port", [Resistive(0.2), Inductive(0.2, 20.0)])
def test_mini_batches_average_the_effort(port):
    network = mlp(np.random.default_rng(5), "mse")
    step = resistive(0.2) if isinstance(port, Resistive) else heavy_ball(0.2, 20.0)
    check(network, port, step, batch=8, chunk=48)


def test_a_gauss_newton_port_follows_its_numpy_counterpart():
    for loss in ("mse", "softmax_cross_entropy"):
        network = mlp(np.random.default_rng(6), loss)
        inputs, targets = data(np.random.default_rng(8), network)
        port = GaussNewton(damping=0.5, time_constant=4.0, memory=30.0, leak=1e-3)
        result = train(network, inputs, targets, port=port, samples=SAMPLES, seed=3, target="numpy")
        wanted = gauss_newton(network, inputs, targets, sample_order(SAMPLES, 3), port)
        for (weight, bias), (name, found) in zip(wanted, result.network.parameters.items(), strict=True):
            np.testing.assert_allclose(found.weight, weight, atol=1e-9, rtol=0)
            np.testing.assert_allclose(found.bias, bias, atol=1e-9, rtol=0)
            assert np.abs(weight - network.parameters[name].weight).max() > 1e-2


def gauss_newton(network, inputs, targets, order, port):
    held = [[p.weight.copy(), p.bias.copy()] for p in network.parameters.values()]
    depth, keep = len(held), 1 - 1 / port.memory
    pull = [np.zeros(n) for n in SIZES[1:]]
    curvature, size, seen = [np.zeros(n) for n in SIZES[1:]], np.zeros(depth), 0.0
    for k in order:
        names = dict(zip(network.parameters, held, strict=True))
        now = reference(network.with_parameters(names), inputs[k : k + 1], targets[k : k + 1])
        xs = [now.states[f"x{j}"][0] for j in range(depth + 1)]
        slopes = [1 - x**2 for x in xs[1:-1]] + [np.ones(SIZES[-1])]
        p = np.exp(xs[-1] - xs[-1].max())
        p /= p.sum()
        returned = [(held[j + 1][0] ** 2).T @ pull[j + 1] for j in range(depth - 1)]
        returned.append(np.ones(SIZES[-1]) if network.loss == "mse" else p * (1 - p))
        seen = keep * seen + (1 - keep)
        for j, gradient in enumerate(now.gradients.values()):
            pull[j] = slopes[j] ** 2 * returned[j]
            curvature[j] = keep * curvature[j] + (1 - keep) * (xs[j] @ xs[j] + 1) * pull[j]
            size[j] = keep * size[j] + (1 - keep) * (xs[j] @ xs[j] + 1)
            rate = seen / (port.time_constant * (curvature[j] + port.damping * size[j]))
            held[j][0] = held[j][0] - rate[:, None] * gradient.weight - port.leak * held[j][0]
            held[j][1] = held[j][1] - rate * gradient.bias
    return held


class Replay:
    """Stands for numpy's generator: hands out the normal samples that the port draws for each device."""

    def __init__(self, stream, number, writes):
        self.samples = gauss(stream, number, writes)

    def standard_normal(self, shape):
        return self.samples.reshape(shape)


def numbers(network: Network) -> dict:
    """The number of each parameter: synapses row by row through the layers, then biases by neuron."""
    found, first, neuron = {}, 0, network.size("x0")
    total = sum(p.weight.size for p in network.parameters.values())
    for name, p in network.parameters.items():
        rows, columns = p.weight.T.shape
        found[name, 0] = (first + np.arange(p.weight.size)).reshape(rows, columns).T
        found[name, 1] = total + neuron + np.arange(columns)
        first, neuron = first + p.weight.size, neuron + columns
    return found


@pytest.mark.parametrize(
    ("differential", "levels"),
    [pytest.param(True, None, marks=pytest.mark.slow), (False, None), pytest.param(True, 40, marks=pytest.mark.slow)],
)
def test_a_device_port_pulses_as_the_hardware_model_does(differential, levels):
    law = PulsedUpdate(pulses=120, asymmetry=0.2, nonlinearity=0.7, write_noise=0.3, endurance=25)
    weights = Weights(g_min="1 uS", g_max="20 uS", differential=differential, levels=levels, update=law)
    network = mlp(np.random.default_rng(7), "softmax_cross_entropy")
    port = Device(0.1, weights, w_max=2.0, burst=2)
    step, unit = pulse_step(network, port, law, key(3, "writes"))
    result = check(network, port, step, seed=3, start=held_by(network, weights, 2.0))
    assert result.status == "finished"
    assert max(own["writes"].max() for own in unit.values()) > 25, "some device should have worn out"


def held_by(network, weights, w_max):
    """The network as its devices are programmed at first; biases are exact."""
    parameters = {
        name: (program(weights, p.weight, 0, f"devices of {name}", w_max).weights(), p.bias)
        for name, p in network.parameters.items()
    }
    return network.with_parameters(parameters)


def pulse_step(network, port, law, stream):
    which, seen = numbers(network), {}
    levels = port.weights.levels
    turn = iter(range(10**9))
    places = [(name, side) for name in network.parameters for side in range(2)]

    def step(effort, w, own, factor, side):
        where = places[next(turn) % len(places)]
        seen[where] = own
        own.setdefault("owed", np.zeros_like(w))
        own.setdefault("writes", np.zeros_like(w))
        own["owed"] = own["owed"] + factor * port.rate * effort
        moved = w.copy()
        for _ in range(port.burst):
            want = np.sign(own["owed"]) * (np.abs(own["owed"]) >= port.quantum)
            if port.weights.differential:
                hand = np.where(moved == 0, want, np.sign(moved))
                x = np.abs(moved) / port.w_max
            else:
                hand, x = np.ones_like(moved), (1 + moved / port.w_max) / 2
            grow = want * hand
            after = pulse(law, x, grow, Replay(stream, which[where], own["writes"]))
            if port.weights.differential:  # what the device cannot fall, the other one grows
                luck = 1 + law.write_noise * gauss(stream, which[where], own["writes"])
                stride = (1 - law.asymmetry) * np.exp(-law.nonlinearity * (1 - x)) * luck / law.pulses
                left = np.where(grow < 0, np.maximum(stride - x, 0) / np.abs(stride), 0)
                after = after - left * (1 + law.asymmetry) * luck / law.pulses
            if levels:
                chance = uniform(stream, which[where], own["writes"])
                after = np.sign(after) * np.floor(np.abs(after) * (levels - 1) + chance) / (levels - 1)
            back = port.w_max * hand * after if port.weights.differential else port.w_max * (2 * after - 1)
            can = (want != 0) & (own["writes"] < law.endurance)
            moved = np.where(can, back, moved)
            own["owed"] = own["owed"] - want * port.quantum
            own["writes"] = own["writes"] + np.abs(want)
        return moved - w

    return step, seen


def test_a_device_port_without_pulses_programs_with_the_error_of_the_hardware_model():
    spread = PolynomialSpread(coefficients=("0.3 uS", "0.2 uS"), reference="20 uS")
    weights = Weights(g_min="1 uS", g_max="20 uS", programming=spread)
    network = mlp(np.random.default_rng(7), "softmax_cross_entropy")
    port = Device(0.1, weights, w_max=2.0)
    which, stream = numbers(network), key(3, "writes")
    places = [(name, side) for name in network.parameters for side in range(2)]
    turn = iter(range(10**9))

    def step(effort, w, own, factor, side):
        where = places[next(turn) % len(places)]
        own.setdefault("owed", np.zeros_like(w))
        own.setdefault("writes", np.zeros_like(w))
        own["owed"] = own["owed"] + factor * port.rate * effort
        want = np.abs(own["owed"]) >= port.quantum
        goal = np.clip(w + own["owed"], -port.w_max, port.w_max)
        x = np.abs(goal) / port.w_max
        error = spread.sigma(1e-6 + 19e-6 * x) / 19e-6
        x = np.clip(x + error * gauss(stream, which[where], own["writes"]), 0, 1)
        own["owed"] = np.where(want, 0.0, own["owed"])
        own["writes"] = own["writes"] + want
        return np.where(want, port.w_max * np.sign(goal) * x, w) - w

    check(network, port, step, seed=3, start=held_by(network, weights, 2.0))


@pytest.mark.parametrize("update", [PulsedUpdate(pulses=60, write_noise=0.2), None])
@pytest.mark.parametrize("differential", [True, False])
def test_stuck_devices_are_not_moved(differential, update):
    law = Weights(g_min="1 uS", g_max="20 uS", differential=differential, stuck_low=0.15, stuck_high=0.1, update=update)
    hardware = load("ideal").replace(weights=law)
    network = mlp(np.random.default_rng(7), "softmax_cross_entropy")
    inputs, targets = data(np.random.default_rng(8), network)
    port = Device(0.3, law, w_max=4.0, burst=2)
    how = {"port": port, "seed": 3, "target": "numpy", "hardware": hardware, "hardware_seed": 5}
    found = train(network, inputs, targets, samples=80, **how).network
    kept = crossed = moved = 0
    for name, p in network.parameters.items():
        devices = program(law, p.weight, 5, f"devices of {name}", 4.0)
        held, after = devices.weights(), found.parameters[name].weight
        stuck = devices.stuck != 0
        frozen = stuck.all(axis=0) | (devices.stuck == 1).any(axis=0)
        np.testing.assert_allclose(after[frozen], held[frozen], atol=1e-12)
        if differential:  # the device of the other sign still holds what it can
            for sign, side in ((1, 0), (-1, 1)):
                low = stuck[side] & ~frozen
                assert (sign * after[low] <= 1e-12).all()
                crossed += int((after[low] != held[low]).sum())
        kept, moved = kept + int(frozen.sum()), moved + int((after != held)[~frozen].sum())
    assert kept > 5
    assert moved > 20
    assert crossed > 0 or not differential


class CurvedDevice(Device):
    """Devices asked for Gauss-Newton steps: everything that a port's code may use, in one program."""

    sums, gather = GaussNewton.sums, GaussNewton.gather
    neuron_variables, neuron_update = GaussNewton.neuron_variables, GaussNewton.neuron_update
    conductance = "rate/(curvature/(seen + int(seen == 0)) + 0.5)"

    def step_constants(self, h):
        return {"keep": 1 - h / 30}


@pytest.mark.slow
def test_the_compiled_program_learns_what_the_interpreter_learns():
    network = dag(np.random.default_rng(9), "softmax_cross_entropy")
    inputs, targets = data(np.random.default_rng(8), network)
    weights = Weights(g_max="20 uS", levels=500, update=PulsedUpdate(pulses=200, write_noise=0.2, nonlinearity=0.5))
    port = CurvedDevice(0.1, weights, w_max=2.0)
    how = {"port": port, "samples": 100, "seed": 1, "chunk": 64, "test": (inputs, targets)}
    runs = [train(network, inputs, targets, target=target, **how) for target in ("numpy", "standalone")]
    for name, p in runs[0].network.parameters.items():
        np.testing.assert_allclose(runs[1].network.parameters[name].weight, p.weight, atol=1e-10, rtol=0)
        np.testing.assert_allclose(runs[1].network.parameters[name].bias, p.bias, atol=1e-10, rtol=0)
        assert np.abs(p.weight - network.parameters[name].weight).max() > 1e-2
    for name, column in runs[0].history.columns().items():
        np.testing.assert_allclose(runs[1].history.columns()[name], column, atol=1e-10, rtol=1e-9, err_msg=name)
