"""Weights that spread as the hardware's devices do: ngspice's Monte-Carlo against the emulator's own, run by run in brian2.

    python -m tests.benchmarks.mismatch [--runs 300]        needs ngspice

A 4-3-2 network, programmed anew in every run: in ngspice by the spread that its netlist carries (one seed per run), in
brian2 by the hardware model (one substrate per run, settled). Printed are mean and standard deviation of the error of each
output with their 95 % confidence intervals, which must overlap; the exit status is 1 if they do not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from emulator import compile_network, reference, settle
from emulator.export import Options, spice
from emulator.export.ngspice import run_ngspice
from tests.substrate import delays
from tests.support.circuits import chain, sample

Floats = NDArray[np.float64]
NOISY = {
    "weights.g_max": 25e-6,
    "weights.programming": {"kind": "polynomial", "coefficients": [1e-7, 2e-7], "reference": 25e-6},
}
SIZES = (4, 3, 2)
HARDWARE = delays(1, 1).replace(NOISY)
#: standard errors of a 95 % confidence interval
CONFIDENCE = 1.96


def exact() -> Floats:
    """Output of the network without any spread."""
    graph = chain(SIZES)
    return reference(graph.network, *sample(graph)).states["h1"][0]


def of_ngspice(runs: int) -> Floats:
    """Output errors (runs, 2) of the exported circuit, with its mismatch on."""
    graph = compile_network(chain(SIZES).network, hardware=HARDWARE, seed=1)
    found = []
    with tempfile.TemporaryDirectory() as room:
        spice(graph, Path(room) / "out", *sample(graph), options=Options(mismatch=True))
        bench = Path(room) / "out" / "tb_op.cir"
        text = bench.read_text().replace(".op\n", ".param bw_mm=1\n.op\n")
        for seed in range(1, runs + 1):
            bench.write_text(text.replace("seed=1", f"seed={seed}"))
            saved = run_ngspice(bench, 60)
            found.append([saved["v(x2_0)"][0], saved["v(x2_1)"][0]])
    return np.array(found) - exact()


def of_brian2(runs: int) -> Floats:
    """Output errors (runs, 2) of as many substrates, each settled in brian2."""
    base, found = chain(SIZES), []
    inputs, targets = sample(base)
    for seed in range(runs):
        graph = compile_network(base.network, hardware=HARDWARE, seed=seed)
        found.append(settle(graph, inputs, targets, target="numpy", diagnose=False).states["h1"][0])
    return np.array(found) - exact()


def agree(a: Floats, b: Floats, errors: float) -> bool:
    """Whether mean and spread of two samples agree within so many of their standard errors."""
    mean = np.abs(a.mean(0) - b.mean(0)) <= errors * np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
    ratio = np.abs(np.log(a.std(0) / b.std(0))) <= errors * np.sqrt(0.5 / len(a) + 0.5 / len(b))
    return bool(mean.all() and ratio.all())


def main() -> int:
    """Print both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=300)
    runs = parser.parse_args().runs
    table = Table("output", "of", "mean error", "standard deviation")
    both = {"ngspice": of_ngspice(runs), "brian2": of_brian2(runs)}
    for k in range(SIZES[-1]):
        for name, found in both.items():
            mean, spread = found[:, k].mean(), found[:, k].std(ddof=1)
            wide, about = CONFIDENCE * spread / runs**0.5, CONFIDENCE * spread / (2 * runs) ** 0.5
            table.add_row(str(k), name, f"{mean:.5f} ± {wide:.5f}", f"{spread:.5f} ± {about:.5f}")
    Console().print(table)
    same = agree(*both.values(), 2 * CONFIDENCE / 2**0.5)
    print("the intervals overlap" if same else "the intervals do not overlap")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
