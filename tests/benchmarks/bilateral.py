"""Settled samples a second of two-way lines, beside ngspice on the same circuit (about a minute).

    python -m tests.benchmarks.bilateral

A random 64-32-10 tanh network, every line of one step, tapered impedances and a series RC at the far end of every line.
brian2 presents samples one after another from a compiled program (compile time apart); ngspice solves the transient of
one sample on the exported netlist, with the same hold. Both are checked against exact backpropagation.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from emulator import compile_network, reference, settle
from emulator.export import Options, spice
from emulator.export.ngspice import run_ngspice
from emulator.export.spice_files import TRAN
from tests.benchmarks.figures import RC_TAPER_4, digits
from tests.substrate import delays

SAMPLES, HOLD, REPEATS = 500, 80, 3


def emulated(graph, images: np.ndarray, targets: np.ndarray) -> tuple[float, float, float, float]:
    """Samples a second, compile seconds, share settled, and the largest relative error of the outputs."""
    how = {"hold_seconds": HOLD * graph.step, "target": "standalone", "diagnose": False}
    built = settle(graph, images, targets, **how)
    runs = [settle(graph, images, targets, **how) for _ in range(REPEATS)]
    seconds = min(run.times["run"] for run in runs)
    exact = reference(graph.network, images, targets).states[graph.network.output]
    error = np.abs(runs[0].held_states[graph.network.output] - exact).max() / np.abs(exact).max()
    return len(images) / seconds, built.times["build"], float(runs[0].settled.mean()), float(error)


def simulated(graph, image: np.ndarray, target: np.ndarray, termination: str, room: Path) -> tuple[float, float]:
    """Seconds of ngspice for the transient of one sample, and the largest relative error of the outputs."""
    options = Options(circuit="bilateral", termination=termination)  # type: ignore[arg-type]
    spice(graph, room, image, target, options=options, hold=float(HOLD))
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        saved = run_ngspice(room / TRAN, 600)
        times.append(time.perf_counter() - begun)
    exact = reference(graph.network, image, target).states[graph.network.output][0]
    found = np.array([saved[f"v({node})"][-1] for node in _outputs(saved, len(exact))]) / options.volts
    return min(times), float(np.abs(found - exact).max() / np.abs(exact).max())


def _outputs(saved: dict[str, np.ndarray], count: int) -> list[str]:
    """Nodes of the output's states: the last row of neurons whose name starts with an x."""
    names = [name[2:-1] for name in saved if name.startswith("v(x")]
    last = max(names, key=lambda name: int(name.partition("_")[0].lstrip("x"))).partition("_")[0]
    return [f"{last}_{k}" for k in range(count)]


def main() -> None:
    """Time both and print the ratio."""
    console, data = Console(width=120), load_digits()
    network, _, _ = digits()
    images, targets = data.data[:SAMPLES] / 16, np.eye(10)[data.target[:SAMPLES]]
    graph = compile_network(network, law=RC_TAPER_4, hardware=delays(1, 1))
    rate, compiled, settled, error = emulated(graph, images, targets)
    table = Table(f"64-32-10, hold {HOLD} steps", "s per sample", "samples/s", "output error", "notes")
    note = f"{settled:.0%} settled to 1e-3; compiled in {compiled:.1f} s"
    table.add_row("brian2, compiled", f"{1 / rate:.2g}", f"{rate:.0f}", f"{error:.0e}", note)
    if shutil.which("ngspice") is None:
        console.print(table, "ngspice is not installed: no ratio", sep="\n")
        return
    for termination in ("stub", "lumped"):
        with tempfile.TemporaryDirectory(prefix="backwave-bench-") as room:
            seconds, error = simulated(graph, images[:1], targets[:1], termination, Path(room) / "export")
        note = f"terminations: {termination}; brian2 is {seconds * rate:.0f} times as fast"
        table.add_row("ngspice", f"{seconds:.2g}", f"{1 / seconds:.2g}", f"{error:.0e}", note)
    console.print(table)


if __name__ == "__main__":
    main()
