"""What an export says beside its netlists: which node is what, and which values the circuit must show.

The folder carries the network and the sample, so that a reader works out the rest anew; digests of everything are in
the map. See `emulator.export.claim` for the way back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.export.dialect import read_by
from emulator.export.expected import SIGNALS, Sample
from emulator.export.folder import FORMAT, MAP
from emulator.export.testbench import Bench
from emulator.families.bilateral.lines import lines_of
from emulator.graph import ScatteringGraph
from emulator.graph.names import printable
from emulator.measure.synapses import Floats

LIBRARY, OWN, NETLIST, OP, TRAN, CORNERS, EXPECTED, NETWORK = (
    "lib.inc", "cells.inc", "net.cir", "tb_op.cir", "tb_tran.cir", "tb_corners.cir", "expected.json", "network.npz",
)  # fmt: skip
EXPECTED_FORMAT, VERSION = "backwave-expected", 4


def circuit_files(own: bool, corners: bool) -> tuple[str, ...]:
    """Netlists of an export: with cells of one's own, and with corners, or without."""
    return (LIBRARY, *([OWN] if own else []), NETLIST, OP, TRAN, *([CORNERS] if corners else []))


def all_files(own: bool, corners: bool) -> tuple[str, ...]:
    """Everything in an export's folder."""
    return (*circuit_files(own, corners), MAP, EXPECTED, NETWORK)


def write_bundle(
    folder: Path, bench: Bench, warnings: Sequence[str], task: Sequence[Sample] = (), cells: Sequence[str] = ()
) -> None:
    """Write expected values, network and map beside the netlists that are there already.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    bench.graph.network.save(folder / NETWORK)
    values = expected_values(bench)
    values["task"] = [[one.inputs.tolist(), one.targets.tolist()] for one in task]
    (folder / EXPECTED).write_text(json.dumps(values, allow_nan=False) + "\n", encoding="ascii")
    described = _map(bench, warnings, cells)
    described["waves"] = {name: wave_digest(np.array(wave)) for name, wave in (values["waves"] or {}).items()}
    described["digests"] = {name: file_digest(folder / name) for name in described["files"] if name != MAP}
    described["seal"] = seal(described)
    text = json.dumps(described, indent=1, allow_nan=False)
    (folder / MAP).write_text(text + "\n", encoding="ascii")


def expected_values(bench: Bench) -> dict[str, Any]:
    """The sample, and expected values in volts, bundle by bundle."""
    graph, volts, waves = bench.graph, bench.options.volts, bench.expected.waves
    rest = {
        f"{signal}{row}": (bench.expected.rest[signal][site.start : site.stop] * volts).tolist()
        for signal, row, site, _ in bench.probes()
    }
    moving = None
    if waves is not None:
        moving = {
            f"{signal}{row}": (waves[signal][:, site.start : site.stop] * volts).tolist()
            for signal, row, site, _ in bench.probes("x", "lam")
        }
    ends = np.cumsum([graph.network.size(name) for name in graph.network.inputs])[:-1]
    parts = zip(graph.network.inputs, np.split(bench.expected.sample.inputs, ends), strict=True)
    return {
        "format": EXPECTED_FORMAT,
        "version": VERSION,
        "sample": {
            "inputs": {name: part.tolist() for name, part in parts},
            "targets": bench.expected.sample.targets.tolist(),
        },
        "rest": rest,
        "transient": {
            "start": bench.start, "step": graph.step, "hold": bench.expected.hold, "stop": bench.stop,
        },
        "waves": moving,
    }  # fmt: skip


def bundles(graph: ScatteringGraph) -> list[dict[str, Any]]:
    """Which nodes are which numbers of which layers."""
    layers: dict[str, list[tuple[str, str]]] = {}
    for layer, (site, signal) in graph.layer_sites.items():
        layers.setdefault(site, []).append((layer, signal))
    return [
        {
            "nodes": f"{signal}{row}_<k>",
            "count": site.size,
            "is": SIGNALS[signal],
            "layers": [name for name, kind in layers.get(site.name, []) if (kind == "s") == (signal in ("s", "mu"))],
            "row": printable(site.name),
            "role": site.role,
        }
        for row, site in enumerate(graph.sites)
        for signal in SIGNALS
        if site.role != "source" or signal in ("x", "lam")
    ]


def crossbars(graph: ScatteringGraph) -> list[dict[str, Any]]:
    """Number, layer and size of every crossbar and bundle of wires."""
    return [
        {"number": number, "layer": coupling.layer, "rows": len(coupling.rows), "columns": len(coupling.columns)}
        for number, coupling in enumerate(graph.couplings)
    ]


def probed_bundles(graph: ScatteringGraph, rows: Iterable[int], signals: Iterable[str]) -> dict[str, slice]:
    """Bundles of the rows that are probed, by name, and the neurons that each is of."""
    wanted = tuple(signals)
    return {
        f"{signal}{row}": slice(graph.sites[row].start, graph.sites[row].stop)
        for row in rows
        for signal in wanted
        if graph.sites[row].role != "source" or signal in ("x", "lam")
    }


def _map(bench: Bench, warnings: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    graph, options = bench.graph, bench.options
    return {
        "format": FORMAT,
        "version": VERSION,
        "files": list(all_files(bool(cells), bool(bench.corners))),
        "kind": "spice",
        "network": graph.network.digest,
        "dialect": options.dialect,
        "read_by": read_by(options.dialect),
        "circuit": options.circuit,
        "synapse": options.synapse,
        "wiring": graph.wiring,
        "loss": graph.loss,
        "kappa": bench.expected.kappa,
        "volts_per_state": options.volts,
        "ohms_per_unit": options.ohms,
        "volts_per_costate": options.volts,
        "prefix": options.prefix,
        "seed": options.seed if options.mismatch else None,
        "warnings": list(warnings),
        "probed": list(bench.rows),
        "bundles": bundles(graph),
        "crossbars": crossbars(graph),
        "lines": _lines(bench),
        "cells": list(cells),
        "corners": {one.name: one.values.get("vfs", options.volts) for one in bench.corners},
        "corners_stop": bench.corners_stop if bench.corners else None,
    }


def _lines(bench: Bench) -> dict[str, Any] | None:
    """What moves the rest: two-way lines that do not carry on all that they are given, one by one."""
    if not bench.options.bilateral:
        return None
    lines = lines_of(bench.graph)
    if not lines.changes_waves:
        return None
    parts = {"impedance": lines.impedance, **vars(lines.passes), **vars(lines.mishaps)}
    return {name: np.asarray(values, dtype=np.float64).tolist() for name, values in parts.items()}


def seal(described: Mapping[str, Any]) -> str:
    """SHA-256 of a map without its own seal."""
    rest = {name: value for name, value in described.items() if name != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def wave_digest(values: Floats) -> str:
    """SHA-256 of the numbers of a waveform."""
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").tobytes()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
