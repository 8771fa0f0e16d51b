"""Where Wave-PMP rests: its own rest, and how far that is from backpropagation.

With transport (``nu > 0``) the two differ, see `emulator.laws.wave_pmp`. The rest is computed from the stationary equations
alone; a run that settles confirms it, and the distance of a substrate from its own rest is never mixed with the bias of
that rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.engine.layout import biases
from emulator.errors import EngineError
from emulator.families.wave_pmp.equations import Equations, Point
from emulator.families.wave_pmp.newton import solve
from emulator.graph import ScatteringGraph
from emulator.graph.penalties import state_penalties
from emulator.laws.wave_pmp import WavePMP
from emulator.measure.bias import Bias
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, exact_point, first_slopes, neuron_values
from emulator.measure.synapses import crossbar
from emulator.network import softmax

Floats = NDArray[np.float64]
#: shares of `nu` over which a rest is followed from backpropagation, where Newton's method does not find it at once
_SHARES = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0)


@dataclass(frozen=True)
class OwnRest(OperatingPoint):
    """A rest, with the data and targets that it belongs to.

    Parameters
    ----------
    ext : (N,)
        Data of the sources and targets of the outputs, 0 elsewhere.
    found : bool
        Whether the stationary equations hold to round-off.
    """

    ext: Floats | None = None
    found: bool = True


def law_of(graph: ScatteringGraph) -> WavePMP:
    """The law of a graph.

    Raises
    ------
    EngineError
        If it is another.
    """
    if not isinstance(graph.law, WavePMP):
        raise EngineError(f"law {graph.law.name} has no waves that are transported; allowed: law wave-pmp")
    return graph.law


def data_of(graph: ScatteringGraph, point: OperatingPoint) -> Floats:
    """Data and targets (N,) of a point: its own, or those that make it exact backpropagation."""
    if isinstance(point, OwnRest) and point.ext is not None:
        return point.ext
    ext, out = np.zeros(graph.neurons), graph.layer_neurons(graph.network.output)
    for name in graph.network.inputs:
        at = graph.layer_neurons(name)
        ext[at] = point.x[at]
    if point.loaded:
        wanted = point.x[out] if graph.loss == "mse" else softmax(point.x[out])
        ext[out] = wanted + (state_penalties(graph) * point.x - point.lam)[out]
    return ext


def rest_near(
    graph: ScatteringGraph, point: OperatingPoint, equations: Equations | None = None
) -> tuple[OwnRest, Equations, Point]:
    """The rest of a graph near a point, of the same data; with equations of the graph that are there already."""
    ext = data_of(graph, point)
    equations = Equations(graph, law_of(graph), biases(graph), point.loaded) if equations is None else equations
    start = equations.start(point.x, point.lam)
    with np.errstate(all="ignore"):
        at, found = solve(equations, start, ext)
        if not found:
            at, found = _followed(equations, start, ext)
    return OwnRest(at.x, at.s, at.lam, point.loaded, ext, found), equations, at


def _followed(equations: Equations, start: Floats, ext: Floats) -> tuple[Point, bool]:
    """Follow a rest from the one without transport."""
    nu_up, nu_down = equations.nu_up, equations.nu_down
    point, found = equations.at(start, ext), False
    for share in _SHARES:
        equations.nu_up, equations.nu_down = share * nu_up, share * nu_down
        point, found = solve(equations, start, ext)
        if not found:
            break
        start = equations.start(point.x, point.lam)
    equations.nu_up, equations.nu_down = nu_up, nu_down
    return equations.at(start, ext) if not found else point, found


def bias_of(graph: ScatteringGraph, reference: Reference) -> Bias:
    """Compute the rest of every sample of a batch, and compare its gradient with backpropagation.

    Raises
    ------
    EngineError
        If the law is another, or the reference has no targets.
    """
    if not reference.costates:
        raise EngineError("bias of a rest: the reference has no targets; allowed: one with targets")
    x, s, lam = neuron_values(graph, reference)
    equations = Equations(graph, law_of(graph), biases(graph), True)
    rests = [rest_near(graph, exact_point(graph, reference, k), equations) for k in range(len(x))]
    good = np.array([rest.found for rest, _, _ in rests])
    if not good.any():
        return Bias(math.nan, math.nan, math.nan, math.nan, 0.0)
    states = np.stack([point.x for _, _, point in rests])[good]
    mu = np.stack([point.mu for _, _, point in rests])[good]
    costates = np.stack([point.lam for _, _, point in rests])[good]
    exact_mu, exact = (first_slopes(graph, s) * lam)[good], list[Floats]()
    layout, (rows, columns) = equations.links.layout, _received(equations, states, mu)
    ours, penalties = list[Floats](), graph.network.penalties
    for link, block in zip(graph.couplings, layout.blocks, strict=True):
        if link.layer is None:
            continue
        weight = crossbar(graph, link)
        layer = graph.network.dense[link.layer]
        decay = penalties[link.layer].weight * weight if link.layer in penalties and weight is not None else 0.0
        if layout.tile:
            product = columns[:, block.column_taps].T @ rows[:, block.row_taps] / len(rows)
        else:
            product = block.matrix((rows[:, layout.row] * columns[:, layout.column]).mean(axis=0))
        ours += [(layer.existing(product) + decay).ravel(), mu[:, link.columns].mean(axis=0)]
        product = exact_mu[:, link.columns].T @ x[good][:, link.rows] / len(rows)
        exact += [(layer.existing(product) + decay).ravel(), exact_mu[:, link.columns].mean(axis=0)]
    inner = ~equations.links.source
    held = np.stack([point.s for _, _, point in rests])[good]
    state = max(_largest(states - x[good]), _largest((held - s[good])[:, inner]))
    costate = max(_largest(costates - lam[good]), _largest((mu - exact_mu)[:, inner]))
    return Bias.of(ours, exact, state, costate, float(good.mean()))


def _largest(values: Floats) -> float:
    return float(np.abs(values).max(initial=0.0))


def _received(equations: Equations, states: Floats, mu: Floats) -> tuple[Floats, Floats]:
    """What taps have of states and costates (B, N), (B, C) each."""
    links, sending = equations.links, equations.sending
    return (
        (links.sent("up", 1) @ sending.sent("x", states).T).T + links.heard.offset,
        (links.sent("down", 1) @ sending.sent("mu", mu).T).T + links.heard.offset,
    )


def numbers_sent(graph: ScatteringGraph, reference: Reference) -> tuple[Floats, Floats]:
    """States and waves that neurons send forward, costates and waves that they send backward, at the rests of a batch."""
    loaded = bool(reference.costates)
    equations = Equations(graph, law_of(graph), biases(graph), loaded)
    links, ports, count = equations.links, equations.links.layout.lines_of_port > 0, graph.neurons
    raw = np.zeros(count, bool)
    raw[links.layout.tap_port[links.passing.taps & (links.layout.tap_port >= count)] - count] = True
    forward, backward = [], []
    for k in range(len(next(iter(reference.states.values())))):
        at = rest_near(graph, exact_point(graph, reference, k), equations)[2]
        forward.append(np.concatenate([at.x[ports[:count]], at.a[ports[:count]]]))
        back, passed = ports[count:] & ~raw, ports[count:] & raw
        backward.append(np.concatenate([at.mu[ports[count:]], at.m[back], at.c[passed]]))
    return np.array(forward), np.array(backward)
