"""Settled samples a second of two-way lines, with and without learning, beside ngspice on the same circuit (two minutes).

    python -m tests.benchmarks.bilateral

Random tanh networks, every line of one step, tapered impedances and a series RC at the far end of every line. brian2 presents
samples one after another from a compiled program (compile time apart); ngspice solves the transient of one sample on the
exported netlist, with the same hold. Both are checked against exact backpropagation. Times are processor time of the compiled
program and of ngspice, the least of some runs, so that neighbours on the machine disturb them little.
"""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from emulator import Network, compile_network, reference, settle
from emulator.export import Options, spice
from emulator.export.bundle import TRAN
from emulator.export.ngspice import run_ngspice
from emulator.learning import Learning, Resistive
from emulator.training.substrate import Substrate
from tests.benchmarks.figures import RC_TAPER_4, digits
from tests.substrate import delays
from tests.support.circuits import node

HOLD, REPEATS = 80, 5
#: samples a second when waves went through event queues: settling, and learning
BEFORE = {False: 175, True: 100}


def spent(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of the processes that work starts, the least of some runs, and what the last one returned."""
    found, result = [], None
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = work()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(found), result


def settled(graph, images: np.ndarray, targets: np.ndarray) -> tuple[float, str]:
    """Samples a second that settle, and what came of them."""
    how = {"hold_seconds": HOLD * graph.step, "target": "standalone", "diagnose": False}
    settle(graph, images, targets, **how)
    seconds, run = spent(lambda: settle(graph, images, targets, **how))
    exact = reference(graph.network, images, targets).states[graph.network.output]
    error = np.abs(run.held_states[graph.network.output] - exact).max() / np.abs(exact).max()
    return len(images) / seconds, f"{run.settled.mean():.0%} settled to 1e-3, output error {error:.0e}"


def learned(graph, images: np.ndarray, targets: np.ndarray) -> float:
    """Samples a second when every one is learned from."""
    learning, feed = Learning(Resistive(1e-3), schedule="settled"), np.hstack([images, targets])
    substrate = Substrate(graph, learning, HOLD, len(feed), 0, 0.0, "standalone")
    rates, state = np.ones((len(feed), 3)), substrate.initial()
    return len(feed) / spent(lambda: substrate.train(state, feed, rates, 1))[0]


def simulated(graph, image: np.ndarray, target: np.ndarray, termination: str, room: Path) -> tuple[float, float]:
    """Seconds of ngspice for the transient of one sample, and the largest relative error of the outputs."""
    options = Options(circuit="bilateral", termination=termination)  # type: ignore[arg-type]
    spice(graph, room, image, target, options=options, hold=float(HOLD))
    seconds, saved = spent(lambda: run_ngspice(room / TRAN, 600))
    exact = reference(graph.network, image, target).states[graph.network.output][0]
    last = len(graph.sites) - 1
    found = np.array([node(saved, f"x{last}_{k}")[-1] for k in range(len(exact))]) / options.volts
    return seconds, float(np.abs(found - exact).max() / np.abs(exact).max())


def problems() -> Iterator[tuple[str, Any, np.ndarray, np.ndarray]]:
    """Name, graph, and data of digits, and of a network as wide as images of handwriting are."""
    data, rng = load_digits(), np.random.default_rng(0)
    graph = compile_network(digits()[0], law=RC_TAPER_4, hardware=delays(1, 1))
    yield "64-32-10", graph, data.data[:500] / 16, np.eye(10)[data.target[:500]]
    sizes = (784, 128, 10)
    network = Network.mlp([rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)])
    graph = compile_network(network, law=RC_TAPER_4, hardware=delays(1, 1))
    yield "784-128-10", graph, rng.uniform(size=(100, 784)), rng.normal(size=(100, 10))


def main() -> None:
    """Print the rates and the ratios."""
    console = Console(width=130)
    console.print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; processor time")
    table = Table(f"hold {HOLD} steps", "us a step", "samples/s", "notes")
    rates: dict[str, float] = {}
    for name, graph, images, targets in problems():
        for learning in (False, True):
            rate, note = (learned(graph, images, targets), "") if learning else settled(graph, images, targets)
            if name == "64-32-10":
                note += f" {rate / BEFORE[learning]:.0f} times the {BEFORE[learning]} of event queues"
            table.add_row(name + ", learning" * learning, f"{1e6 / rate / HOLD:.2f}", f"{rate:,.0f}", note.strip())
            rates.setdefault(name, rate)
    if shutil.which("ngspice") is None:
        console.print(table, "ngspice is not installed: no ratio", sep="\n")
        return
    name, graph, images, targets = next(problems())
    for termination in ("stub", "lumped"):
        with tempfile.TemporaryDirectory(prefix="backwave-bench-") as room:
            seconds, error = simulated(graph, images[:1], targets[:1], termination, Path(room) / "export")
        note = f"output error {error:.0e}; brian2 is {seconds * rates[name]:,.0f} times as fast"
        table.add_row(f"ngspice, {name}, {termination}", "", f"{1 / seconds:.2g}", note)
    console.print(table)


if __name__ == "__main__":
    main()
