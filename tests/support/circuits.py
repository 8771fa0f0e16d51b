"""Networks, folders and runs that the export tests share."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from emulator import NetworkBuilder, ScatteringGraph, compile_network
from emulator.export import Options
from emulator.export.cells import library
from emulator.export.expected import expect
from emulator.export.netlist import network
from emulator.export.ngspice import run_ngspice
from emulator.export.spice_text import design_text, library_text
from emulator.export.testbench import Bench
from emulator.export.two_way import with_two_way_lines
from emulator.laws import Law
from tests.graphs import random_batch, random_network
from tests.substrate import delays

#: circuit, synapse and wiring that go together
KINDS = [
    *itertools.product(["directional"], ["gyrator", "transformer"], ["tile", "synapse"]),
    *itertools.product(["bilateral"], ["gyrator", "transformer"], ["tile"]),
]
#: what befalls two-way lines of a `chain` and has its place in a circuit, each direction unlike the other
MISHAPS = {
    "faults.stuck_port": {"places": ("h0[1]",), "value": 0.3, "direction": "forward"},
    "faults.dead_node": {"places": ("h0[3]",)}, "faults.open_line": {"places": ("h0[2]",)}, "lines.crosstalk": 0.06,
    "lines.attenuation_forward": 0.9, "lines.attenuation_backward": 0.95, "lines.impedance_tolerance": 0.1,
    "noise.gain_mismatch_forward": 0.02, "noise.offset_mismatch_backward": 0.01,
}  # fmt: skip


@pytest.fixture
def ngspice() -> None:
    """Skip without ngspice, or fail where it is required."""
    if shutil.which("ngspice") is None:
        words = "ngspice is not installed: install it, such as by apt-get install ngspice"
        if os.environ.get("BACKWAVE_REQUIRE_SPICE") == "1":
            pytest.fail(words)
        pytest.skip(words)


def node(saved: dict[str, np.ndarray], name: str) -> np.ndarray:
    """What ngspice saved of a node, at a pin or within the network."""
    return saved.get(f"v({name})", saved.get(f"v(xnet.{name})"))  # type: ignore[return-value]


def random_case(seed: int, wiring: str = "tile", low: int = 1, high: int = 5):
    """A random graph with one sample."""
    rng = np.random.default_rng(seed)
    net = random_network(rng, max_width=8, max_depth=6)
    inputs, targets = random_batch(rng, net, 1)
    return compile_network(net, hardware=delays(low, high), wiring=wiring, seed=seed), inputs, targets  # type: ignore[arg-type]


def scaled(factor: float) -> ScatteringGraph:
    """A chain whose weights are those of another times a factor."""
    rng = np.random.default_rng(5)
    b = NetworkBuilder()
    h = b.input("x", 3)
    for n, m in itertools.pairwise((3, 4, 2)):
        h = b.dense(h, factor * rng.normal(0, n**-0.5, (m, n)), rng.normal(0, 0.1, m), activation="tanh")
    return compile_network(b.build(output=h), hardware=delays(1, 3), seed=1)


def chain(
    sizes: tuple[int, ...] = (3, 4, 2),
    *,
    loss: str = "mse",
    names: tuple[str, ...] = (),
    wiring: str = "tile",
    low: int = 1,
    high: int = 3,
    activation: str = "tanh",
    law: Law | None = None,
    hardware: dict[str, object] | None = None,
) -> ScatteringGraph:
    """A chain with fixed weights and unequal delays."""
    rng = np.random.default_rng(7)
    b = NetworkBuilder()
    h = b.input(names[0] if names else "x", sizes[0])
    for k, (n, m) in enumerate(itertools.pairwise(sizes)):
        weight, bias = rng.normal(0, n**-0.5, (m, n)).round(3), rng.normal(0, 0.1, m).round(3)
        h = b.dense(h, weight, bias, name=names[k + 1] if names else f"h{k}", activation=activation)
    net = b.build(output=h, loss=loss)
    model = delays(low, high).replace(hardware or {})
    return compile_network(net, hardware=model, law=law, seed=1, wiring=wiring)  # type: ignore[arg-type]


def sample(graph: ScatteringGraph):
    """One input and target for a chain."""
    rng = np.random.default_rng(3)
    net = graph.network
    if net.loss == "mse":
        return rng.normal(size=(1, net.size(net.inputs[0]))), rng.normal(size=(1, net.size(net.output)))
    return rng.normal(size=(1, net.size(net.inputs[0]))), np.array([1])


def operating_point(graph, inputs, targets, options: Options, folder: Path) -> float:
    """Largest deviation of ngspice's ``.op`` from the reference, relative to the largest magnitude of its bundle."""
    if options.bilateral:
        graph = with_two_way_lines(graph)
    expected = expect(graph, inputs, targets, 0, waves=False)
    design = network(graph, options, {})
    bench = Bench(design, graph, options, expected, tuple(range(len(graph.sites))))
    for name, lines in (
        ("lib.inc", library_text(library(graph, options), options.prefix)),
        ("net.cir", design_text(design)),
        ("tb.cir", bench.operating_point()),
    ):
        (folder / name).write_text("\n".join(["* test", *lines, ""]))
    found = run_ngspice(folder / "tb.cir", 60)
    worst = 0.0
    for signal, _, site, nodes in bench.probes():
        exact = expected.rest[signal][site.start : site.stop] * options.volts
        ours = np.array([found[f"v({name})"][0] for name in nodes])
        worst = max(worst, float(np.abs(ours - exact).max() / (np.abs(exact).max() or 1.0)))
    return worst
