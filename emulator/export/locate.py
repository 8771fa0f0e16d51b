"""Which cell of a circuit is wrong: every cell's equation, with what its own pins show, so that faults do not spread.

At rest a pre-activation is the weighted sum of the states that the circuit has, right or wrong; a state is the function of
its own pre-activation; a costate is the weighted sum of those behind. What does not hold is the fault of the cell between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emulator.export.netlist import Nodes
from emulator.export.tiles import blocks, synapses_in
from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.measure.rest import first_slopes
from emulator.measure.synapses import Floats, crossbar
from emulator.network import activation_function, softmax


@dataclass(frozen=True)
class Suspect:
    """A cell whose equation does not hold.

    Parameters
    ----------
    cell : str
        Its instance, or what else stands between the nodes.
    node : str
        Where it shows.
    found, expected : float
        What the node is, and what the cell's other pins make of it; in units of the network.
    deviation : float
        Their difference over what rounding may make of it.
    """

    cell: str
    node: str
    found: float
    expected: float
    deviation: float


def locate(
    graph: ScatteringGraph,
    found: Mapping[str, Floats],
    inputs: Floats,
    targets: Floats,
    kappa: float,
    allowed: Mapping[str, Floats],
) -> tuple[Suspect, ...]:
    """The cells whose equations do not hold, the worst first.

    Parameters
    ----------
    graph, found, inputs, targets, kappa
        As for `equations`.
    allowed : dict of signal to (N,)
        Deviations that count as none.
    """
    wanted, source = equations(graph, found, inputs, targets, kappa)
    off = {name: np.abs(found[name] - wanted[name]) / allowed[name] for name in wanted}
    off["s"][source] = off["mu"][source] = 0.0
    bad = {name: np.where(np.isfinite(values), values, np.inf) > 1 for name, values in off.items()}
    node, suspects = Nodes(graph), []
    for signal, flags in bad.items():
        for n in np.flatnonzero(flags).tolist():
            cell = _cell(graph, signal, n, bool(source[n]), bad, node)
            figures = float(found[signal][n]), float(wanted[signal][n]), float(off[signal][n])
            suspects.append(Suspect(cell, node(signal, n), *figures))
    return tuple(sorted(suspects, key=lambda one: -one.deviation))


def equations(
    graph: ScatteringGraph, found: Mapping[str, Floats], inputs: Floats, targets: Floats, kappa: float
) -> tuple[dict[str, Floats], np.ndarray]:
    """What every cell's equation makes of its own pins, and which neurons are sources.

    Parameters
    ----------
    graph : ScatteringGraph
    found : dict of signal to (N,)
        ``x``, ``s``, ``lam`` and ``mu`` of the circuit at rest.
    inputs, targets : (n,)
        Of the sample.
    kappa : float
        What multiplies the gradient of a squared loss.
    """
    x, lam = found["x"], found["lam"]
    wanted = {name: np.zeros_like(x) for name in ("x", "s", "lam", "mu")}
    for layer, parameters in graph.network.parameters.items():
        wanted["s"][graph.layer_neurons(layer)] += parameters.bias
    for coupling in graph.couplings:
        weight = crossbar(graph, coupling)
        wanted["s"][coupling.columns] += x[coupling.rows] if weight is None else weight @ x[coupling.rows]
        given = found["mu"][coupling.columns]
        np.add.at(wanted["lam"], coupling.rows, given if weight is None else given @ weight)
    outputs = graph.layer_neurons(graph.network.output)
    answers = softmax(x[outputs]) if graph.loss == "softmax_cross_entropy" else x[outputs]
    wanted["lam"][outputs] += (1.0 if graph.loss == "softmax_cross_entropy" else kappa) * (answers - targets)
    source = np.zeros(len(x), dtype=bool)
    neurons = np.concatenate([graph.layer_neurons(name) for name in graph.network.inputs])
    wanted["x"][neurons], source[neurons] = inputs, True
    for site in graph.sites:
        if site.role != "source":
            own = slice(site.start, site.stop)
            wanted["x"][own] = activation_function(site.function, site.slope).phi(found["s"][own])
    wanted["mu"] = np.where(source, 0.0, first_slopes(graph, found["s"]) * lam)
    return wanted, source


def _cell(
    graph: ScatteringGraph, signal: str, neuron: int, source: bool, bad: Mapping[str, np.ndarray], node: Nodes
) -> str:
    at = node("", neuron)
    row = at.split("_")[0]
    if signal == "x" and source:
        return f"source of {node('x', neuron)} in the testbench"
    if signal in ("x", "mu"):
        site = graph.sites[int(row)]
        return f"neuron {at} ({site.function})"
    outputs = graph.layer_neurons(graph.network.output).tolist()
    if signal == "lam" and neuron in outputs:
        k = outputs.index(neuron)
        return f"xload{k}, or its target y{k}"
    other = "lam" if signal == "s" else "s"
    found = []
    for number, coupling in enumerate(graph.couplings):
        ours, others = (coupling.columns, coupling.rows) if signal == "s" else (coupling.rows, coupling.columns)
        where = np.flatnonzero(ours == neuron)
        if not where.size:
            continue
        side = "column" if signal == "s" else "row"
        crossed = [k for k in range(len(others)) if bad[other][others[k]]]
        if coupling.layer is None:
            found.append(f"wire {where[0]} of bundle {number}")
        elif crossed:
            found += [_synapse(graph, number, coupling, side, int(where[0]), k) for k in crossed]
        else:
            found.append(f"{side} {where[0]} of crossbar {number}" + (f", or bias {at}" if side == "column" else ""))
    return " or ".join(found) or f"bias {at}"


def _synapse(graph: ScatteringGraph, number: int, coupling: Coupling, side: str, one: int, other: int) -> str:
    """The instance of a synapse."""
    r, c = (other, one) if side == "column" else (one, other)
    parts = [p for p in blocks(len(coupling.rows), len(coupling.columns)) if len(synapses_in(coupling, p))]
    for k, (rows, columns) in enumerate(parts):
        if r in rows and c in columns:
            return f"xtile{number}_{k}.xw{r - rows.start}_{c - columns.start}"
    return f"row {r}, column {c} of crossbar {number}"
