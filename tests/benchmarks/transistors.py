"""A 4-5-3 of transistors beside the chips of the hardware model that its cells were fitted to.

``python -m tests.benchmarks.transistors [--mismatch]``: with mismatch, every pair and mirror is drawn, and the model fitted to
twelve draws of each cell.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np

from emulator import NetworkBuilder, compile_network
from emulator.export import Options, Verification, spice, verify
from emulator.export.measured_cells import measure
from hwmodels import HardwareModel, load
from hwmodels.fit_cells import fit_cells

#: seconds of a step, and steps of a line: the cells need some 10 ns
STEP, STEPS = "20 ns", "40 ns"


def network(seed: int = 7, sizes: tuple[int, ...] = (4, 5, 3)):
    """A chain with a tanh layer and a linear one, and a batch within full scale."""
    rng = np.random.default_rng(seed)
    b = NetworkBuilder()
    h = b.input("x", sizes[0])
    for k, (n, m) in enumerate(itertools.pairwise(sizes)):
        weight, bias = rng.normal(0, n**-0.5, (m, n)).round(3), rng.normal(0, 0.1, m).round(3)
        h = b.dense(h, weight, bias, name=f"h{k}", activation="tanh" if k == 0 else "identity")
    timing = {"clock.node_update_interval": STEP, "lines.delay_forward": STEPS, "lines.delay_backward": STEPS}
    graph = compile_network(b.build(output=h), hardware=load("ideal").replace(timing), seed=seed)
    return graph, rng.uniform(-1, 1, (20, sizes[0])), rng.uniform(-1, 1, (20, sizes[-1]))


def fitted(mismatch: bool) -> HardwareModel:
    """What the bundled cells are, as a hardware model."""
    return fit_cells(measure("ota", {"mm": 1.0} if mismatch else {}, draws=12 if mismatch else 1)).model


def verified(
    hardware: HardwareModel, folder: Path, *, mismatch: bool = False, seed: int = 1, samples: int = 20, chips: int = 40
) -> Verification:
    """Export the network with the cells, and compare it with the chips."""
    graph, inputs, targets = network()
    spice(
        graph,
        folder / "out",
        inputs,
        targets,
        cells="ota",
        options=Options(volts=0.2, ohms=20e3, seed=seed),
    )
    if mismatch:
        net = folder / "out" / "net.cir"
        net.write_text(net.read_text().replace(".param bw_mm=0.0", ".param bw_mm=1.0"))
    return verify(folder / "out", samples=samples, hardware=hardware, chips=chips, tolerance=1.0 if mismatch else None)


def main() -> None:
    """Print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mismatch", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        outcome = verified(fitted(asked.mismatch), Path(room), mismatch=asked.mismatch)
    for check in outcome.checks:
        print(f"{check.name:16} {check.deviation:.2g} of the largest magnitude in the row, at {check.worst}")
    for cell in outcome.cells:
        print(f"cell {cell.cell:11} {cell.deviation:.2g} of full scale, at {cell.worst}; allowed {cell.allowed:g}")
    found = outcome.prediction
    if found is not None:
        print(
            f"{found.share:.1%} of {found.compared} states and costates within 3 standard deviations, rms {found.spread:.2f}"
        )
        print(*found.worst, sep="\n")


if __name__ == "__main__":
    main()
