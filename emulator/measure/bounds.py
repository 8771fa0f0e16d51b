"""How far a settled substrate may be from exact backpropagation when ports send only changes of at least q.

A receiver is off by less than q from the wave of its driver. Under the matched law every node rests on what
it received, so with absolute values throughout, ``L1 = sup |phi'|``, ``L2 = sup |phi''|``, and sums over the
crossbars and wires of a neuron,

    ex = 0 at sources        es = sum |W| (ex + q)                ex = L1 es
    el = ex (mse) or ||ex||/2 (cross-entropy) at the output, plus sum |W|^T (em + q), plus the penalty's share of ex
    em = L1 el + L2 es |lam|
    |dW error| <= (em + q) (|x| + ex + q)^T + |mu| (ex + q)^T     |db error| <= em

since a crossbar's gradient is the product of what it received on both sides, and the bias reads the neuron's
own wave. Where an activation has a kink (relu and leaky_relu at 0) that is no further than `es`, its slope is unknown and there
is no bound from there on. The bound also holds for other node laws where they settle completely, since they
rest on the same equations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.graph.coupling import Coupling
from emulator.graph.penalties import state_penalties
from emulator.measure.reference import Reference
from emulator.measure.rest import first_slopes, neuron_values
from emulator.measure.synapses import Floats, crossbar
from emulator.network import Dense, Gradient
from emulator.network.activations import activation_function


@dataclass(frozen=True)
class Bound:
    """Largest absolute errors of a settled batch of B samples; inf where none can be given.

    Parameters
    ----------
    states, costates : dict of (B, n)
        Of every layer (of a dense layer: pre-activation and its costate); costates are empty without targets.
    gradients : dict of Gradient
        Of the batch-averaged weight and bias gradient of every dense layer; empty without targets.
    """

    states: dict[str, Floats]
    costates: dict[str, Floats]
    gradients: dict[str, Gradient]


def error_bound(graph: ScatteringGraph, reference: Reference, q: float) -> Bound:
    """Bound the errors that the send-on-change threshold causes.

    Parameters
    ----------
    graph : ScatteringGraph
    reference : Reference
        Exact result for the batch.
    q : float
        Threshold, at least 0; with 0 the bound is 0.

    Raises
    ------
    EngineError
        If `q` is negative or not finite.
    """
    if not math.isfinite(q) or q < 0:
        raise EngineError(f"error bound: q is {q!r}; allowed: a finite number, at least 0")
    x, s, lam = neuron_values(graph, reference)
    first, second = _steepness(graph, q)
    es = _forward(graph, first, q, len(x))
    ex = first * es
    states = {name: _of_layer(graph, name, ex, es) for name in graph.network}
    if not reference.costates:
        return Bound(states, {}, {})
    unknown = np.where((es > 0) & (_from_kink(graph, s) <= es), np.inf, 0.0)
    el, em = _backward(graph, first, second * es * np.abs(lam) + unknown, q, ex)
    costates = {name: _of_layer(graph, name, el, em) for name in graph.layer_sites}
    for name in reversed(list(graph.network)):
        if name not in graph.layer_sites:
            costates[name] = _returned(graph, name, em + q, costates)
    mu = first_slopes(graph, s) * lam
    return Bound(
        states,
        {name: costates[name] for name in states},
        {c.layer: _gradient(c, x, mu, ex + q, em, q) for c in graph.couplings if c.layer is not None},
    )


def held_back(graph: ScatteringGraph, s: Floats, lam: Floats, q: float, loaded: bool) -> tuple[Floats, ...]:
    """The bound at every neuron, around a rest with these pre-activations and costates: of s, x, lam and mu, (B, N) each.

    A slope that is not known at a kink is off by the jump there at most.
    """
    first, second = _steepness(graph, q)
    es = _forward(graph, first, q, len(s))
    ex, none = first * es, np.zeros_like(s)
    if not loaded:
        return es, ex, none, none
    unknown = np.where((es > 0) & (_from_kink(graph, s) <= es), _jumps(graph) * np.abs(lam), 0.0)
    return es, ex, *_backward(graph, first, second * es * np.abs(lam) + unknown, q, ex)


def _steepness(graph: ScatteringGraph, q: float) -> tuple[Floats, Floats]:
    """Bounds on ``|phi'|`` and ``|phi''|`` of every neuron (N,); without a threshold they do not matter.

    Raises
    ------
    EngineError
        If an activation has none.
    """
    first, second = np.zeros(graph.neurons), np.zeros(graph.neurons)
    for site in graph.sites:
        if site.role != "source":
            function, part = activation_function(site.function, site.slope), slice(site.start, site.stop)
            if q > 0 and not (math.isfinite(function.L1) and math.isfinite(function.L2)):
                raise EngineError(
                    f"activation {function.name!r} has no bounds on its derivatives (L1 is {function.L1}, L2 {function.L2}); "
                    f"allowed with a threshold of {q:g}: finite ones"
                )
            first[part], second[part] = (function.L1, function.L2) if q > 0 else (0.0, 0.0)
    return first, second


def _from_kink(graph: ScatteringGraph, s: Floats) -> Floats:
    """How far every pre-activation (B, N) is from where its slope jumps; inf where it never does."""
    distance = np.full_like(s, np.inf)
    for site in graph.sites:
        if site.role != "source":
            part = slice(site.start, site.stop)
            for kink in activation_function(site.function, site.slope).kinks:
                distance[:, part] = np.minimum(distance[:, part], np.abs(s[:, part] - kink))
    return distance


def _jumps(graph: ScatteringGraph) -> Floats:
    """By how much the slope of every neuron jumps at most, and at least 1 (N,)."""
    jumps = np.ones(graph.neurons)
    for site in graph.sites:
        if site.role != "source":
            jumps[site.start : site.stop] = max(1.0, activation_function(site.function, site.slope).jump)
    return jumps


def _forward(graph: ScatteringGraph, first: Floats, q: float, samples: int) -> Floats:
    """Error of every pre-activation, (B, N)."""
    es = np.zeros((samples, graph.neurons))
    for coupling in graph.couplings:
        rows, columns = coupling.rows, coupling.columns
        weight, received = crossbar(graph, coupling), first[rows] * es[:, rows] + q
        es[:, columns] += received if weight is None else received @ np.abs(weight).T
    return es


def _backward(graph: ScatteringGraph, first: Floats, bent: Floats, q: float, ex: Floats) -> tuple[Floats, Floats]:
    """Errors of every costate and of its pre-activation's, (B, N) each; `bent` is what a wrong slope adds."""
    el, em = np.zeros_like(ex), np.zeros_like(ex)
    output = graph.layer_neurons(graph.network.output)
    answer = ex[:, output]
    if graph.loss == "softmax_cross_entropy":
        answer = np.broadcast_to(np.linalg.norm(answer, axis=1, keepdims=True) / 2, answer.shape)
    el[:, output] = answer
    el += state_penalties(graph) * ex
    for coupling in reversed(graph.couplings):
        rows, columns = coupling.rows, coupling.columns
        em[:, columns] = first[columns] * el[:, columns] + bent[:, columns]
        returned = _back(em[:, columns] + q, crossbar(graph, coupling))
        np.add.at(el.T, rows, returned.T)  # a concatenation may hold a neuron twice
    return el, em


