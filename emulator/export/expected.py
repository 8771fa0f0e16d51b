"""What an exported circuit must show: the exact reference at rest, and brian2's waves on the way there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import ExportError
from emulator.export.waves import matched_waves, two_way_waves
from emulator.families.bilateral.lines import lines_of
from emulator.families.bilateral.rest import OwnRest
from emulator.graph import ScatteringGraph
from emulator.measure.reference import Reference, reference
from emulator.measure.rest import first_slopes, load_conductance, neuron_values, operating_point
from emulator.measure.stability import Prediction, predict
from emulator.measure.synapses import Floats
from emulator.network import check_batch
from emulator.network.batch import Inputs

#: signals of a neuron, and what they are
SIGNALS = {"x": "state", "s": "pre-activation", "lam": "costate", "mu": "costate of the pre-activation"}

#: factor by which deviations from rest are to fall in a transient, and how long that may take, in longest round trips
_DEPTH = 1e-4
_LEAST, _MOST, _UNKNOWN = 10, 60, 20


@dataclass(frozen=True)
class Sample:
    """One sample, after which another is presented; N inputs in the order of ``network.inputs``.

    Parameters
    ----------
    inputs, targets : (n,)
        Side by side for all inputs of the network.
    """

    inputs: Floats
    targets: Floats


@dataclass(frozen=True)
class Expected:
    """Values in units of the network, N neurons.

    Parameters
    ----------
    sample, before : Sample
        What the testbenches present, and what the transient starts from.
    exact : Reference
        Of `sample`.
    rest : dict of signal to (N,)
        By the exact reference, or by the static equations of two-way lines that attenuate; the pre-activation and its
        costate are 0 at sources.
    hold : int
        Steps for which the sample is presented.
    waves : dict of signal to (hold, N), or None
        ``x`` and ``lam`` at every step in brian2 under the matched or the bilateral law, the step in which the sample
        appears first; None if not followed, or if two-way lines did not come to rest before.
    prediction : Prediction or None
        Of small deviations on two-way lines.
    kappa : float
        What multiplies the gradient of a squared loss.
    """

    sample: Sample
    before: Sample
    exact: Reference
    rest: dict[str, Floats]
    hold: int
    waves: dict[str, Floats] | None
    prediction: Prediction | None = None
    kappa: float = 1.0


def first_samples(graph: ScatteringGraph, inputs: Inputs, targets: ArrayLike | None, most: int) -> list[Sample]:
    """The first samples of a batch with targets."""
    data, wanted = check_batch(graph.network, inputs, targets)
    if wanted is None:
        return []
    rows = np.hstack([data[name] for name in graph.network.inputs])
    return [Sample(row, desired) for row, desired in zip(rows[:most], wanted[:most], strict=True)]


def expect(
    graph: ScatteringGraph,
    inputs: Inputs,
    targets: ArrayLike | None,
    sample: int,
    *,
    two_way: bool = False,
    hold: int | None = None,
    predicted: bool = True,
    waves: bool = True,
) -> Expected:
    """Work out what one sample of a batch settles to, and how it gets there.

    Parameters
    ----------
    graph : ScatteringGraph
    inputs, targets
        A batch, as for `emulator.settle`; targets are needed.
    sample : int
        Which one of it.
    two_way : bool
        On the two-way lines of the graph's bilateral law, or else under the matched law.
    hold : int, optional
        Steps to present it for on two-way lines. By default twice the time in which small deviations are predicted to
        fall by 1e-4, at least 10 and at most 60 longest round trips; 20 without a prediction.
    predicted, waves : bool
        Whether to predict the settling on two-way lines, and to follow their waves.

    Raises
    ------
    ExportError
        If there are no targets or no such sample.
    NetworkError
        If the batch does not suit the network.
    """
    data, wanted = check_batch(graph.network, inputs, targets)
    if wanted is None:
        raise ExportError("targets are missing; allowed: a batch with targets, which the load of the circuit needs")
    if isinstance(sample, bool) or not isinstance(sample, int) or not 0 <= sample < len(wanted):
        raise ExportError(f"sample is {sample!r}; allowed: 0 to {len(wanted) - 1}")
    one, desired = {name: rows[sample] for name, rows in data.items()}, wanted[sample]
    nothing = {name: np.zeros_like(row) for name, row in one.items()}
    level = 1 / len(desired) if graph.loss == "softmax_cross_entropy" else 0.0
    undecided = np.full_like(desired, level)
    exact = reference(graph.network, one, desired[np.newaxis])
    x, s, lam = (values[0] for values in neuron_values(graph, exact))
    pair, wanted = {name: np.stack([nothing[name], one[name]]) for name in one}, np.stack([undecided, desired])
    prediction = moving = None
    if two_way:
        point = operating_point(graph, exact)
        if lines_of(graph).changes_waves and not isinstance(point, OwnRest):
            raise ExportError(
                f"the bilateral circuit has no rest that is found with sample {sample}, for what its lines do to waves; allowed: "
                "hardware with which it rests, such as without lines that break and leave a node without any"
            )
        x, s, lam = point.x, point.s, point.lam
        prediction = predict(graph, exact, _DEPTH) if predicted else None
        hold = _patience(graph, prediction) if hold is None else hold
        moving = two_way_waves(graph, pair, wanted, hold) if waves else None
    elif waves:
        moving = matched_waves(graph, pair, wanted)
        hold = len(moving["x"])
    return Expected(
        Sample(np.concatenate(list(one.values())), desired),
        Sample(np.concatenate(list(nothing.values())), undecided),
        exact,
        {"x": x, "s": s, "lam": lam, "mu": first_slopes(graph, s) * lam},
        hold or 0,
        moving,
        prediction,
        load_conductance(graph) if two_way else 1.0,
    )


def resting(expected: Expected, hold: int | None) -> Expected:
    """The same with a rest after the last wave: cells with a bandwidth of their own need time, as much again or `hold`.

    Raises
    ------
    ExportError
        If `hold` ends before the last wave.
    """
    waves = expected.waves
    if waves is None:
        return expected
    if hold is not None and hold < expected.hold:
        raise ExportError(f"hold is {hold} steps; allowed: {expected.hold} and more, until the last wave has landed")
    more = max(expected.hold, 4) if hold is None else hold - expected.hold
    longer = {name: np.concatenate([wave, np.repeat(wave[-1:], more, axis=0)]) for name, wave in waves.items()}
    return replace(expected, hold=expected.hold + more, waves=longer)


def _patience(graph: ScatteringGraph, prediction: Prediction | None) -> int:
    trip = graph.longest_round_trip
    if prediction is None:
        return _UNKNOWN * trip
    return int(min(max(2 * prediction.steps, _LEAST * trip), _MOST * trip))
