"""Devices that differ, shapes of steps, and updates by coincident pulse trains: against formulas and a transcription."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from emulator import Bilateral, Coincidence, Device, Network, SeriesRC
from emulator.engine.random import coincident, exp_if, gauss, key, pulse_train
from emulator.errors import EngineError
from emulator.learning.device_code import steps_code
from emulator.measure import reference
from emulator.runs.train import train
from hwmodels import HardwareError, PulsedUpdate, Weights, rng

COUNT = 1000
SHAPES = {
    "constant": {},
    "exponential": {"nonlinearity": 1.5},
    "soft bounds": {"shape": "linear", "nonlinearity": 1.0},
    "power": {"shape": "power", "nonlinearity": 2.0},
    "table": {"shape": "table", "up_steps": (1.5, 1.0, 0.2), "down_steps": (0.1, 0.8, 1.2, 1.4)},
}


def row(start: float = 0.0, count: int = COUNT) -> Network:
    """As many weights as there are outputs, all fed by one input."""
    return Network.mlp([np.full((count, 1), start)], loss="mse")


def pulsed(count: int, sign: int, start: float = 0.0, differential: bool = False, **law) -> np.ndarray:
    """Weights after a number of pulses, every hold asking for much more than one."""
    weights = Weights(g_max="20 uS", differential=differential, update=PulsedUpdate(**law))
    x, y = np.ones((count, 1)), np.full((count, COUNT), 1e6 * sign)
    found = train(row(start), x, y, port=Device(1e-3, weights), samples=count, target="numpy", seed=1)
    return found.network.parameters["s1"].weight[:, 0]


def scores(name: str, seed: int = 0) -> np.ndarray:
    """The frozen scores (2, COUNT) of a chip's devices."""
    return rng(seed, "devices of s1", name).standard_normal((2, COUNT, 1))[:, :, 0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sign", [1, -1])
def test_trains_of_each_shape_with_spreads_have_the_mean_and_spread_of_their_recursion(shape, sign):
    """1,000 trains of 28 pulses against the recursion of the mean device; z-scores below 4."""
    law = PulsedUpdate(pulses=100, asymmetry=0.1, write_noise=0.3, step_spread=0.2, **SHAPES[shape])
    found = (1 + pulsed(28, sign, 0.1, **law.model_dump(exclude_none=True))) / 2
    factor = np.maximum(1 + 0.2 * scores("step")[0], 0)
    x = np.full(COUNT, 0.55)
    variance = np.zeros(COUNT)
    for _ in range(28):  # mean and, to first order, variance of each device's train
        step, nudge = law.mean_step(x, sign) * factor, 1e-6
        slope = (law.mean_step(x + nudge, sign) - law.mean_step(x - nudge, sign)) * factor / (2 * nudge)
        variance = variance * (1 + slope) ** 2 + (0.3 * step) ** 2
        x = np.clip(x + step, 0, 1)
    inner = (x > 0.02) & (x < 0.98)
    z = (found - x)[inner] / np.sqrt(variance[inner])
    assert inner.sum() > COUNT / 2
    assert abs(z.mean()) * math.sqrt(z.size) < 4
    assert z.std() == pytest.approx(1, abs=4 / math.sqrt(2 * z.size))


@pytest.mark.parametrize("differential", [True, False])
def test_spreads_are_frozen_and_move_each_device_by_its_own_law(differential):
    law = {"pulses": 200, "asymmetry": 0.1, "asymmetry_spread": 0.2, "step_spread": 0.3}
    up = pulsed(20, 1, 0.2, differential, **law)
    scale = 1.0 if differential else 2.0
    factor, skew = np.maximum(1 + 0.3 * scores("step")[0], 0), 0.1 + 0.2 * scores("asymmetry")[0]
    expected = 0.2 + scale * np.cumsum(np.full((20, COUNT), 1.0) * factor * (1 + skew) / 200, axis=0)[-1]
    np.testing.assert_allclose(up, expected, atol=1e-12)
    down = pulsed(20, -1, 0.9, differential, **law)
    np.testing.assert_allclose(down, 0.9 - scale * 20 * factor * (1 - skew) / 200, atol=1e-12)


@pytest.mark.parametrize("differential", [True, False])
def test_devices_stop_at_ends_of_their_own(differential):
    top = 1 + np.clip(0.1 * scores("bound")[0], -0.45, 0.45)
    found = pulsed(30, 1, 0.3, differential, pulses=10, bound_spread=0.1)
    np.testing.assert_allclose(found, top if differential else 2 * top - 1, atol=1e-12)
    if not differential:
        bottom = np.clip(0.1 * scores("bound")[1], -0.45, 0.45)
        np.testing.assert_allclose(pulsed(30, -1, 0.3, pulses=10, bound_spread=0.1), 2 * bottom - 1, atol=1e-12)


def test_a_pair_that_crosses_zero_grows_by_the_law_of_the_other_device():
    law = {"pulses": 10, "asymmetry": 0.25, "asymmetry_spread": 0.1, "step_spread": 0.2, **SHAPES["table"]}
    found = pulsed(1, -1, 0.01, True, **law)
    factor, skew = np.maximum(1 + 0.2 * scores("step"), 0), 0.25 + 0.1 * scores("asymmetry")
    fall = (1 - skew[0]) * np.interp(0.01, [0, 1 / 3, 2 / 3, 1], law["down_steps"]) / 10 * factor[0]
    left = np.maximum(fall - 0.01, 0) / fall
    rest = np.maximum(0.01 - fall, 0)
    np.testing.assert_allclose(found, rest - left * (1 + skew[1]) * 1.5 * factor[1] / 10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_code_of_a_shape_is_that_of_the_hardware_model(shape):
    law = PulsedUpdate(pulses=10, **SHAPES[shape])
    x = np.linspace(0, 1, 51)
    for sign in (1, -1):
        names = {"x": x, "grow": np.full(51, sign), "clip": np.clip, "exp_if": exp_if, "nonlinearity": law.nonlinearity}
        found = eval(steps_code(law, "x", "grow").replace("int(", "1*("), {}, names)
        np.testing.assert_allclose(np.broadcast_to(found, x.shape), law.steps(x, sign), atol=1e-14)


def test_where_up_and_down_undo_each_other():
    soft = PulsedUpdate(pulses=50, asymmetry=0.2, **SHAPES["soft bounds"])
    assert soft.symmetry_point == pytest.approx(0.6)  # 1.2 (1 - x) = 0.8 x
    bent = PulsedUpdate(pulses=50, asymmetry=0.2, nonlinearity=1.5)
    assert bent.symmetry_point == pytest.approx(0.5 + math.log(1.2 / 0.8) / 3, abs=1e-9)
    assert PulsedUpdate(pulses=50, asymmetry=0.2).symmetry_point is None


def test_trains_coincide_as_often_as_chance_says_and_share_their_rows():
    """Means, variances and covariances along a row, 2,000 crossings."""
    row_number, column = np.zeros((COUNT, 2)), np.arange(2 * COUNT).reshape(COUNT, 2)
    p, q, slots = 0.4, 0.3, 31
    stream = key(5, "writes")
    one = np.array(
        [[coincidences(stream, i, 2 * i + np.arange(2), n, p, q, slots) for i in range(50)] for n in range(20)]
    )
    flat = one.reshape(-1, 2)
    n = len(flat)
    assert abs(flat.mean() - slots * p * q) < 4 * math.sqrt(slots * p * q / (2 * n))
    assert flat.var() == pytest.approx(slots * p * q * (1 - p * q), rel=0.15)
    shared = np.cov(flat.T)[0, 1]
    assert shared == pytest.approx(slots * q * q * p * (1 - p), abs=4 * slots * p * q / math.sqrt(n))
    assert (coincidences(stream, row_number, column, 0, 0.0, 1.0, slots) == 0).all()
    assert (coincidences(stream, row_number, column, 0, 1.0, 1.0, slots) == slots).all()


def coincidences(stream, row_number, column, counter, p, q, slots):
    """In how many slots the trains of a row and of a column both have a pulse."""
    return coincident(
        pulse_train(stream, row_number, counter, p, slots, 3), pulse_train(stream, column, counter, q, slots, 4)
    )


def small(loss: str = "mse") -> tuple[Network, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(3)
    sizes = (4, 5, 3)
    weights = [draw.normal(size=(b, a)) / 3 for a, b in pairwise(sizes)]
    network = Network.mlp(weights, [draw.normal(size=b) / 10 for b in sizes[1:]], "tanh", loss=loss)
    return network, draw.uniform(-1, 1, size=(12, 4)), draw.normal(size=(12, 3))


def chances(port: Coincidence, states: np.ndarray, costates: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Chances of rows, of columns and of the bias's row, and the length of the trains."""
    if port.state_scale is not None:
        q = port.rate * port.state_scale * np.abs(costates) / (port.slots * port.quantum)
        p = np.clip(np.abs([*states, 1.0]) / port.state_scale, 0, 1)
        return p[:-1], np.clip(q, 0, 1), float(p[-1]), port.slots
    most = max(1.0, np.abs(states).max())
    asked = port.rate * most * np.abs(costates).max() / port.quantum
    length = port.slots if port.full_trains else int(np.clip(math.ceil(asked), 1, port.slots))
    scale = math.sqrt(port.rate * most / (port.quantum * length * np.abs(costates).max()))
    if asked <= length:  # rows and columns alike
        row = math.sqrt(port.rate * np.abs(costates).max() / (port.quantum * length * most))
        return row * np.abs(states), scale * np.abs(costates), row, length
    q = port.rate * most * np.abs(costates) / (port.quantum * length)
    return np.abs(states) / most, np.minimum(q, 1), 1 / most, length


def transcription(network: Network, x: np.ndarray, y: np.ndarray, port: Coincidence, law: PulsedUpdate, stream: float):
    """The same in plain NumPy: trains from exact states and costates, then pulse by pulse."""
    held = {name: [p.weight.copy(), p.bias.copy()] for name, p in network.parameters.items()}
    synapses = sum(p.weight.size for p in network.parameters.values())
    writes = {(name, side): np.zeros_like(parts[side]) for name, parts in held.items() for side in range(2)}
    for n in range(len(x)):
        exact = reference(network.with_parameters(held), x[n : n + 1], y[n : n + 1])
        first, neuron = 0, network.size("x0")
        at = 0
        for layer, (name, parts) in enumerate(held.items()):
            states = exact.states[network.layers[name].source][0]
            effort = [-exact.gradients[name].weight, -exact.gradients[name].bias]
            costates = -effort[1]
            outputs, inputs = parts[0].shape
            numbers = [
                first + np.arange(parts[0].size).reshape(inputs, outputs).T,
                synapses + neuron + np.arange(outputs),
            ]
            rows = [np.broadcast_to(at + np.arange(inputs), (outputs, inputs)), np.full(outputs, -1.0 - layer)]
            columns = [np.repeat((neuron + np.arange(outputs))[:, None], inputs, axis=1), neuron + np.arange(outputs)]
            inner, q, outer, length = chances(port, states, costates)
            for side, p in enumerate((inner[None, :], outer)):
                chance = q[:, None] if side == 0 else q
                struck = coincidences(stream, rows[side], columns[side], np.float64(n), p, chance, length)
                seen = writes[name, side]
                for k in range(port.strides):
                    times = (struck + port.strides - 1 - k) // port.strides
                    want = np.sign(effort[side]) * (times > 0)
                    x_now = (1 + parts[side] / port.w_max) / 2
                    luck = times + law.write_noise * np.sqrt(times) * gauss(stream, numbers[side], seen)
                    after = np.clip(x_now + law.mean_step(x_now, want) * luck, 0, 1)
                    parts[side] = np.where(want != 0, port.w_max * (2 * after - 1), parts[side])
                    seen = seen + times
                writes[name, side] = seen
            first, neuron = first + held[name][0].size, neuron + outputs
            at = neuron - outputs
    return held, writes


FULL, SCALED = {"full_trains": True}, {"state_scale": 1.0}
HARD = {"rate": 8.0}  # more than trains can do


@pytest.mark.parametrize(
    ("target", "strides", "how"),
    [
        ("numpy", 7, {}),
        ("numpy", 2, SCALED),
        ("numpy", 2, HARD),
        ("numpy", 2, FULL),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in (("standalone", 7, HARD), ("standalone", 2, SCALED), ("standalone", 2, {}), ("cython", 2, {}))
        ),
    ],
)
def test_coincident_trains_are_what_a_transcription_says(target, strides, how):
    network, x, y = small()
    law = PulsedUpdate(pulses=80, asymmetry=0.3, nonlinearity=0.8, write_noise=0.2)
    weights = Weights(g_max="20 uS", differential=False, update=law)
    port = Coincidence(**{"rate": 0.1, **how}, weights=weights, w_max=2.0, slots=7, strides=strides)
    found = train(network, x, y, port=port, samples=12, chunk=5, target=target, seed=3)
    order = rng(3, "sample order", "epoch 0").permutation(12)
    held, writes = transcription(network, x[order], y[order], port, law, key(3, "writes"))
    for name, parts in held.items():
        np.testing.assert_allclose(found.network.parameters[name].weight, parts[0], atol=1e-9)
        np.testing.assert_allclose(found.network.parameters[name].bias, parts[1], atol=1e-9)
    assert sum(array.sum() for array in writes.values()) > 60


def test_the_mean_of_many_trains_is_gradient_descent():
    weights = Weights(g_max="20 uS", update=PulsedUpdate(pulses=1000))
    x, y = np.full((1, 1), 0.7), np.full((1, COUNT), 0.6)
    port = Coincidence(0.02, weights, slots=31, state_scale=1.0)
    found = train(row(0.2), x, y, port=port, samples=1, target="numpy", seed=2).network.parameters["s1"]
    effort = 0.6 - 0.7 * 0.2
    expected, quantum, slots = 0.02 * effort * 0.7, port.quantum, 31
    q = 0.02 * effort / (slots * quantum)
    spread = quantum * math.sqrt(slots * 0.7 * q * (1 - 0.7 * q))
    train_of_row = quantum * q * math.sqrt(slots * 0.7 * 0.3)  # common to all
    assert found.weight.std() == pytest.approx(math.sqrt(spread**2 - train_of_row**2), rel=0.15)
    assert abs(found.weight.mean() - 0.2 - expected) < 4 * math.hypot(spread / math.sqrt(COUNT), train_of_row)


def test_worn_and_stuck_devices_stay():
    weights = Weights(g_max="20 uS", stuck_low=0.2, differential=False, update=PulsedUpdate(pulses=100, endurance=5))
    x, y = np.ones((10, 1)), np.full((10, COUNT), 1e3)
    found = train(row(), x, y, port=Coincidence(0.01, weights), samples=10, target="numpy").network
    held = found.parameters["s1"].weight[:, 0]
    stuck = held == -1
    assert abs(stuck.mean() - 0.2) < 4 * math.sqrt(0.16 / COUNT)
    np.testing.assert_allclose(held[~stuck], 5 * 2 / 100, atol=1e-12)


def test_trains_coincide_on_two_way_lines_and_while_waves_fly():
    network, x, y = small()
    weights = Weights(g_max="20 uS", update=PulsedUpdate(pulses=200))
    how = {"port": Coincidence(0.05, weights, w_max=2.0, slots=5), "samples": 6, "target": "numpy"}
    two_way = train(network, x, y, law=Bilateral(0.8, far_end=SeriesRC()), hold=120, **how)
    unlocked = train(network, x, y, schedule="unlocked", hold=20, **how)
    for found in (two_way, unlocked):
        moved = found.network.parameters["s2"].weight - network.parameters["s2"].weight
        assert 0 < np.abs(moved).max() < 1.0


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"slots": 0}, "port coincidence: slots is 0; allowed: whole numbers from 1 to 31"),
        ({"slots": 2.0}, "port coincidence: slots is 2.0; allowed: whole numbers from 1 to 31"),
        ({"strides": 40}, "port coincidence: strides is 40; allowed: whole numbers from 1 to slots (31)"),
        ({"state_scale": 0}, "port coincidence: state_scale is 0; allowed: a finite number and above 0"),
        ({"full_trains": 1}, "port coincidence: full_trains is 1; allowed: true or false"),
        (
            {"weights": Weights(g_max="20 uS")},
            "port coincidence: nothing says what a pulse does to the devices; allowed: devices with weights.update, or "
            "port device, which programs them",
        ),
        (
            {"weights": Weights()},
            "port coincidence: the hardware's weights are exact numbers; allowed: hwmodels.Weights with a g_max",
        ),
    ],
)
def test_what_a_coincidence_port_refuses(how, text):
    with pytest.raises(EngineError) as caught:
        Coincidence(0.1, **how)
    assert str(caught.value) == text


