"""What pulses cost a training in time and energy, and devices that end at an end of their range."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Coincidence, Device, Network
from emulator.learning import ParameterPort, Resistive, SymmetricPair, TikiTaka
from emulator.runs.train import train
from emulator.training import TrainResult
from emulator.training.bounds import saturation
from hwmodels import PulsedUpdate, Weights, rng

COUNT = 60


def devices(differential: bool = False, **law) -> Weights:
    return Weights(g_max="20 uS", differential=differential, update=PulsedUpdate(**{"pulses": 20, **law}))


def pushed(port: ParameterPort, targets: np.ndarray, holds: int = 15) -> TrainResult:
    """A row of outputs pulled to these targets; biases, of the other half of the devices, likewise."""
    network = Network.mlp([np.zeros((len(targets), 1))], loss="mse")
    return train(network, iter([(np.ones(1), targets)] * holds), port=port, chunk=holds, target="numpy", seed=2)


@pytest.mark.parametrize(
    ("differential", "port"),
    [(False, Coincidence), (True, Coincidence), (False, SymmetricPair), (False, Device)],
)
def test_devices_that_are_driven_to_an_end_are_counted_and_warned_of(differential, port):
    law = {"bound_spread": 0.1} if port is not Device else {}
    how = {} if port is Device else {"slots": 1}
    targets = np.where(np.arange(COUNT) < COUNT // 3, 1e6, 0.0) * np.where(np.arange(COUNT) % 2, 1, -1)
    found = pushed(port(1.0, devices(differential, **law), **how), targets, holds=25)
    assert found.spent.at_bounds == pytest.approx(1 / 3, abs=0.02)
    assert [w for w in found.warnings if "33% of the devices that learn are at an end of their range" in w]
    still = pushed(port(1.0, devices(differential, **law), **how), np.zeros(COUNT), holds=2)
    assert still.spent.at_bounds == 0 and not [w for w in still.warnings if "at an end" in w]


def test_an_end_is_each_devices_own():
    found = pushed(Coincidence(1.0, devices(bound_spread=0.2), slots=1), np.full(COUNT, 1e6), holds=40)
    top = 1 + np.clip(0.2 * rng(0, "devices of s1", "bound").standard_normal((2, COUNT, 1))[0, :, 0], -0.45, 0.45)
    np.testing.assert_allclose(found.network.parameters["s1"].weight[:, 0], 2 * top - 1, atol=1e-12)
    assert found.spent.at_bounds == 1


def test_fast_devices_that_are_full_count():
    port = TikiTaka(1e-9, devices(), slots=1, period=1000, fill=1.0)
    assert pushed(port, np.full(COUNT, 1.0), holds=15).spent.at_bounds == 1


def test_few_devices_at_an_end_are_no_news():
    assert saturation(None) == saturation(0.04) == () and "6% of the devices" in saturation(0.06)[0]


@pytest.mark.parametrize(
    ("port", "slots"),
    [
        (lambda held: Coincidence(0.1, held, slots=7), 7),
        (lambda held: TikiTaka(0.1, held, slots=7, period=1), 7 + 2),  # the one input's row, and that of the biases
        (lambda held: Device(0.1, held, burst=3), 3 * 2),
        (lambda held: Device(0.1, held, programs=True), 0),
    ],
)
def test_pulses_take_their_time_and_energy(port, slots):
    held = devices(pulse_time="10 ns", pulse_energy="3 pJ")
    spent = pushed(port(held), np.full(COUNT, 0.5)).spent
    assert spent.pulse_seconds == pytest.approx(15 * slots * 10e-9)
    if not slots:
        assert spent.pulse_joules is None
    else:
        assert spent.pulse_joules == pytest.approx(spent.writes * 2 * COUNT * 3e-12)
    assert (
        spent.joules is None and "weights.update.pulse_energy" not in spent.unpriced
    )  # of ideal lines nothing is known


def test_what_is_not_known_of_a_pulse_is_missing():
    spent = pushed(Coincidence(0.1, devices(), slots=7), np.full(COUNT, 0.5)).spent
    assert (
        spent.pulse_seconds is None and spent.pulse_joules is None and "weights.update.pulse_energy" in spent.unpriced
    )
    assert pushed(Resistive(0.1), np.full(COUNT, 0.5)).spent.pulse_seconds == 0
