"""What stands between the engine and the user: `settle` as a whole beside its compiled run, and the time of one sample.

Run with ``python -m tests.benchmarks.settling``: 64-32-10, matched law, standalone, compile time apart; least of seven, in
wall time and in processor time, of this process and of the program, since others may use the machine.
"""

from __future__ import annotations

import os
import resource
import time

import numpy as np

from emulator import compile_network, settle
from tests.benchmarks.engine import mlp

REPEATS = 7


def spent() -> tuple[float, float, float]:
    """Wall time, and processor time of this process and of the programs that it ran, in seconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), time.process_time(), children.ru_utime + children.ru_stime


def main() -> None:
    """Print both."""
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    graph, rng = compile_network(mlp([64, 32, 10])), np.random.default_rng(1)
    for samples in (10_000, 1):
        x, y = rng.uniform(size=(samples, 64)), rng.normal(size=(samples, 10)) * 0.3
        settle(graph, x, y, target="standalone")
        found = []
        for _ in range(REPEATS):
            before = spent()
            result = settle(graph, x, y, target="standalone")
            wall, own, program = (after - begun for after, begun in zip(spent(), before, strict=True))
            found.append((wall, own + program, own, program, result.times["run"]))
        wall, used, own, program, run = (1e3 * min(column) for column in zip(*found, strict=True))
        ratios = f" ({wall / run:.2f} and {used / run:.2f} times it)" if samples > 1 else ""
        print(
            f"{samples:>6,} samples: compiled run {run:.1f} ms; settle {wall:.1f} ms of wall time, {used:.1f} ms of "
            f"processor time{ratios}: Python {own:.1f} ms, the program from its start to its end {program:.1f} ms"
        )


if __name__ == "__main__":
    main()
