"""How far ngspice's operating point is from the exact forward pass and backpropagation, over random networks.

    python -m tests.benchmarks.operating_point --seeds 1000 1040        both circuits, by default; needs ngspice

Each seed is a network of its own (every activation, skips, both losses), as directional circuit in tile or synapse wiring
and as bilateral circuit, with either kind of synapse. The figure is the largest deviation of any node, relative to the
largest magnitude in its row. The exit status is 1 if it exceeds 1e-8 anywhere, or ngspice fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from emulator import ExportError
from emulator.export import Options
from emulator.export.options import Circuit, Synapse
from tests.support.circuits import operating_point, random_case

ALLOWED = 1e-8


def deviation(seed: int, circuit: Circuit) -> float:
    """Largest deviation of one network; NaN if ngspice fails, which is printed."""
    synapse: Synapse = "transformer" if seed % 2 else "gyrator"
    graph, inputs, targets = random_case(seed, "synapse" if circuit == "directional" and seed % 4 > 1 else "tile")
    with tempfile.TemporaryDirectory() as folder:
        try:
            return operating_point(graph, inputs, targets, Options(circuit, synapse), Path(folder))
        except ExportError as error:
            print(f"seed {seed}, {circuit}: {error}")
            return float("nan")


def main() -> int:
    """Print the worst of each circuit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs=2, type=int, default=(1000, 1040), metavar=("FROM", "TO"))
    parser.add_argument("--circuits", nargs="+", choices=("directional", "bilateral"), default=None)
    arguments = parser.parse_args()
    failed = False
    for circuit in arguments.circuits or ("directional", "bilateral"):
        found = {seed: deviation(seed, circuit) for seed in range(*arguments.seeds)}
        good = {seed: value for seed, value in found.items() if value <= ALLOWED}
        failed |= len(good) < len(found)
        others = {seed: f"{value:.1e}" for seed, value in found.items() if seed not in good}
        worst = max(good, key=good.__getitem__)
        print(
            f"{circuit}: {len(good)} of {len(found)} networks within {ALLOWED:g}, worst of them {good[worst]:.1e} "
            f"(seed {worst})" + (f"; others by seed: {others}" if others else "")
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
