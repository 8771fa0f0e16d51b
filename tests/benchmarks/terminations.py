"""Terminations of the parameters, side by side: the plain ones, and those that follow the curvature or the effort.

    python -m tests.benchmarks.terminations            both networks (some twenty minutes, compiling included)
    python -m tests.benchmarks.terminations small      digits on 4 x 4 pixels, 16-8-10, with Newton
    python -m tests.benchmarks.terminations digits     digits, 64-32-10, whose layers are too large for Newton

Every port learns the same digits on the matched law, from mini-batches, and is tuned alike: its one setting is tried over factors
of two or so, on seed 0, and the best after one epoch is trained on three other seeds. `samples` are those until the test
loss is below a bound that plain descent reaches. ``Z``, ``H`` and the coefficient ``(Z - H)/(Z + H)`` are measured in the substrate
along each layer's flow (`emulator.terminations`), at the beginning, and after the epoch; medians over updates and layers.
"""

from __future__ import annotations

import sys
import time
from functools import cache
from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from emulator import Adaptive, GaussNewton, Inductive, Network, Newton, ParameterPort, Resistive, terminations, train
from emulator.learning import RateSchedule
from emulator.training import TrainResult

BATCH, TRAINED, SEEDS, BOUND = 20, 1400, (1, 2, 3), 0.6


def ports(small: bool) -> dict[str, list[ParameterPort]]:
    """The settings that are tried, by port."""
    found: dict[str, list[ParameterPort]] = {
        "resistive": [Resistive(rate) for rate in (0.2, 0.4, 0.8, 1.6, 3.2)],
        "inductive, momentum 0.9": [Inductive(rate, 10 / rate) for rate in (0.4, 0.8, 1.6, 3.2, 6.4, 12.8)],
        "adaptive (RMSprop)": [Adaptive(rate, memory=100.0) for rate in (0.012, 0.025, 0.05, 0.1, 0.2)],
        "adaptive (Adam)": [Adaptive(rate, 100.0, 10.0) for rate in (0.012, 0.025, 0.05, 0.1, 0.2)],
        "gauss-newton, approximate": [
            GaussNewton(damping, 2.0, 20.0) for damping in (0.0025, 0.005, 0.01, 0.02, 0.05, 0.1)
        ],
    }
    if small:
        found["newton, full Hessian"] = [Newton(damping, 4.0, 400.0) for damping in (0.002, 0.005, 0.01, 0.03, 0.1)]
    return found


@cache
def data(small: bool) -> tuple[np.ndarray, np.ndarray]:
    """Digits, 0 to 1; small ones are means over 2 x 2 pixels."""
    images, labels = load_digits(return_X_y=True)
    if small:
        images = images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
    order = np.random.default_rng(0).permutation(len(images))
    return images[order] / 16, labels[order]


def network(small: bool, seed: int) -> Network:
    """Random weights N(0, 1/fan-in), one hidden layer of tanh."""
    rng, sizes = np.random.default_rng(seed), (16, 8, 10) if small else (64, 32, 10)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return Network.mlp(weights, None, ["tanh", "identity"], "softmax_cross_entropy")


def learned(small: bool, port: ParameterPort, seed: int, target: str) -> TrainResult:
    """One epoch, with a test after every 100 samples."""
    x, y = data(small)
    tested = x[TRAINED:], y[TRAINED:]
    return train(
        network(small, seed), x[:TRAINED], y[:TRAINED], port=port, batch=BATCH, epochs=1, seed=seed, test=tested,
        evaluate_every=100, chunk=100, rate_schedule=RateSchedule(warm_up=100), target=target,
    )  # fmt: skip


def reached(result: TrainResult) -> float:
    """Samples until the test loss is below the bound; infinite if it never is."""
    samples, losses, _ = result.history.evaluations()
    below = np.flatnonzero(losses < BOUND)
    return float(samples[below[0]]) if len(below) else float("inf")


def curvatures(small: bool, port: ParameterPort, network_: Network, rows: slice) -> tuple[float, float, float, float]:
    """Medians of Z, H and the coefficient along the flow, and the largest reflection."""
    x, y = data(small)
    found = terminations(network_, x[rows], y[rows], port=port, batch=BATCH, epochs=1).parts
    seen = [part for part in found if part.update >= 2]
    median = [float(np.median([getattr(p, n) for p in seen])) for n in ("impedance", "curvature", "coefficient")]
    return median[0], median[1], median[2], max(part.reflection for part in seen)


def compared(console: Console, name: str, small: bool) -> None:
    """One network, every port."""
    target, table = "standalone", Table(
        "port", "setting", "test loss, 1 epoch", "accuracy", f"samples to {BOUND:g}", "Z; H; (Z-H)/(Z+H), beginning",
        "after", "reflected, at most", "learning s", title=name,
    )  # fmt: skip
    for label, tried in ports(small).items():
        tuned = {port: learned(small, port, 0, target) for port in tried}
        best = min(tuned, key=lambda port: tuned[port].test_loss if tuned[port].status == "finished" else np.inf)
        runs = [learned(small, best, seed, target) for seed in SEEDS]
        losses, taken = np.array([run.test_loss for run in runs]), np.array([run.test_accuracy for run in runs])
        until = [reached(run) for run in runs]
        begin = curvatures(small, best, network(small, 1), slice(0, 10 * BATCH))
        after = curvatures(small, best, runs[0].network, slice(0, 10 * BATCH))
        setting = best.damping if isinstance(best, Newton | GaussNewton) else best.rate
        console.print(f"{label}: {setting:g}", style="dim")
        table.add_row(
            label, f"{setting:g}", f"{losses.mean():.3f} +- {losses.std(ddof=1):.3f}",
            f"{taken.mean():.3f} +- {taken.std(ddof=1):.3f}", f"{np.median(until):g}",
            *(f"{z:.3g}; {h:.3g}; {g:.2f}" for z, h, g, _ in (begin, after)),
            f"{max(begin[3], after[3]):.1e}", f"{np.mean([run.times['learning'] for run in runs]):.2g}",
        )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    screen, begun = Console(width=200), time.perf_counter()
    for part in sys.argv[1:] or ("small", "digits"):
        compared(screen, "16-8-10" if part == "small" else "64-32-10", part == "small")
    screen.print(f"{time.perf_counter() - begun:.0f} s")
