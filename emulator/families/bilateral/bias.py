"""What is asked of rests that are not exact backpropagation: where they are, how far from it, and how far a run is from them."""

from __future__ import annotations

import math

import numpy as np

from emulator.engine import Recording
from emulator.engine.layout import Floats, biases
from emulator.families.bilateral.carriage import carriage_of
from emulator.families.bilateral.layout import BilateralLayout, lay_out
from emulator.families.bilateral.rest import OwnRest, Statics, rests_of
from emulator.graph import ScatteringGraph
from emulator.graph.penalties import state_penalties
from emulator.measure.bias import Bias
from emulator.measure.deviation import Deviation
from emulator.measure.fields import Fields
from emulator.measure.maps import Maps
from emulator.measure.passage import plain_passage
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, exact_point, first_slopes, load_conductance, neuron_values
from emulator.measure.roundoff import EPSILON, Rounding, answer_terms, rounding_of
from emulator.network import softmax


def own_rest(graph: ScatteringGraph, reference: Reference, sample: int) -> OperatingPoint:
    """Where a graph rests with one sample of a reference."""
    exact = exact_point(graph, reference, sample)
    if carriage_of(lay_out(graph)).ideal:
        return exact
    x, s, lam = (one[np.newaxis] for one in (exact.x, exact.s, exact.lam))
    found = rests_of(graph, s, lam, *_given(graph, x, lam, exact.loaded), exact.loaded)
    if not found.found[0]:
        return exact
    return OwnRest(found.x[0], found.s[0], found.lam[0], exact.loaded, found.leaving[0], found.arriving[0])


def _given(graph: ScatteringGraph, x: Floats, lam: Floats, loaded: bool) -> tuple[Floats, Floats]:
    """Data (B, inputs) and targets (B, outputs) of exact values (B, N)."""
    out = graph.layer_neurons(graph.network.output)
    data = np.hstack([x[:, graph.layer_neurons(name)] for name in graph.network.inputs])
    if not loaded:
        return data, np.zeros((len(x), len(out)))
    answer = (lam - state_penalties(graph) * x)[:, out]
    return data, (x[:, out] if graph.loss == "mse" else softmax(x[:, out])) - answer / load_conductance(graph)


def bias_of(graph: ScatteringGraph, reference: Reference) -> Bias | None:
    """The rests of a batch against backpropagation; None where they are the same, or without targets."""
    layout = lay_out(graph)
    if carriage_of(layout).ideal or not reference.costates:
        return None
    x, s, lam = neuron_values(graph, reference)
    lam = load_conductance(graph) * lam
    rests = rests_of(graph, s, lam, *_given(graph, x, lam, True), True)
    good = rests.found
    if not good.any():
        return Bias(math.nan, math.nan, math.nan, math.nan, 0.0)
    mu = first_slopes(graph, s) * lam
    rows, columns = _at_crossbars(graph, layout, rests.arriving[good])
    us, them = list[Floats](), list[Floats]()
    for link, block in zip(graph.couplings, layout.blocks, strict=True):
        if link.layer is None:
            continue
        parameters, layer = graph.network.parameters[link.layer], graph.network.dense[link.layer]
        penalty = graph.network.penalties.get(link.layer)
        decay = 0.0 if penalty is None else penalty.weight * parameters.weight
        here = slice(None), block.row_taps
        there = slice(None), block.column_taps - len(layout.crossbars.driver)
        products = columns[there].T @ rows[here], mu[good][:, link.columns].T @ x[good][:, link.rows]
        for found, product, costate in zip((us, them), products, (rests.mu, mu), strict=True):
            found += [
                (layer.existing(product / good.sum()) + decay).ravel(),
                costate[good][:, link.columns].mean(axis=0),
            ]
    inner = np.array([name != "source" for name in layout.function])
    return Bias.of(
        us,
        them,
        max(_largest((rests.x - x)[good]), _largest((rests.s - s)[good][:, inner])),
        max(_largest((rests.lam - lam)[good]), _largest((rests.mu - mu)[good][:, inner])),
        float(good.mean()),
    )


def _largest(values: Floats) -> float:
    return float(np.abs(values).max(initial=0.0))


def _at_crossbars(graph: ScatteringGraph, layout: BilateralLayout, arriving: Floats) -> tuple[Floats, Floats]:
    """State at every row and costate at every column (B, ...), of waves at taps (B, P)."""
    bars = layout.crossbars
    row = bars.row_share * arriving[:, bars.row_tap] + (1 - bars.row_share) * arriving[:, bars.row_stub]
    column = arriving[:, bars.column_tap] - bars.stubbed * arriving[:, bars.column_stub]
    for block in layout.blocks:
        if block.layer is None:
            continue
        r, c = block.row_taps, block.column_taps - len(bars.driver)
        weight, z = graph.network.parameters[block.layer].weight, bars.row_impedance[r]
        inner = np.diag(bars.column_impedance[c]) + (weight * z) @ weight.T
        column[:, c] = np.linalg.solve(inner, 2 * (weight @ row[:, r].T - column[:, c].T)).T
        row[:, r] = 2 * row[:, r] - z * (column[:, c] @ weight)
    return row, column


def own_deviation(
    graph: ScatteringGraph,
    layout: BilateralLayout,
    recording: Recording,
    feed: Floats,
    loaded: bool,
    more: Floats | None = None,
) -> Deviation:
    """How far a substrate is from its own rest; infinite where none is found.

    Parameters
    ----------
    graph, layout, recording
        What ran, with the weights that it had.
    feed : (B, inputs + outputs)
    loaded : bool
    more : (B, P), optional
        What else is added to the waves at taps.
    """
    count = graph.neurons
    x, mu = recording.u[:, :count], recording.u[:, count:]
    held = Fields(recording.v[:, count:] + biases(graph), x, recording.lam, mu if loaded else np.zeros_like(mu))
    data, wanted = np.split(feed, [len(layout.inputs)], axis=1)
    with np.errstate(all="ignore"):
        rest = Statics(graph, loaded).rests(held.s, held.lam, data, wanted, more)
        at = Fields(rest.s, rest.x, rest.lam if loaded else held.lam, rest.mu if loaded else held.mu)
        lost = ~rest.found[:, np.newaxis]
        off = Fields(
            *(np.where(lost, np.inf, here - there) for here, there in zip(_parts(held), _parts(at), strict=True))
        )
        off.s[:, [name == "source" for name in layout.function]] = 0.0
        rounding = rounding_of(graph, layout, Maps.of(graph, plain_passage(graph)), held, wanted if loaded else None)
        least = EPSILON * np.abs(rest.arriving).max(axis=1, keepdims=True)
        current = least / layout.impedance.min()
        parts = zip(_parts(rounding), (least, least, current * loaded, current * loaded), strict=True)
        rounding = Fields(*(part + more for part, more in parts))
        terms = answer_terms(graph, x[:, layout.outputs], wanted).max(axis=1) if loaded else np.zeros(len(x))
    return Deviation(held, off, Rounding(lambda: rounding), terms)


def _parts(fields: Fields) -> tuple[Floats, Floats, Floats, Floats]:
    return fields.s, fields.x, fields.lam, fields.mu
