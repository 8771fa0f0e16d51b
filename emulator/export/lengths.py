"""Settling time against line length: the directional circuit in ngspice, with lines of any share of the emulator's steps.

The emulator's clock has whole steps, and a circuit has none: its lines are as long as the parameters ``td_...`` say. All of
them are set to a multiple of the graph's, down to well below a step; what the emulator predicts is the same multiple of the
settling time that its own waves have.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from emulator.errors import ExportError
from emulator.export.bundle import EXPECTED, TRAN
from emulator.export.circuit import Circuit, read_circuit
from emulator.export.confined import Limits
from emulator.export.design import TOP
from emulator.export.ngspice import simulate
from emulator.export.options import positive
from emulator.export.spice_files import spice
from emulator.export.testbench import FINE, TOLERANCE
from emulator.graph import ScatteringGraph
from emulator.measure.synapses import Floats
from emulator.network.batch import Inputs

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Settled(NamedTuple):
    """One length: times the graph's, the longest line in seconds, and settling of all states and costates in seconds."""

    factor: float
    delay: float
    circuit: float
    predicted: float


def settling_by_length(
    graph: ScatteringGraph, inputs: Inputs, targets: ArrayLike | None, factors: Sequence[float], *, limit: float = 300.0
) -> list[Settled]:
    """Run the transient of the first sample with every delay so many times that of the graph.

    Raises
    ------
    ExportError
        If a factor is no number above 0, in synapse wiring, or if ngspice is missing or fails.
    """
    if graph.wiring != "tile":
        raise ExportError(
            f"line lengths got wiring {graph.wiring!r}; allowed: tile, where a bundle has its delay as a parameter"
        )
    longest = max(int(d.max()) for c in graph.couplings for d in (c.delay_forward, c.delay_backward)) * graph.step
    with tempfile.TemporaryDirectory(prefix="backwave-lengths-") as room:
        folder = Path(room) / "out"
        spice(graph, folder, inputs, targets)
        circuit, told = read_circuit(folder / TRAN), json.loads((folder / EXPECTED).read_text(encoding="ascii"))
        found = []
        for factor in factors:
            text = with_lengths(circuit.text, positive("factor of line lengths", factor), told["transient"])
            saved = simulate(Circuit(text, circuit.digests), folder / TRAN, Limits(limit))
            times = [_settled(bundle, told, saved) for bundle in told["waves"]]
            ours, theirs = (max(part) for part in zip(*times, strict=True))
            found.append(Settled(factor, factor * longest, ours, factor * theirs))
    return found


def with_lengths(text: str, factor: float, transient: dict[str, float]) -> str:
    """A testbench with every delay, the rise of its sources, and the simulator's steps so many times what they are."""
    fine = factor * FINE * transient["step"]
    stop = transient["start"] + factor * transient["hold"] * transient["step"]
    text = re.sub(r"(?mi)^(\.param \w*td_\w+=)([-+.\de]+)$", lambda m: f"{m[1]}{float(m[2]) * factor!r}", text)
    text = re.sub(r"(PWL\(0 \S+ \S+ \S+) \S+ (\S+\))", rf"\1 {transient['start'] + fine!r} \2", text)
    return re.sub(r"(?mi)^\.tran .*$", f".tran {fine!r} {stop!r} 0 {fine!r}", text)


def _settled(bundle: str, told: dict[str, Any], saved: dict[str, Floats]) -> tuple[float, float]:
    """Seconds after which a bundle stays within 1e-3 of its largest value, in the circuit and in brian2's waves."""
    rest, waves, transient = np.array(told["rest"][bundle]), np.array(told["waves"][bundle]), told["transient"]
    band = TOLERANCE * (float(np.abs(rest).max()) or 1.0)
    late = np.flatnonzero((np.abs(waves - rest) > band).any(axis=1))
    nodes = [f"v({bundle}_{k})" for k in range(len(rest))]
    columns = [saved[node] if node in saved else saved[node.replace("v(", f"v({TOP}.")] for node in nodes]
    outside = np.flatnonzero((np.abs(np.stack(columns, axis=1) - rest) > band).any(axis=1))
    circuit = float(saved["time"][outside[-1]]) - transient["start"] if outside.size else 0.0
    return max(circuit, 0.0), (late[-1] + 1) * transient["step"] if late.size else 0.0


def length_picture(rows: Sequence[Settled]) -> Axes:
    """Settling time over the delay of the longest line, in nanoseconds, measured and predicted."""
    ax = Figure(figsize=(5.5, 4.0), layout="constrained").add_subplot()
    delay = [1e9 * row.delay for row in rows]
    ax.loglog(delay, [1e9 * row.predicted for row in rows], "-", color="#D55E00", label="predicted by the emulator")
    ax.loglog(delay, [1e9 * row.circuit for row in rows], "o", color="#0072B2", label="circuit, in ngspice")
    ax.set(xlabel="delay of the longest line (ns)", ylabel="settling time (ns)", title="Settling against line length")
    ax.legend()
    return ax
