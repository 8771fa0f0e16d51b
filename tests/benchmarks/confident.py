"""Samples that are classified with confidence: their costates are small differences, and rounding is no difference.

    python -m tests.benchmarks.confident [--samples 40]         needs ngspice; some minutes

Three networks are trained on digits until they are sure of most of them; of each, the samples with the smallest loss are
exported and verified. Printed are the least and the largest output costate among them, and the worst figure of every
comparison as a share of what is allowed. The exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from emulator import reference
from emulator.export import spice, verify
from emulator.scenario import load_scenario
from emulator.scenario.build import prepare

#: overrides of the scenario that make each network
NETWORKS = {
    "relu": ("network.activation=relu", "network.l2=1e-6", "network.iterations=2000"),
    "tanh": ("network.activation=tanh", "network.l2=1e-6", "network.iterations=2000"),
    "relu, two layers": (
        "network.hidden=[24, 16]", "network.activation=relu", "network.l2=1e-7", "network.iterations=2000",
    ),
}  # fmt: skip


def confident(name: str, samples: int):
    """Graph, inputs and targets of a network's most confident samples, and their largest output costates."""
    ready = prepare(load_scenario("digits", list(NETWORKS[name])))
    graph, batch = ready.graph, ready.batch
    exact = reference(graph.network, batch.inputs, batch.targets)
    order = np.argsort(exact.loss)[:samples]
    size = np.abs(exact.costates[graph.network.output][order]).max(axis=1)
    return graph, batch.inputs[order], batch.targets[order], size


@dataclass(frozen=True)
class Outcome:
    """How many samples of a network agree, and the largest share of what is allowed by comparison."""

    agreed: int
    costates: tuple[float, float]
    worst: dict[str, float]


def outcome(name: str, samples: int) -> Outcome:
    """Export and verify a network's most confident samples; what differs is printed."""
    graph, inputs, targets, size = confident(name, samples)
    worst: dict[str, float] = {}
    agreed = 0
    for k in range(len(targets)):
        with tempfile.TemporaryDirectory() as room:
            spice(graph, Path(room) / "out", inputs, targets, sample=k)
            found = verify(Path(room) / "out", limit=600)
        agreed += found.agrees
        for check in found.checks:
            worst[check.name] = max(worst.get(check.name, 0.0), check.deviation / check.allowed)
            if not check.agrees:
                print(f"{name}, sample {k}: {check}", flush=True)
    return Outcome(agreed, (float(size.min()), float(size.max())), worst)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=40)
    arguments = parser.parse_args()
    kinds = ("operating point", "waveforms", "settled values")
    table = Table("network", "agree", "output costates", *kinds)
    failed = False
    for name in NETWORKS:
        found = outcome(name, arguments.samples)
        failed |= found.agreed < arguments.samples
        shares = [f"{found.worst[kind]:.1e}" if kind in found.worst else "" for kind in kinds]
        low, high = found.costates
        table.add_row(name, f"{found.agreed} of {arguments.samples}", f"{low:.1e} to {high:.1e}", *shares)
    Console(width=130).print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
