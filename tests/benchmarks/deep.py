"""Two-way lines of 32 layers, 16 wide, tanh, as `Bilateral()` makes them: predicted and measured steps of fresh networks.

Run with ``python -m tests.benchmarks.deep [NETWORKS]``: ten of either kind by default, each a minute or so on the numpy target.
One sample of order 1 comes to a blank substrate, held for twice as long as predicted.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from emulator import Bilateral, Network, compile_network, reference, settle
from emulator.measure.forecast import settling_steps
from emulator.measure.settling import hold_for

LAYERS, WIDTH, MOST = 32, 16, 3400


def drawn(rng: np.random.Generator, orthogonal: bool) -> np.ndarray:
    """A square weight: normal of variance 1/fan-in, or orthogonal."""
    weight = rng.normal(size=(WIDTH, WIDTH))
    if not orthogonal:
        return weight / np.sqrt(WIDTH)
    q, r = np.linalg.qr(weight)
    return q * np.sign(np.diag(r))


def main(networks: int) -> None:
    """Print every network."""
    for orthogonal in (False, True):
        for seed in range(networks):
            rng = np.random.default_rng(1000 + seed)
            network = Network.mlp([drawn(rng, orthogonal) for _ in range(LAYERS)])
            x, y = rng.normal(size=(2, 1, WIDTH))
            graph = compile_network(network, law=Bilateral())
            predicted = settling_steps(graph, reference(network, x, y), most=MOST)
            hold = math.ceil(min(MOST, max(2 * predicted, hold_for(graph, predicted + 1))))
            run = settle(graph, x, y, target="numpy", hold_seconds=hold * graph.step, diagnose=False)
            steps = f"{run.settling_steps[0]}" if run.settled[0] else f"more than {hold}"
            print(
                f"{'orthogonal' if orthogonal else 'random'} {seed}: predicted {predicted:.0f}, measured {steps}",
                flush=True,
            )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:] or ["10"]))
