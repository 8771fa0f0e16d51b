"""Rows of neurons: what is largest in each, and back to the neurons; whether all are numbers."""

from __future__ import annotations

import numpy as np

from emulator.graph import ScatteringGraph
from emulator.measure.synapses import Floats


def span(places: np.ndarray) -> slice | np.ndarray:
    """Columns as a slice where they follow one another, which need not be copied; else as they are."""
    if len(places) and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def by_neuron(values: Floats) -> Floats:
    """A copy of values (B, N) that keeps those of a neuron together, so that rows of neurons are worked with in one run."""
    return np.array(values, order="F")


def largest(graph: ScatteringGraph, values: Floats) -> Floats:
    """The largest magnitude of every row (B, R) in values of neurons (B, N); no number where one is none."""
    size = np.abs(values)
    if not size.flags.f_contiguous:
        return np.asarray(np.maximum.reduceat(size, [site.start for site in graph.sites], axis=1))
    found = np.empty((len(graph.sites), len(size)))
    for site, row in zip(graph.sites, found, strict=True):
        np.maximum.reduce(size[:, site.start : site.stop], axis=1, out=row)
    return found.T


def finite(values: Floats) -> np.ndarray:
    """For every sample (B,), whether all of its values (B, n) are numbers."""
    good = np.isfinite(values)
    return np.ones(len(values), bool) if good.all() else np.asarray(good.all(axis=1))


def spread(graph: ScatteringGraph, rows: Floats) -> Floats:
    """What belongs to rows (B, R), at each of their neurons (B, N)."""
    return np.repeat(rows, [site.size for site in graph.sites], axis=1)
