"""Settling time against line length in ngspice, down to lines a hundredth of the emulator's, beside its prediction.

python -m tests.benchmarks.lengths [PICTURE]       needs ngspice; a minute
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from emulator.export.lengths import length_picture, settling_by_length
from emulator.units import si
from tests.support.circuits import chain, sample


def main() -> None:
    """Print the table, and draw the picture."""
    graph = chain((4, 5, 3))
    rows = settling_by_length(graph, *sample(graph), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0))
    table = Table("lengths", "longest line", "circuit", "predicted")
    for row in rows:
        table.add_row(f"{row.factor:g}", si(row.delay, "s"), si(row.circuit, "s"), si(row.predicted, "s"))
    Console(width=100).print(table)
    if len(sys.argv) > 1:
        length_picture(rows).figure.savefig(sys.argv[1], dpi=150)


if __name__ == "__main__":
    main()
