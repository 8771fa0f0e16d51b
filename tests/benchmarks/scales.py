"""What one long training leaves behind: every answer of a stream whose samples have very different scales.

Run with ``python -m tests.benchmarks.scales [SAMPLES]``, by default a million samples, each multiplied by a power of ten
between 1e-6 and 1e6, through a relu network that learns after every one of them, in one run of the compiled program.
Each answer is compared, relative to its own largest output, with that of exact descent in NumPy.
"""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np

from emulator import Network, compile_network
from emulator.learning import Learning, Resistive
from emulator.training.substrate import Substrate

RATE = 1e-15
SIZES = (4, 4, 2)


def stream(samples: int) -> np.ndarray:
    """Inputs and targets (samples, 6) of mixed scale."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(samples, SIZES[0] + SIZES[-1])) * 10.0 ** rng.uniform(-6, 6, size=(samples, 1))


def descend(weights: list[np.ndarray], feed: np.ndarray) -> np.ndarray:
    """Answers of exact online descent; `weights` are left as they are at the end."""
    first, second = weights
    b1, b2 = np.zeros(SIZES[1]), np.zeros(SIZES[2])
    answers = np.empty((len(feed), SIZES[-1]))
    for k, row in enumerate(feed):
        x, y = row[: SIZES[0]], row[SIZES[0] :]
        s = first @ x + b1
        h = np.maximum(s, 0.0)
        answers[k] = second @ h + b2
        lam = answers[k] - y
        mu = (lam @ second) * (s > 0)
        second -= RATE * np.outer(lam, h)
        first -= RATE * np.outer(mu, x)
        b2 -= RATE * lam
        b1 -= RATE * mu
    return answers


def main(samples: int) -> None:
    """Run both and print the errors."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(SIZES)]
    graph = compile_network(Network.mlp(weights, activations=["relu", "identity"]))
    hold = graph.longest_round_trip + 1
    substrate = Substrate(graph, Learning(Resistive(RATE), schedule="settled"), hold, samples, 0, 0.0, "standalone")
    feed, start = stream(samples), [w.copy() for w in weights]
    left = substrate.train(substrate.initial(), feed, np.ones((samples, 3)), 1)
    exact = descend(weights, feed)
    error = np.abs(left.outputs - exact).max(axis=1) / np.abs(exact).max(axis=1)
    print(f"{samples} samples in {left.seconds:.1f} s; largest error of an answer, relative to its own scale:")
    size = np.abs(feed[:, : SIZES[0]]).max(axis=1)
    for low in range(-6, 6, 3):
        chosen = (size >= 10.0**low) & (size < 10.0 ** (low + 3))
        last = chosen & (np.arange(samples) >= samples - samples // 10)
        print(
            f"  inputs of 1e{low:+d} to 1e{low + 3:+d}: {error[chosen].max():.1e}, last tenth {error[last].max():.1e}"
        )
    learned = substrate.network(left.state)
    for name, w, w0 in zip(learned.parameters, weights, start, strict=True):
        moved = np.abs(w - w0).max()
        print(
            f"  weights of {name}: moved by {moved:.1e}, error {np.abs(learned.parameters[name].weight - w).max():.1e}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
