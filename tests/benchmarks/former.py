"""Is anything slower than it was? This checkout beside a former one, run by run in turn.

    git worktree add ../former COMMIT
    python -m tests.benchmarks.former ../former [--repeats 7] [--law two-way]

Processor time, of the compiled programs alone and with the Python around them, for one call of `settle` or `train`; the least
of some in each checkout, and their ratio (below 1: faster than before). Both checkouts are used through what `emulator` has
always offered, with programs compiled beforehand into caches of their own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

#: what runs in each checkout: reads the name of a case from every line, answers with two times, of programs and of everything
_RUNS = """
import resource, sys, time
import numpy as np
from emulator import Bilateral, Network, Resistive, SeriesRC, compile_network, settle, train
from hwmodels import Steps, load

CASES = {cases}

def work(sizes, longest, hold, count, wiring, law, learns):
    rng, delay = np.random.default_rng(1), Steps(step=1e-9, fewest=1, most=longest)
    network = Network.mlp([rng.normal(size=(b, a)) / np.sqrt(a) * 0.8 for b, a in zip(sizes[1:], sizes)])
    x, y = rng.uniform(size=(count, sizes[0])), rng.normal(size=(count, sizes[-1])) * 0.3
    substrate = {{"hardware": load("ideal").replace({{"lines.delay_forward": delay, "lines.delay_backward": delay}}), "wiring": wiring}}
    if law == "two-way":
        substrate["law"] = Bilateral(1.6, 4.0, far_end=SeriesRC(2.0, 3.0))
    run = {{"hold_seconds": hold * 1e-9, "target": "standalone"}}
    if learns:
        return lambda: train(network, x, y, port=Resistive(1e-3), epochs=1, **substrate, **run)
    graph = compile_network(network, **substrate)
    return lambda: settle(graph, x, y, diagnose=False, **run)

ready = {{}}
for line in sys.stdin:
    name = line.strip()
    if name not in ready:
        ready[name] = work(*CASES[name])
        ready[name]()
    own, before = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ready[name]()
    own, after = time.process_time() - own, resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print(f"@ {{ran}} {{own + ran}}", flush=True)
"""
#: sizes, longest delay, hold in steps, samples, wiring, law, whether it learns
CASES = {
    "64-32-10": ((64, 32, 10), 1, 8, 5000, "tile", "matched", False),
    "64-32-10, synapse wiring": ((64, 32, 10), 1, 8, 3000, "synapse", "matched", False),
    "64-32-10, delays 1 to 5": ((64, 32, 10), 5, 24, 3000, "tile", "matched", False),
    "784-128-10": ((784, 128, 10), 1, 8, 2000, "tile", "matched", False),
    "784-128-10, delays 1 to 5": ((784, 128, 10), 5, 24, 500, "tile", "matched", False),
    "64-32-10, learning": ((64, 32, 10), 1, 8, 5000, "tile", "matched", True),
    "784-128-10, learning": ((784, 128, 10), 1, 8, 1000, "tile", "matched", True),
    "64-32-10, two-way": ((64, 32, 10), 1, 80, 200, "tile", "two-way", False),
    "64-32-10, two-way, learning": ((64, 32, 10), 1, 80, 200, "tile", "two-way", True),
}


class Checkout:
    """A process that measures in one checkout."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        surroundings = os.environ | {"PYTHONPATH": str(folder), "BACKWAVE_CACHE": str(cache)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUNS.format(cases=CASES)],
            cwd=folder, env=surroundings, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def measure(self, name: str) -> tuple[float, float]:
        """Processor seconds of the programs of one call, and of everything."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("@"):
                ran, whole = map(float, line.split()[1:])
                return ran, whole
        raise SystemExit(f"{name}: what runs in {self.folder} has ended")


def measured(former: Path, names: list[str], repeats: int) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Name of each case, and the least two times of it, before and now."""
    with tempfile.TemporaryDirectory(prefix="backwave-bench-") as room:
        here = Path(__file__).parents[2]
        both = [Checkout(folder, Path(room) / str(k)) for k, folder in enumerate((former.resolve(), here))]
        for name in names:
            times = [[one.measure(name) for one in both] for _ in range(repeats)]
            yield name, [(min(ran for ran, _ in of), min(whole for _, whole in of)) for of in zip(*times, strict=True)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("former", type=Path, help="folder of the former checkout")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--law", choices=("matched", "two-way"), help="only cases of this law")
    given = parser.parse_args()
    names = [name for name, case in CASES.items() if given.law in (None, case[5])]
    table = Table("ms of processor time", "programs, before", "now", "ratio", "all, before", "now", "ratio")
    for name, (before, now) in measured(given.former, names, given.repeats):
        cells = [
            text
            for b, n in zip(before, now, strict=True)
            for text in (f"{1e3 * b:.0f}", f"{1e3 * n:.0f}", f"{n / b:.2f}")
        ]
        table.add_row(name, *cells)
    console = Console(width=130)
    console.print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    console.print(table)


if __name__ == "__main__":
    main()
