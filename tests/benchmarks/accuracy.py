"""Accuracy on digits: the substrate beside exact gradient descent, and beside itself with short words and noise.

Run with ``python -m tests.benchmarks.accuracy [SIZES ...] [--seeds N]``, for example ``64-32-10``; without sizes, both.
Mean, standard deviation and extremes over the seeds, on the 360 test images. Everything runs inside the compiled
program; exact descent has the same images in the same order and the same rates, in NumPy.

With ``--select`` the settings are chosen anew: four-fold cross-validation within the 1437 training images, over `GRID`;
the 360 test images are not touched. `CHOSEN` is the first row that this printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from emulator import Network, reference
from emulator.data.digits import split_digits
from emulator.learning import RateSchedule, Resistive
from emulator.runs.train import train
from emulator.scenario.networks import RandomMlp
from emulator.training.baselines import baseline
from emulator.training.streams import open_stream
from hwmodels import HardwareModel, load


@dataclass(frozen=True)
class Settings:
    """What is chosen: the rate falls along half a cosine to 0, initial weights are N(0, scale^2 / fan-in)."""

    rate: float
    scale: float
    epochs: int


CHOSEN = {"64-32-10": Settings(0.05, 2.0, 60), "64-64-64-10": Settings(0.02, 2.0, 60)}
GRID = [Settings(*row) for row in product((0.02, 0.05), (2.0, 3.0), (30, 60))]
FOLDS, FOLD_SEEDS = 4, 2
CHUNK = 2200


def words_and_noise() -> HardwareModel:
    """Waves of 6 bits both ways, and receivers with noise of 1 % of the full scale."""
    bits = {f"precision.{way}.bits": 6 for way in ("forward", "backward")}
    return load("ideal").replace({**bits, "noise.receiver": 0.01})


def network_of(sizes: str, settings: Settings, seed: int) -> Network:
    """The initial network."""
    widths = [int(part) for part in sizes.split("-")]
    source = RandomMlp(source="random-mlp", sizes=widths, loss="softmax_cross_entropy", scale=settings.scale, seed=seed)
    return source.build(Path()).network


def on_substrate(sizes, settings, seed, images, tested, hardware="ideal") -> float:
    """Test accuracy of one training inside brian2; NaN if it diverged."""
    total = settings.epochs * len(images[1])
    found = train(
        network_of(sizes, settings, seed), *images, port=Resistive(settings.rate), samples=total,
        rate_schedule=RateSchedule(decay=total), test=tested, evaluate_every=total, hardware=hardware, seed=seed,
        hardware_seed=seed, chunk=CHUNK, target="standalone",
    )  # fmt: skip
    return found.test_accuracy if found.status == "finished" else float("nan")


def by_descent(sizes, settings, seed, images, tested) -> float:
    """Test accuracy of exact online gradient descent."""
    network, total = network_of(sizes, settings, seed), settings.epochs * len(images[1])
    rates = RateSchedule(decay=total)
    trained = baseline("descent", network, open_stream(network, *images, seed=seed), settings.rate, rates, total)
    outputs = reference(trained, tested[0]).states[trained.output]
    return float((outputs.argmax(axis=1) == tested[1]).mean())


def folds() -> Iterator[tuple]:
    """Training and validation parts of the 1437 images."""
    data = split_digits()
    for kept, held in StratifiedKFold(FOLDS, shuffle=True, random_state=1).split(data.train_inputs, data.train_labels):
        yield tuple((data.train_inputs[part], data.train_labels[part]) for part in (kept, held))


def select(sizes: str) -> None:
    """Print the settings of the grid, best validation accuracy first."""
    rows = []
    for settings in GRID:
        found = [on_substrate(sizes, settings, s, *fold) for fold in folds() for s in range(FOLD_SEEDS)]
        rows.append((float(np.mean(found)), settings))
        print(f"# {sizes} {settings}: {rows[-1][0]:.3%}", file=sys.stderr, flush=True)
    for mean, settings in sorted(rows, key=lambda row: -row[0]):
        print(f"{sizes:>12}  {mean:.2%} on validation  {settings}")


def measure(sizes: str, seeds: int) -> None:
    """Print the test accuracies with the chosen settings."""
    data, settings = split_digits(), CHOSEN[sizes]
    images, tested = (data.train_inputs, data.train_labels), (data.test_inputs, data.test_labels)
    print(f"{sizes}, {settings}, {seeds} seeds")
    for name, run in (
        ("substrate, ideal", lambda s: on_substrate(sizes, settings, s, images, tested)),
        ("substrate, 6 bits, 1 % noise", lambda s: on_substrate(sizes, settings, s, images, tested, words_and_noise())),
        ("exact descent", lambda s: by_descent(sizes, settings, s, images, tested)),
    ):
        found = np.array([run(seed) for seed in range(seeds)])
        spread = found.std(ddof=1) if seeds > 1 else 0.0
        print(f"  {name:<30} {found.mean():.2%} +- {spread:.2%}  ({found.min():.2%} to {found.max():.2%})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--select", action="store_true")
    options = parser.parse_args()
    for text in options.sizes or CHOSEN:
        if options.select:
            select(text)
        else:
            measure(text, options.seeds)
