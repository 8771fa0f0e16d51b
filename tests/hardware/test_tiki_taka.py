"""Ports of two devices per weight and of devices with references: against transcriptions, and against what they are for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emulator import Coincidence, Device, Network
from emulator.errors import EngineError, ScenarioError
from emulator.learning import MixedPrecision, Resistive, SymmetricPair, TikiTaka, own_port
from emulator.runs.train import train
from emulator.scenario.training import PortConfig
from hwmodels import PolynomialSpread, PulsedUpdate, Weights, load, rng

COUNT = 250
SOFT = {"shape": "linear", "nonlinearity": 1.0}


def devices(differential: bool = False, **law) -> Weights:
    return Weights(g_max="20 uS", differential=differential, update=PulsedUpdate(**law))


def pushed(port, targets: np.ndarray, start: float = 0.0) -> np.ndarray:
    """Weights of a row of outputs that are pulled to these targets, one sample after another."""
    network = Network.mlp([np.full((targets.shape[1], 1), start)], loss="mse")
    samples = iter([(np.ones(1), row) for row in targets])
    found = train(network, samples, port=port, chunk=len(targets), target="numpy", seed=2)
    return found.network.parameters["s1"].weight[:, 0]


def noise(size: float, holds: int) -> np.ndarray:
    return size * np.random.default_rng(1).normal(size=(holds, COUNT))


def test_zero_shifting_takes_away_what_drags_weights_off():
    weights = devices(pulses=60, asymmetry=0.3, asymmetry_spread=0.1, **SOFT)
    how = {"w_max": 1.0, "slots": 1}
    plain = pushed(Coincidence(10.0, weights, **how), noise(100.0, 150))
    shifted = pushed(SymmetricPair(10.0, weights, **how), noise(100.0, 150))
    point = weights.update.symmetry_points(
        {"asymmetry": tuple(rng(0, "devices of s1", "asymmetry").standard_normal((2, COUNT)))}
    )
    assert plain.mean() == pytest.approx(np.mean(2 * point - 1), abs=4 * plain.std() / math.sqrt(COUNT) + 0.02)
    assert abs(shifted.mean()) < 4 * shifted.std() / math.sqrt(COUNT) + 0.02
    assert plain.mean() > 0.2


def test_the_reference_is_each_devices_own_symmetry_point_and_its_error():
    """One pulse up from weight 0, where the step tells the conductance."""
    law = {"pulses": 60.0, "asymmetry": 0.2, "asymmetry_spread": 0.1, "bound_spread": 0.05, **SOFT}
    found = pushed(SymmetricPair(1e9, devices(**law), slots=1, zero_error=0.02), np.ones((1, COUNT)))
    draw = {
        name: rng(0, "devices of s1", name).standard_normal((2, COUNT, 1))[:, :, 0]
        for name in ("asymmetry", "bound", "zero")
    }
    update = PulsedUpdate(**law)
    x = update.symmetry_points({name: tuple(draw[name]) for name in ("asymmetry", "bound")}) + 0.02 * draw["zero"][0]
    bottom, top = update.ends(tuple(draw["bound"]))
    step = (1 + 0.2 + 0.1 * draw["asymmetry"][0]) * (1 - np.clip((x - bottom) / (top - bottom), 0, None)) / 60
    np.testing.assert_allclose(found, 2 * (np.clip(x + step, bottom, top) - x), atol=1e-12)


def test_the_reference_of_anchored_devices_is_their_anchor():
    """Soft bounds whose steps are alike at weight 0, whatever the ends: there a pulse up moves all devices alike."""
    law = {"pulses": 60.0, "bound_spread": 0.1, "anchor": 0.4, **SOFT}
    found = pushed(SymmetricPair(1e9, devices(**law), slots=1), np.ones((1, COUNT)))
    np.testing.assert_allclose(found, 2 / 60, atol=1e-9)


def test_writes_are_those_of_both_devices_of_a_weight():
    """The fast one is written by every pulse; so it is worn first."""
    network = Network.mlp([np.zeros((COUNT, 1))], loss="mse")
    weights = devices(pulses=60, endurance=3.0, **SOFT)
    x, y = np.ones((20, 1)), noise(1.0, 20)
    port = TikiTaka(10.0, weights, w_max=1.0, fill=1.0)
    found = train(network, x, y, port=port, chunk=20, epochs=1, target="numpy", seed=2).spent
    assert found.writes >= 3 and found.worn > 0.5


def test_symmetry_points_undo_a_pulse_each_way():
    law = PulsedUpdate(pulses=50, asymmetry=0.2, nonlinearity=1.2, nonlinearity_down=0.7, plateau=0.1)
    x = law.symmetry_points({})
    assert law.mean_step(x, 1) + law.mean_step(x, -1) == pytest.approx(0, abs=1e-9)
    assert float(x) == pytest.approx(law.symmetry_point, abs=1e-6)
    assert PulsedUpdate(pulses=50).symmetry_points({}) == 0.5


def transcription(port: TikiTaka, signs: list[int]) -> float:
    """One weight of symmetric, constant steps, one pulse of the fast device per update, in plain Python; costates of 1e6."""
    fast = slow = hidden = recent = base = 0.0
    for beats, sign in enumerate(signs):
        readings = beats // port.period
        chopped = 1 - 2 * ((readings // port.chop) % 2) if port.chop else 1
        fast = float(np.clip(fast + chopped * sign * 2 / 50, -1, 1))
        if (beats + 1) % port.period:
            continue
        if port.moving_reference:
            recent += (fast - recent) * min(1, 5 / port.chop)
        hidden += port.transfer * port.rate * 1e6 / (2 / 50) * chopped * (fast - base)
        if port.moving_reference and (readings + 1) % port.chop == 0:
            base += recent - base
        times = math.floor(abs(hidden) / port.quantum)
        slow = float(np.clip(slow + math.copysign(times * port.quantum, hidden), -port.w_max, port.w_max))
        hidden -= math.copysign(times * port.quantum, hidden)
    return slow


@pytest.mark.parametrize(
    "how", [{}, {"chop": 2}, {"chop": 8, "moving_reference": True}], ids=["version 2", "chopped", "moving reference"]
)
def test_readings_are_carried_over_as_a_transcription_says(how):
    port = TikiTaka(2.48e-8, devices(pulses=50), w_max=2.0, slots=1, fill=1.0, transfer=0.97, period=3, **how)
    signs = [1] * 12 + [-1] * 5 + [1] * 40
    found = pushed(port, 1e6 * np.array(signs, float)[:, None])
    assert found[0] == pytest.approx(transcription(port, signs), abs=1e-12) and found[0] != 0


def test_pulses_by_chance_carry_over_as_much_in_the_mean():
    port = TikiTaka(0.8e-8, devices(pulses=50), slots=1, fill=1.0, period=2, digital=False)
    found = pushed(port, np.full((12, COUNT), 1e6))
    fast = [2 / 50 * (n + 1) for n in range(12)][1::2]
    asked = 0.2 * np.array(fast) / port.quantum
    expected, variance = asked.sum(), float(np.sum((asked % 1) * (1 - asked % 1)))
    assert abs(found.mean() / port.quantum - expected) < 4 * math.sqrt(variance / COUNT)
    assert found.std() / port.quantum == pytest.approx(math.sqrt(variance), rel=0.15)


def test_choppers_average_out_an_error_of_the_reference():
    weights = devices(pulses=60, **SOFT)
    how = {"w_max": 1.0, "slots": 1, "fill": 1.0, "transfer": 0.5, "period": 2, "zero_error": 0.1}
    drift = {chop: pushed(TikiTaka(0.0025, weights, chop=chop, **how), noise(5.0, 160)).std() for chop in (0, 4)}
    assert drift[4] < 0.6 * drift[0]


def test_what_a_technology_has_of_itself():
    pulsed = devices(pulses=100)
    ideal = load("ideal")
    assert isinstance(own_port(ideal, 0.1), Resistive)
    found = own_port(ideal.replace(weights=pulsed), 0.1, 2.0)
    assert type(found) is Coincidence and (found.w_max, found.weights) == (2.0, pulsed)
    kept = pulsed.model_copy(update={"accumulator": True})
    assert type(own_port(ideal.replace(weights=kept), 0.1)) is MixedPrecision
    assert type(own_port(load("loihi2"), 0.1)) is MixedPrecision
    assert type(PortConfig(name="own", rate=0.1).build(load("ecram"))) is Coincidence
    assert (
        PortConfig(name="own", rate=0.1).told_of(load("ecram")).startswith("own, which is coincidence: devices of the")
    )
    assert PortConfig(name="own", rate=0.1).told_of(load("ecram"), True).startswith("own, which is mixed-precision: ")
    assert PortConfig(name="resistive", rate=0.1).told_of(ideal) == "resistive: matched resistor (gradient descent)"
    with pytest.raises(ScenarioError, match=r"unknown key 'training.port.slots' \(known: training.port.rate"):
        PortConfig(name="own", rate=0.1, slots=3)
    with pytest.raises(ScenarioError, match=r"training.port.rate is missing"):
        PortConfig(name="own")


def test_mixed_precision_is_the_device_port_by_its_name():
    weights = devices(pulses=30, asymmetry=0.2)
    targets = noise(1.0, 20)
    np.testing.assert_array_equal(pushed(MixedPrecision(0.1, weights), targets), pushed(Device(0.1, weights), targets))
    assert isinstance(PortConfig(name="mixed-precision", rate=0.1).build(load("ecram")), MixedPrecision)


def test_devices_may_be_programmed_though_a_pulse_is_known():
    spread = PolynomialSpread(coefficients=(0.5e-6,), reference=20e-6)
    pulsed = devices(pulses=30, asymmetry=0.4).model_copy(update={"levels": 17, "programming": spread})
    plain = pulsed.model_copy(update={"update": None})
    targets = noise(1.0, 12)
    found = pushed(MixedPrecision(0.3, pulsed, programs=True), targets)
    np.testing.assert_array_equal(found, pushed(MixedPrecision(0.3, plain), targets))
    assert np.abs(found - pushed(MixedPrecision(0.3, pulsed), targets)).max() > 0.01
    with pytest.raises(EngineError, match="port mixed-precision: programs is 1; allowed: true or false"):
        MixedPrecision(0.3, programs=1)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: SymmetricPair(0.1, devices(True, pulses=10)),
            "port symmetric-pair: a symmetry point is that of one device beside a reference, and weights.differential is true; "
            "allowed: differential = false",
        ),
        (
            lambda: SymmetricPair(0.1, devices(pulses=10, asymmetry=0.1)),
            "port symmetric-pair: pulses up and down of these devices (weights.update) undo each other nowhere, so that there "
            "is no symmetry point; allowed: steps that shrink along the range, or no asymmetry",
        ),
        (
            lambda: TikiTaka(0.1, devices(True, pulses=10)),
            "port tiki-taka: a symmetry point is that of one device beside a reference, and weights.differential is true; "
            "allowed: differential = false",
        ),
        (lambda: TikiTaka(0.1, period=0), "port tiki-taka: period is 0; allowed: whole numbers from 1"),
        (lambda: TikiTaka(0.1, memory=0.5), "port tiki-taka: memory is 0.5; allowed: a finite number and at least 1"),
        (
            lambda: TikiTaka(0.1, state_scale=1.0),
            "port tiki-taka: state_scale is 1.0, and its trains go by what each layer receives; allowed: none",
        ),
        (
            lambda: TikiTaka(0.1, moving_reference=True),
            "port tiki-taka: moving_reference is set and chop is 0; allowed: with chop of at least 1",
        ),
    ],
)
def test_what_they_refuse(make, text):
    with pytest.raises(EngineError) as caught:
        make()
    assert str(caught.value) == text
