"""What stands between the engine and the user: `settle` as a whole beside its compiled run, and the time of one sample.

Run with ``python -m tests.benchmarks.settling``: 64-32-10, matched law, standalone, compile time apart; least of five.
"""

from __future__ import annotations

import os
import time

import numpy as np

from emulator import compile_network, settle
from tests.benchmarks.engine import mlp

REPEATS = 5


def main() -> None:
    """Print both, in wall time and in processor time of this process."""
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    graph, rng = compile_network(mlp([64, 32, 10])), np.random.default_rng(1)
    for samples in (10_000, 1):
        x, y = rng.uniform(size=(samples, 64)), rng.normal(size=(samples, 10)) * 0.3
        settle(graph, x, y, target="standalone")
        found = []
        for _ in range(REPEATS):
            wall, own = time.perf_counter(), time.process_time()
            result = settle(graph, x, y, target="standalone")
            found.append((time.perf_counter() - wall, time.process_time() - own, result.times["run"]))
        whole, python, run = (1e3 * min(column) for column in zip(*found, strict=True))
        print(
            f"{samples:>6,} samples: {whole:8.1f} ms in all, of which the compiled run {run:.1f} ms "
            f"({whole / run:.1f} times), Python {python:.1f} ms"
        )


if __name__ == "__main__":
    main()
