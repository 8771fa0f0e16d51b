"""What two workers bring, against one: a large batch, a tuning, and a study of chips (about four minutes).

    python -m tests.benchmarks.workers            everything
    python -m tests.benchmarks.workers batch      one of: batch, tune, study
    python -m tests.benchmarks.workers batch --samples 40000

Everything is compiled before. Printed are wall times, which need two idle cores to mean anything, and processor times: of this
process, and of each worker, its start and its compiled programs included. What two workers could bring at most on idle cores is
the processor time of one, over that of this process and the busier worker one after the other; of a batch, whose workers are
threads of this process beside compiled programs, over half of that of both.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from emulator import Bilateral, SeriesRC, compile_network, settle, tune
from emulator.study.run import run_study
from tests.benchmarks.engine import mlp
from tests.benchmarks.figures import digits
from tests.benchmarks.study import study
from tests.substrate import delays

SAMPLES, CHIPS = 20_000, 400
_TICK = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """Seconds of wall, of this process, of all that it started and that ended, and of each of those that lasted."""

    wall: float
    own: float
    ended: float
    workers: list[float]


def _watch(done: threading.Event, found: dict[int, float]) -> None:
    """Processor seconds of the children of this process, with theirs that have ended, by number, until `done` is set."""
    while not done.wait(0.2):
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                number, _, rest = path.read_text().partition(" (")
            except OSError:
                continue
            fields = rest.rpartition(") ")[2].split()
            if int(fields[1]) == os.getpid():
                found[int(number)] = sum(map(int, fields[11:15])) / _TICK


def spent(work: Callable[[], Any]) -> Spent:
    """What a piece of work takes."""
    done, found = threading.Event(), dict[int, float]()
    watch = threading.Thread(target=_watch, args=(done, found))
    wall, before = time.perf_counter(), os.times()
    watch.start()
    work()
    after, wall = os.times(), time.perf_counter() - wall
    done.set()
    watch.join()
    own = after.user - before.user + after.system - before.system
    ended = after.children_user - before.children_user + after.children_system - before.children_system
    return Spent(wall, own, ended, sorted(found.values(), reverse=True))


def batch(folder: Path, samples: int) -> Callable[[int], Any]:
    """A batch of 784-128-10, matched lines, settled."""
    graph, rng = compile_network(mlp([784, 128, 10])), np.random.default_rng(0)
    x, y = rng.uniform(size=(samples, 784)), rng.normal(size=(samples, 10))
    return lambda workers: settle(graph, x, y, target="standalone", workers=workers, diagnose=False)


def tuning(folder: Path, samples: int) -> Callable[[int], Any]:
    """A tuning of two-way lines of 64-32-10."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(4, 64)), rng.normal(size=(4, 10))
    law = Bilateral(1.6, 4.0, far_end=SeriesRC(2.0, 3.0))
    graph = compile_network(digits()[0], law=law, hardware=delays(1, 1))
    return lambda workers: tune(graph, x, y, evaluations=60, workers=workers)


def chips(folder: Path, samples: int) -> Callable[[int], Any]:
    """A study of chips of 64-32-10, 16 images each."""
    made = study(folder, CHIPS)
    run_study(study(folder, 4), folder / "first.sqlite", workers=1)
    return lambda workers: run_study(made, folder / f"{workers}-{time.time()}.sqlite", workers=workers)


CASES = {"batch": batch, "tune": tuning, "study": chips}


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", choices=[[], *CASES], metavar="batch|tune|study")
    asked.add_argument("--samples", type=int, default=SAMPLES, help="of a batch")
    given = asked.parse_args()
    table = Table(
        "", "workers", "wall, s", "this process, s of CPU", "workers, s of CPU", "wall, ratio", "at most, by CPU"
    )
    with tempfile.TemporaryDirectory(prefix="backwave-bench-") as room:
        for name in given.names or CASES:
            work = CASES[name](Path(room), given.samples)
            work(1)
            one, two = (spent(partial(work, workers)) for workers in (1, 2))
            whole = one.own + one.ended
            if name == "batch":
                longest, shares = (two.own + two.ended) / 2, f"programs: {two.ended:.1f}"
            else:
                longest = two.own + max(two.workers)
                shares = ", ".join(f"{value:.1f}" for value in two.workers if value > 0.2)
            table.add_row(name, "1", f"{one.wall:.1f}", f"{one.own:.1f}", f"programs: {one.ended:.1f}", "", "")
            ratios = f"{one.wall / two.wall:.2f}", f"{whole / longest:.2f}"
            table.add_row("", "2", f"{two.wall:.1f}", f"{two.own:.1f}", shares, *ratios)
    console = Console(width=130)
    console.print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    console.print(table)


if __name__ == "__main__":
    main()
