"""Digits learned by pulsed devices, each way to write them beside exact descent; five seeds, means with 95 % intervals.

    python -m tests.benchmarks.pulsed                  all ways (about a minute and a half of one core)
    python -m tests.benchmarks.pulsed coincidence 2    one of them, with two seeds

The network is 64-32-10 (tanh, softmax) and learns 1,437 digits for five epochs on the matched law; the other 360 are the test.
The devices are coarse, with soft bounds and an asymmetry that drags weights off zero: 400 pulses over the range, steps up three
times those down, 30 % from pulse to pulse and from device to device. Rates and the other settings were chosen on the last 287 of
the 1,437 digits, learning from the others, with two other seeds; what is not named here are the ports' own defaults.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits

from emulator import Coincidence, Network, ParameterPort, Resistive, train
from emulator.learning import MixedPrecision, RateSchedule, SymmetricPair, TikiTaka
from hwmodels import PulsedUpdate, Weights

UPDATE = PulsedUpdate(pulses=400, shape="linear", nonlinearity=1.0, asymmetry=0.5, write_noise=0.3, step_spread=0.3)
WEIGHTS = Weights(g_max="20 uS", differential=False, update=UPDATE)
TOP, EPOCHS, SEEDS = 2.0, 5, 5
WAYS: dict[str, Callable[[], ParameterPort]] = {
    "exact": lambda: Resistive(0.05),
    "coincidence": lambda: Coincidence(0.1, WEIGHTS, TOP),
    "mixed-precision": lambda: MixedPrecision(0.1, WEIGHTS, TOP),
    "symmetric-pair": lambda: SymmetricPair(0.2, WEIGHTS, TOP),
    "tiki-taka, version 1": lambda: TikiTaka(0.05, WEIGHTS, TOP, transfer=0.3, digital=False),
    "tiki-taka, version 2": lambda: TikiTaka(0.05, WEIGHTS, TOP),
    "tiki-taka, chopped": lambda: TikiTaka(0.05, WEIGHTS, TOP, fill=0.5, chop=100),
    "tiki-taka, moving reference": lambda: TikiTaka(0.05, WEIGHTS, TOP, transfer=3.0, chop=5, moving_reference=True),
}


def accuracy(port: ParameterPort, seed: int) -> float:
    """Share of the test digits, of one training."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    draw = np.random.default_rng(seed)
    weights = [draw.normal(size=(32, 64)) / 8, draw.normal(size=(10, 32)) / 6]
    network = Network.mlp(weights, activations="tanh", loss="softmax_cross_entropy")
    result = train(
        network, images[:1437], labels[:1437], test=(images[1437:], labels[1437:]), port=port, epochs=EPOCHS,
        evaluate_every=10**9, target="standalone", seed=seed, hardware_seed=seed,
        rate_schedule=RateSchedule(decay=EPOCHS * 1437),
    )  # fmt: skip
    return result.test_accuracy


def main(only: str | None = None, seeds: int = SEEDS) -> None:
    """Print a row for each way."""
    for name, make in WAYS.items():
        if only not in (None, name):
            continue
        found = 100 * np.array([accuracy(make(), seed) for seed in range(seeds)])
        wide = stats.t.ppf(0.975, seeds - 1) * found.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else float("nan")
        print(f"{name:30} {found.mean():5.1f} +- {wide:.1f} %   ({', '.join(f'{v:.1f}' for v in found)})", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, int(sys.argv[2]) if len(sys.argv) > 2 else SEEDS)
