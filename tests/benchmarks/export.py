"""How long exports take and how large they are, and how long ngspice takes to verify them.

python -m tests.benchmarks.export                        export 784-n-10 for growing n: time and size per synapse
python -m tests.benchmarks.export verify [bilateral]     and verify a row of sizes in ngspice, with a limit of 300 s
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from emulator import ExportError
from emulator.export import Options, spice, verify
from emulator.export.options import Circuit
from emulator.export.warnings import MOST_SYNAPSES
from tests.support.circuits import chain, sample

GROWING = ((784, 32, 10), (784, 64, 10), (784, 128, 10))
ROW = ((64, 32, 10), (144, 48, 10), (256, 64, 10), (784, 128, 10))
LIMIT = 300.0


def count(sizes: tuple[int, ...]) -> int:
    """Synapses of a chain."""
    return sum(a * b for a, b in itertools.pairwise(sizes))


def row(sizes: tuple[int, ...], circuit: Circuit, check: bool) -> list[str]:
    """Figures of one network."""
    graph = chain(sizes, loss="softmax_cross_entropy", low=1, high=1)
    synapses = count(sizes)
    with tempfile.TemporaryDirectory() as room:
        begun = time.perf_counter()
        done = spice(graph, Path(room) / "out", *sample(graph), options=Options(circuit))
        seconds = time.perf_counter() - begun
        size = sum((done.directory / name).stat().st_size for name in done.files)
        words = ["-".join(map(str, sizes)), str(synapses), f"{seconds:.1f}", f"{size / synapses:.0f}"]
        if check:
            begun = time.perf_counter()
            try:
                outcome = "agrees" if verify(done.directory, limit=LIMIT).agrees else "differs"
            except ExportError as error:
                outcome = str(error)
            words += [f"{time.perf_counter() - begun:.1f}", outcome]
    return words


def main() -> None:
    """Print the table."""
    check = "verify" in sys.argv[1:]
    circuit: Circuit = "bilateral" if "bilateral" in sys.argv[1:] else "directional"
    heads = ["network", "synapses", "export s", "bytes per synapse"] + ["verify s", "outcome"] * check
    table = Table(*heads, title=f"{circuit} circuit")
    for sizes in ROW if check else GROWING:
        if check and count(sizes) > MOST_SYNAPSES[circuit]:
            continue  # the export itself warns of these
        table.add_row(*row(sizes, circuit, check))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
