"""Two-way lines of 32 layers, 16 wide, tanh, as `Bilateral()` makes them: predicted and measured steps of fresh networks.

Run with ``python -m tests.benchmarks.deep [NETWORKS]``: ten of either kind by default, in one program, about two minutes.
One sample of order 1 comes to a blank substrate.
"""

from __future__ import annotations

import sys

import numpy as np

from emulator import Bilateral, Network, compile_network, reference, settle
from emulator.measure.forecast import follow
from emulator.measure.stability import linearised

LAYERS, WIDTH, HOLD = 32, 16, 2600
#: steps within which a network is to settle, random and orthogonal, and by what share a prediction may be off
RANDOM, ORTHOGONAL, CLOSE = 1700, 620, 0.07


def drawn(rng: np.random.Generator, orthogonal: bool) -> np.ndarray:
    """A square weight: normal of variance 1/fan-in, or orthogonal."""
    weight = rng.normal(size=(WIDTH, WIDTH))
    if not orthogonal:
        return weight / np.sqrt(WIDTH)
    q, r = np.linalg.qr(weight)
    return q * np.sign(np.diag(r))


def main(networks: int) -> None:
    """Print every network, and how many of either kind settle in time."""
    for orthogonal, limit in ((False, RANDOM), (True, ORTHOGONAL)):
        kind, steps, close = "orthogonal" if orthogonal else "random", list[float](), 0
        for seed in range(networks):
            rng = np.random.default_rng(1000 + seed)
            network = Network.mlp([drawn(rng, orthogonal) for _ in range(LAYERS)])
            x, y = rng.normal(size=(2, 1, WIDTH))
            graph = compile_network(network, law=Bilateral())
            predicted = follow(graph, linearised(graph, reference(network, x, y)), most=HOLD).within
            run = settle(graph, x, y, target="standalone", hold_seconds=HOLD * graph.step, diagnose=False)
            steps.append(float(run.settling_steps[0]) if run.settled[0] else np.inf)
            close += abs(predicted / steps[-1] - 1) <= CLOSE
            print(f"{kind} {seed}: predicted {predicted:.0f}, measured {steps[-1]:.0f}", flush=True)
        within = sum(one <= limit for one in steps)
        print(
            f"{kind}: {within} of {networks} within {limit}, median {np.median(steps):.0f}; predicted within {CLOSE:.0%}: {close}"
        )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:] or ["10"]))
