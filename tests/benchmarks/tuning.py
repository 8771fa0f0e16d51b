"""What tuning brings, predicted and then measured in brian2 (about four minutes).

    python -m tests.benchmarks.tuning            all cases
    python -m tests.benchmarks.tuning one-step   one of: one-step, one-to-five, five-layers

Random tanh networks (weights N(0, 1/fan-in), squared loss) on two-way lines; the data are scikit-learn's digits. "blank"
is the slowest of the samples when each is presented to a blank substrate, "in a row" when they follow each other, which
is what is tuned. The first four samples are tuned for, and twelve are measured.
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from emulator import Bilateral, Network, ParallelRL, SeriesRC, compile_network, settle, tune
from emulator.measure import reference
from emulator.measure.forecast import settling_steps
from emulator.measure.rest import operating_point
from tests.substrate import delays

TUNED, MEASURED = 4, 12


@dataclass(frozen=True)
class Case:
    """A substrate, the laws that are tuned on it, and what is to be reached."""

    sizes: tuple[int, ...]
    longest: int
    laws: dict[str, tuple[Bilateral, tuple[str, ...]]]


HAND = Bilateral(1.6, 4.0, far_end=SeriesRC(2.0, 3.0))
BOTH = Bilateral(1.0, 4.0, far_end=SeriesRC(2.0, 3.0), source_end=ParallelRL())
LADDER = {
    "bandwidth and impedance alone": (Bilateral(0.3, bandwidth=0.3), ("bandwidth", "impedance")),
    "hand grid: taper 4, R = 2 Z, C = 3 d/Z": (HAND, ()),
    "far end, impedance, taper": (HAND, ("impedance", "taper", "bandwidth", "far_end")),
    "both ends, impedance, taper": (BOTH, ("impedance", "taper", "bandwidth", "far_end", "source_end")),
}
UNIFORM = Bilateral(0.3, far_end=SeriesRC(1.0, 4.0))
FIVE = {
    "uniform impedance, R = Z, C = 4 d/Z": (UNIFORM, ("impedance",)),
    "uniform impedance, best far end": (UNIFORM, ("impedance", "bandwidth", "far_end")),
    "far end, impedance, taper": (HAND, ("impedance", "taper", "bandwidth", "far_end")),
    "both ends, impedance, taper": (BOTH, ("impedance", "taper", "bandwidth", "far_end", "source_end")),
}
CASES = {
    "one-step": Case((64, 32, 10), 1, LADDER),
    "one-to-five": Case((64, 32, 10), 5, LADDER),
    "five-layers": Case((64, 32, 32, 32, 32, 10), 1, FIVE),
}


def network(sizes: tuple[int, ...]) -> Network:
    """A tanh network with weights N(0, 1/fan-in)."""
    rng = np.random.default_rng(0)
    return Network.mlp([rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)])


def digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images, and their classes one-hot."""
    data = load_digits()
    return data.data[:count] / 16, np.eye(10)[data.target[:count]]


def measured(graph, images, targets, hold: int) -> tuple[float, float, float]:
    """Slowest sample in a row and from blank (inf if one never settles), and the largest error of a costate."""
    how = {"hold_seconds": hold * graph.step, "diagnose": False}
    row = settle(graph, images, targets, **how)
    alone = [settle(graph, images[k : k + 1], targets[k : k + 1], **how) for k in range(TUNED)]
    steps = [float(r.settling_steps.max()) if r.settled.all() else np.inf for r in (row, *alone)]
    return steps[0], max(steps[1:]), row.errors(reference(graph.network, images, targets))["costate"]


def run(name: str, console: Console) -> None:
    """Tune and measure one case."""
    case = CASES[name]
    made, (images, targets) = network(case.sizes), digits(MEASURED)
    exact = reference(made, images, targets)
    shape = "-".join(map(str, case.sizes))
    lines = "lines of one step" if case.longest == 1 else f"lines of 1 to {case.longest} steps, drawn at random"
    table = Table(
        "law", "predicted", "in a row", "blank", "costate error", "search, s", title=f"{shape}, {lines}: steps to 1e-3"
    )
    for label, (law, only) in case.laws.items():
        graph, begun = compile_network(made, law=law, hardware=delays(1, case.longest), seed=1), time.perf_counter()
        if only:
            law = tune(graph, images[:TUNED], targets[:TUNED], only=only).after.law
        seconds = time.perf_counter() - begun
        graph = compile_network(made, law=law, hardware=delays(1, case.longest), seed=1)
        points = [operating_point(graph, exact, k) for k in range(MEASURED)]
        before = [None, *points]
        predicted = max(settling_steps(graph, p, before=b) for p, b in zip(points, before, strict=False))
        hold = int(min(1.5 * predicted + 50, 4000))
        row, blank, error = measured(graph, images, targets, hold)
        table.add_row(label, f"{predicted:.0f}", f"{row:.0f}", f"{blank:.0f}", f"{error:.0e}", f"{seconds:.0f}")
        console.print(f"{label}: {law}", style="dim")
    console.print(table)


def main(names: list[str]) -> None:
    """Run the named cases, or all."""
    console = Console(width=130)
    for name in names or CASES:
        run(name, console)


if __name__ == "__main__":
    main(sys.argv[1:])