def test_what_a_crossing_cannot_be_told_is_refused():
    network, x, y = small()
    port = Coincidence(0.1, Weights(g_max="20 uS", update=PulsedUpdate(pulses=10)), w_max=2.0)
    with pytest.raises(EngineError, match="batch is above 1, and pulses that coincide change a device there and then"):
        train(network, x, y, port=port, batch=2, samples=4, target="numpy")
    fond = Network.mlp([p.weight for p in network.parameters.values()], penalties={"s1": {"weight": 0.1}})
    with pytest.raises(EngineError, match="layer 's1' has a penalty of its weights, which neither line of a crossing"):
        train(fond, x, y, port=port, samples=4, target="numpy")
    with pytest.raises(EngineError, match="the weights of hardware ideal are exact numbers"):
        train(network, x, y, port=Coincidence(0.1), samples=4, target="numpy")


@pytest.mark.parametrize(
    ("law", "text"),
    [
        ({"shape": "table"}, "shape: 'table' needs up_steps and down_steps, allowed: with both"),
        (
            {"shape": "table", "up_steps": (1, 2), "down_steps": (1, 2), "nonlinearity": 1.0},
            "nonlinearity: is set beside tables, allowed: 0 with shape = 'table'",
        ),
        ({"up_steps": (1.0, 2.0)}, "up_steps, down_steps: are set and the shape is 'exponential', allowed: 'table'"),
        (
            {"shape": "linear", "nonlinearity": 1.5},
            "nonlinearity: 1.5 makes steps of a linear shape negative, allowed: at most 1",
        ),
    ],
)
def test_shapes_that_contradict_themselves_are_refused(law, text):
    with pytest.raises(HardwareError) as caught:
        PulsedUpdate(pulses=10, **law)
    assert str(caught.value).endswith(text)
