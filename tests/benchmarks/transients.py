"""Transients of random networks on two-way lines: ngspice against brian2, step by step, and against exact backpropagation.

    python -m tests.benchmarks.transients --seeds 0 10        needs ngspice; half a minute a network

Each seed is a network of its own (every activation, skips, both losses) on recommended lines of 1 to 5 steps. Printed are
what the spectral test predicts, the hold, and the largest deviations. The exit status is 1 if a waveform differs, or if a
network that is predicted to settle within its hold does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from emulator import ExportError
from emulator.export import Options, spice, verify
from emulator.export.options import Synapse
from tests.support.circuits import random_case

LIMIT = 300.0


def row(seed: int) -> tuple[list[str], bool]:
    """Figures of one network, and whether they are as they should be."""
    synapse: Synapse = "transformer" if seed % 2 else "gyrator"
    graph, inputs, targets = random_case(seed)
    with tempfile.TemporaryDirectory() as room:
        done = spice(graph, Path(room) / "out", inputs, targets, options=Options("bilateral", synapse))
        said = {text.split(":")[0]: text for text in done.warnings}
        expected = (
            "settles" if "spectrum" not in said else "not in its hold" if "whereas" in said["spectrum"] else "never"
        )
        try:
            checks = {check.name: check for check in verify(done.directory, limit=LIMIT).checks}
        except ExportError as error:
            return [str(seed), expected, str(error)[:60], ""], False
    waves, settled = checks.get("waveforms"), checks["settled values"]
    good = (waves is None or waves.agrees) and (settled.agrees or expected != "settles")
    return [
        str(seed),
        expected,
        "not compared" if waves is None else f"{waves.deviation:.1e}",
        f"{settled.deviation:.1e}",
    ], good


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 10), metavar=("FROM", "TO"))
    table = Table("seed", "predicted", "waves: worst against brian2", "at the end: worst against the reference")
    failed = False
    for seed in range(*parser.parse_args().seeds):
        cells, good = row(seed)
        table.add_row(*cells)
        failed |= not good
    Console(width=130).print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
