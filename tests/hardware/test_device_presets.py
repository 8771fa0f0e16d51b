"""Trains of pulses on every device preset against the formulas of its source, written out anew in the source's own units."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from emulator import Coincidence, Network
from emulator.runs.train import train
from hwmodels import device_presets, load

COUNT = 1000
Floats = np.ndarray


@dataclass
class Law:
    """A device as its source has it: steps up and down from a weight, given the ends of its range."""

    low: float
    high: float
    dw: float
    up: Callable[[Floats, Floats, Floats], Floats]
    down: Callable[[Floats, Floats, Floats], Floats]
    noise: float = 0.0
    multiplied: bool = True
    shown: float = 0.0
    spread: float = 0.0
    lognormal: bool = False
    skew: float = 0.0
    ends: tuple[float, float] = (0.0, 0.0)  # relative spreads of the upper and of the lower end

    def trains(self, signs: list[int], start: float, draw: np.random.Generator) -> Floats:
        """Weights of many devices after pulses with these signs."""
        own = [draw.normal(size=COUNT) for _ in range(4)]
        high, low = self.high * (1 + self.ends[0] * own[0]), self.low * (1 + self.ends[1] * own[1])
        width = self.high - self.low
        inside = 0.05 * width  # weight 0, where a step is `dw`, stays in every device's range
        high = np.clip(high, max(self.high - 0.45 * width, inside), self.high + 0.45 * width)
        low = np.clip(low, self.low - 0.45 * width, min(self.low + 0.45 * width, max(self.low, -inside)))
        gain = np.exp(self.spread * own[2]) if self.lognormal else np.maximum(1 + self.spread * own[2], 0)
        w = np.full(COUNT, start)
        for sign in signs:
            shape = self.up(w, low, high) if sign > 0 else self.down(w, low, high)
            scale = gain * (1 + sign * self.skew * own[3]) * self.dw
            luck = self.noise * draw.normal(size=COUNT)
            w = np.clip(w + sign * scale * (shape * (1 + luck) if self.multiplied else shape + luck), low, high)
        return w + self.shown * self.dw * draw.normal(size=COUNT)


def soft(dw: float, noise: float, shown: float, spread: float, ends: tuple[float, float]) -> Law:
    up, down = lambda w, low, high: 1 - w / high, lambda w, low, high: 1 - w / low
    return Law(-1, 1, dw, up, down, noise, False, shown, spread, True, 0.01, ends)


def linear(
    low: float,
    high: float,
    dw: float,
    slopes: tuple[float, float],
    noise: float,
    multiplied: bool,
    skew: float,
    end: float,
) -> Law:
    up, down = lambda w, *_: 1 - slopes[0] * w / high, lambda w, *_: 1 - slopes[1] * w / low
    return Law(low, high, dw, up, down, noise, multiplied, 0.0, 0.1, False, skew, (end, end))


def along(w: Floats, low: Floats, high: Floats) -> Floats:
    return (w - low) / (high - low)


def on_curve(w: Floats, label: float, more: int) -> Floats:
    """Weight after `more` pulses on the curve of 32 levels of a nonlinearity that stands for this share of them."""
    a, b = 32 * label, 2 / (1 - np.exp(-1 / label))
    pulses = -a * np.log(1 - (w + 1) / b)
    return b * (1 - np.exp(-(pulses + more) / a)) - 1


ONE = lambda w, *_: np.ones_like(w)  # noqa: E731
SOURCES = {
    "rram-gong": Law(
        -1, 1, 0.00135,
        lambda w, low, high: 1 + 1.18445 * np.exp(-5 * along(w, low, high)),
        lambda w, low, high: (1 - 0.259359) * (1 + 0.081404 * np.exp(5 * along(w, low, high))),
        5.0, True, 75.0, 0.2, False, 0.05, (0.3, 0.3),
    ),
    "rram-gong-soft": Law(
        -0.75, 1.25, 0.002, lambda w, low, high: 1 - w / high, lambda w, low, high: 1 - w / low,
        3.75, False, 56.0, 0.3, False, 0.01, (0.3 / 1.25, 0.3 / 0.75),
    ),
    "rram-array-om": soft(0.0949, 0.4158, 1.4113, 0.7829, (0.3499, 0.5695)),
    "rram-array-hfo2": soft(0.4622, 0.2174, 0.5841, 0.7125, (0.4295, 0.5990)),
    "ecram": linear(-0.8276, 1.1724, 0.002, (0.1153, 0.5085), 0.3, True, 0.01, 0.05),
    "ecram-mo": linear(-0.8286, 1.1714, 2.8214e-4, (0.4152, 0.7342), 2.0, True, 0.01, 0.05),
    "capacitor-cell": linear(-1, 1, 0.005, (0.05, 0.05), 0.3, False, 0.06, 0.07),
    "pcm-pair": Law(
        0, 2, 0.01, lambda w, low, high: 1 + 27.235 * np.exp(-5 * w / high), ONE, 0.6, spread=0.2, skew=0.05, ends=(0.1, 0.0)
    ),
    "rpu-specification": Law(-1, 1, 0.0016, ONE, ONE, 0.3, spread=0.3, skew=0.01, ends=(0.3, 0.3)),
    "rpu-idealized": Law(-1, 1, 0.0002, ONE, ONE, 0.3, spread=0.3, ends=(0.3, 0.3)),
    "fefet": Law(
        -1, 1, 2 / 32, lambda w, *_: 16 * (on_curve(w, 0.702081, 1) - w), lambda w, *_: 16 * (w - on_curve(w, 0.848677, -1)),
        0.096, False,
    ),
}  # fmt: skip
QUICK = ("rram-array-om", "ecram", "pcm-pair")


def test_every_device_has_its_source_here():
    assert set(SOURCES) == set(device_presets())


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SOURCES])
def test_mean_and_spread_of_a_thousand_trains_are_those_of_the_source(name):
    law, weights = SOURCES[name], load(name).weights
    signs = [1] * 24 + ([] if weights.update.one_sided else [-1] * 10)
    x, y = np.ones((len(signs), 1)), np.repeat(1e9 * np.array(signs, float)[:, None], COUNT, axis=1)
    port = Coincidence(1.0, weights, slots=1)
    rest = 0.0 if weights.differential else -1 - 2 * law.low / (law.high - law.low)  # weight 0 of the source
    network = Network.mlp([np.full((COUNT, 1), rest)], loss="mse")
    # one stretch in the order of the samples, which an epoch would shuffle
    samples = iter(zip(x, y, strict=True))
    found = (
        train(network, samples, port=port, target="numpy", seed=4, chunk=len(signs))
        .network.parameters["s1"]
        .weight[:, 0]
    )
    place = found if weights.differential else (1 + found) / 2
    got = law.low + place * (law.high - law.low)
    many = [law.trains(signs, 0.0, np.random.default_rng(k)) for k in range(40)]
    mean, spread = np.mean(many), np.mean([w.std() for w in many])
    z_mean = (got.mean() - mean) / (spread / math.sqrt(COUNT))
    z_spread = (got.std() - spread) / np.std([w.std() for w in many])
    assert abs(z_mean) < 4 and abs(z_spread) < 4, (z_mean, z_spread)


def test_stuck_and_worn_devices_of_a_preset_stay():
    weights = load("pcm-pair").weights
    weights = weights.model_copy(
        update={"stuck_low": 0.3, "update": weights.update.model_copy(update={"endurance": 3.0, "write_noise": 0.0})}
    )
    x, y = np.ones((8, 1)), np.full((8, COUNT), 1e9)
    network = Network.mlp([np.zeros((COUNT, 1))], loss="mse")
    port = Coincidence(1.0, weights, slots=1)
    found = train(network, x, y, port=port, samples=8, target="numpy").network.parameters["s1"].weight[:, 0]
    longer = (
        train(network, np.ones((3, 1)), y[:3], port=port, samples=3, target="numpy").network.parameters["s1"].weight
    )
    stuck = found == 0
    assert abs(stuck.mean() - 0.3) < 4 * math.sqrt(0.21 / COUNT)
    np.testing.assert_allclose(found, longer[:, 0], atol=1e-12)