def _back(received: Floats, weight: Floats | None) -> Floats:
    """``|W|^T`` times errors; an error without bound passes on through weights other than 0 only."""
    if weight is None:
        return received
    lost = np.isinf(received)
    finite: Floats = np.where(lost, 0.0, received) @ np.abs(weight)
    return np.where(lost @ (weight != 0), np.inf, finite) if lost.any() else finite


def _of_layer(graph: ScatteringGraph, name: str, whole: Floats, inner: Floats) -> Floats:
    """A layer's part of neuron values: the neuron's own, or its pre-activation's."""
    kind = graph.layer_sites.get(name, ("", "x"))[1]
    return (whole if kind == "x" else inner)[:, graph.layer_neurons(name)]


def _returned(graph: ScatteringGraph, name: str, received: Floats, costates: dict[str, Floats]) -> Floats:
    """Error of the costate that the readers of a concatenation send back, (B, n)."""
    network = graph.network
    total = np.zeros((len(received), network.size(name)))
    for reader in network.consumers(name):
        if reader in graph.layer_sites:
            part = received[:, graph.layer_neurons(reader)]
            if isinstance(network[reader], Dense):
                total += _back(part, network.parameters[reader].weight)
            else:
                total += network.sources(reader).count(name) * part
            continue
        stops = np.cumsum([network.size(source) for source in network.sources(reader)])
        for source, stop in zip(network.sources(reader), stops, strict=True):
            if source == name:
                total += costates[reader][:, stop - network.size(name) : stop]
    return total


def _gradient(coupling: Coupling, x: Floats, mu: Floats, ex: Floats, em: Floats, q: float) -> Gradient:
    """Error of the gradient that a crossbar measures, averaged over the batch."""
    x, ex = x[:, coupling.rows], ex[:, coupling.rows]
    mu, em = mu[:, coupling.columns], em[:, coupling.columns]
    return Gradient(((em + q).T @ (np.abs(x) + ex) + np.abs(mu).T @ ex) / len(x), em.mean(axis=0))
